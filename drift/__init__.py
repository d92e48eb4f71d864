"""drift: train, deploy, score, detect drift, retrain, compare, promote or roll back, report.

A few names for programs, each imported when it is first used:

    drift.compare(reference, current)    do two tables differ, and where?
    drift.replay(source, options)        which policy would have retrained at the right moments?
    drift.Loop(folder)                   train a base model, deploy it, retrain, roll back
    drift.Monitor                        follow a model's predictions batch by batch

The records of options that they take: `BaseOptions`, `DeployOptions`, `ManualRetrainOptions`, `RetrainOptions`,
`TrainOptions`, `ServerOptions` and `ReplayOptions`; `DataSource` says where a table is.

>>> import drift
>>> drift.DeployOptions(block_size=50).threshold_accuracy
0.55
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drift.comparison import Comparison
    from drift.comparison import compare_tables as compare
    from drift.loop.card import DataSource
    from drift.loop.library import Loop
    from drift.loop.options import (
        BaseOptions,
        DeployOptions,
        ManualRetrainOptions,
        PromoteMode,
        RetrainMode,
        RetrainOptions,
        ServerOptions,
        TrainOptions,
    )
    from drift.monitor.library import Monitor
    from drift.replays.library import ReplayResult, replay
    from drift.replays.options import ReplayOptions

__version__ = "0.2.0"

__all__ = [
    "BaseOptions",
    "Comparison",
    "DataSource",
    "DeployOptions",
    "Loop",
    "ManualRetrainOptions",
    "Monitor",
    "PromoteMode",
    "ReplayOptions",
    "ReplayResult",
    "RetrainMode",
    "RetrainOptions",
    "ServerOptions",
    "TrainOptions",
    "__version__",
    "compare",
    "replay",
]

_MODULES = {
    "comparison": ("Comparison", "compare"),
    "loop.card": ("DataSource",),
    "loop.library": ("Loop",),
    "loop.options": (
        "BaseOptions",
        "DeployOptions",
        "ManualRetrainOptions",
        "PromoteMode",
        "RetrainMode",
        "RetrainOptions",
        "ServerOptions",
        "TrainOptions",
    ),
    "monitor.library": ("Monitor",),
    "replays.library": ("ReplayResult", "replay"),
    "replays.options": ("ReplayOptions",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
_ALIASES = {"compare": "compare_tables"}

if not TYPE_CHECKING:  # mypy would believe that there is any name

    def __getattr__(name: str) -> object:
        """Import a name when it is first used (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), _ALIASES.get(name, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
