"""MLflow in a file of a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.tracking.connection.store import Store
from tests.stores import fresh_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return fresh_store(tmp_path, monkeypatch)
