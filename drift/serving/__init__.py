"""Serving: one server that answers for a model, behind the `Predictor` that the loop knows.

torchserve       TorchServe, owned from start to end
python_client    a client for programs of the user's own: features in, names of classes out

Importing this package is cheap: torch, requests and TorchServe are imported where they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drift.serving.python_client import Client as Client
    from drift.serving.python_client import Prediction as Prediction
    from drift.serving.torchserve.archive import build_archive as build_archive
    from drift.serving.torchserve.client import TorchServeClient as TorchServeClient
    from drift.serving.torchserve.service import ModelService as ModelService

MODULES = {
    "Client": "python_client",
    "ModelService": "torchserve.service",
    "Prediction": "python_client",
    "TorchServeClient": "torchserve.client",
    "build_archive": "torchserve.archive",
}


def __getattr__(name: str) -> object:
    """Import an entry point when it is first asked for (PEP 562)."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
