"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """What MLflow (`set_tracking_uri`) and others set in the environment, a width too, reaches no later test."""
    before = _ours()
    yield
    for name in _ours().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True, scope="session")
def no_keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys of whoever runs the tests sign and trust nothing here."""
    os.environ["DRIFT_KEYS"] = str(tmp_path_factory.mktemp("keys"))


@pytest.fixture(autouse=True, scope="session")
def no_make_above() -> None:
    """A `make` that a test runs prints and does the same under `make test` as under pytest alone."""
    for name in ("COLUMNS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        os.environ.pop(name, None)


def _ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("MLFLOW_", "DRIFT_", "COLUMNS"))}
