"""drift: train, deploy, score, detect drift, retrain, compare, promote or roll back, report.

A few names for programs, each imported when it is first used:

    drift.compare(reference, current)    do two tables differ, and where?
    drift.replay(source, options)        which policy would have retrained at the right moments?
    drift.Loop(folder)                   train a base model, deploy it, retrain, roll back
    drift.Monitor                        follow a model's predictions batch by batch

The records of options that they take: `BaseOptions`, `DeployOptions`, `ManualRetrainOptions`, `RetrainOptions`,
`TrainOptions`, `ServerOptions` and `ReplayOptions`; `DataSource` says where a table is. A monitor takes `Watch`,
`QuietHours` and `AlarmSpec`. Errors are `DriftError` and its subclasses, such as `UsageError` and `DataError`; all of
them are in `drift.errors`.

>>> import drift
>>> drift.DeployOptions(block_size=50).threshold_accuracy
0.55
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drift import errors
    from drift.comparison import Comparison
    from drift.comparison import compare_tables as compare
    from drift.errors import DataError, DriftError, UsageError
    from drift.loop.card import DataSource
    from drift.loop.library import Loop, RetrainResult, RollbackResult
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
    from drift.loop.results.deployment import DeployResult
    from drift.loop.training.base import BaseResult
    from drift.monitor.alerts.messages import QuietHours, Watch
    from drift.monitor.library import Monitor
    from drift.monitor.reference.limits import AlarmSpec
    from drift.replays.library import ReplayResult, replay
    from drift.replays.options import ReplayOptions

__version__ = "0.2.0"

__all__ = [
    "AlarmSpec",
    "BaseOptions",
    "BaseResult",
    "Comparison",
    "DataError",
    "DataSource",
    "DeployOptions",
    "DeployResult",
    "DriftError",
    "Loop",
    "ManualRetrainOptions",
    "Monitor",
    "PromoteMode",
    "QuietHours",
    "ReplayOptions",
    "ReplayResult",
    "RetrainMode",
    "RetrainOptions",
    "RetrainResult",
    "RollbackResult",
    "ServerOptions",
    "TrainOptions",
    "UsageError",
    "Watch",
    "__version__",
    "compare",
    "errors",
    "replay",
]

_MODULES = {
    "comparison": ("Comparison", "compare"),
    "errors": ("DataError", "DriftError", "UsageError"),
    "loop.card": ("DataSource",),
    "loop.library": ("Loop", "RetrainResult", "RollbackResult"),
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
    "loop.results.deployment": ("DeployResult",),
    "loop.training.base": ("BaseResult",),
    "monitor.alerts.messages": ("QuietHours", "Watch"),
    "monitor.library": ("Monitor",),
    "monitor.reference.limits": ("AlarmSpec",),
    "replays.library": ("ReplayResult", "replay"),
    "replays.options": ("ReplayOptions",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
_ALIASES = {"compare": "compare_tables"}

if not TYPE_CHECKING:  # mypy would believe that there is any name

    def __getattr__(name: str) -> object:
        """Import a name when it is first used (PEP 562)."""
        if name == "errors":
            return import_module("drift.errors")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), _ALIASES.get(name, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
