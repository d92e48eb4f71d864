"""Serving: one server that answers for a model, behind the `Predictor` that the loop knows.

torchserve       TorchServe, owned from start to end
python_client    a client for programs of the user's own: features in, names of classes out

Importing this package is cheap: torch, requests and TorchServe are imported where they are used.
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

MODULES = {
    "Client": "python_client",
    "ModelService": "torchserve.service",
    "Prediction": "python_client",
    "ServerRecord": "torchserve.process.record",
    "TorchServe": "torchserve.process.server",
    "TorchServeClient": "torchserve.client",
    "build_archive": "torchserve.archive",
    "default_version_of": "torchserve.control",
    "end_orphan": "torchserve.process.record",
    "running": "torchserve.process.record",
}


def __getattr__(name: str) -> object:
    """Import an entry point when it is first asked for (PEP 562)."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
