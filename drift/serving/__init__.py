"""What answers: one TorchServe, owned from start to end, behind the `Predictor` that the loop knows.

    java      which Java runs it                  guard     the process that outlives us and ends it
    settings  the files it is started with        record    what a folder says about its server
    server    one server process                  keys      its tokens, always valid ones
    control   load, scale, switch, unload         client    features in, probabilities out
    archive   a model packed by digest            handler   what runs inside the worker
    labelled  a client for people: class names
    service   all of it for one model's name: the only part that the loop needs

Importing this room is cheap: torch, requests and TorchServe are imported where they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drift.serving.python_client import Client, Prediction
    from drift.serving.torchserve.archive import build_archive
    from drift.serving.torchserve.client import TorchServeClient
    from drift.serving.torchserve.control import default_version_of
    from drift.serving.torchserve.process.record import ServerRecord, end_orphan, running
    from drift.serving.torchserve.process.server import TorchServe
    from drift.serving.torchserve.service import ModelService

__all__ = [
    "Client",
    "ModelService",
    "Prediction",
    "ServerRecord",
    "TorchServe",
    "TorchServeClient",
    "build_archive",
    "default_version_of",
    "end_orphan",
    "running",
]

_HOME = {
    "Client": "labelled",
    "ModelService": "service",
    "Prediction": "labelled",
    "ServerRecord": "record",
    "TorchServe": "server",
    "TorchServeClient": "client",
    "build_archive": "archive",
    "default_version_of": "control",
    "end_orphan": "record",
    "running": "record",
}


def __getattr__(name: str) -> object:
    """Import an entry point when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
