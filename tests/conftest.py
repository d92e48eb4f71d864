"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """What MLflow sets in the environment (`set_tracking_uri` does) reaches no process of a later test."""
    before = _ours()
    yield
    for name in _ours().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("MLFLOW_", "DRIFT_"))}
