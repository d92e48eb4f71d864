"""An empty MLflow database for a test: copied, since making its tables takes a second each time."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from contextlib import chdir, closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from drift.tracking.connection.store import DEFAULT_STORE, Store, connect

VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")


def fresh_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that `connect(create=True)` makes in an empty folder, which becomes the current one."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    empty_store(folder)
    return connect(create=True)


def empty_store(folder: Path, *, artifacts: str | None = None) -> Path:
    """The file of MLflow's in a folder, with its tables, as the first command there makes it.

    Args:
        folder: which may have no such file.
        artifacts: of experiment 0; by default in the folder.
    """
    template, store = _template(), folder / DEFAULT_STORE
    shutil.copy(template, store)
    with closing(sqlite3.connect(store)) as connection, connection:
        if artifacts is None:
            connection.execute(
                "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)",
                (str(template.parent), str(folder)),
            )
        else:
            connection.execute("UPDATE experiments SET artifact_location = ?", (artifacts,))
    return store


def opened_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on SQLite refuses to write, as it does where a file may not be written, also to root."""
    connect_to = sqlite3.connect

    def connected(*words: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect_to(*words, **options)
        connection.execute("PRAGMA query_only = ON")
        return connection

    monkeypatch.setattr("sqlite3.dbapi2.connect", connected)


@cache
def _template() -> Path:
    """The database as MLflow makes it, once for each process of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="drift-mlflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kept = os.environ.pop(VARIABLES[0], None)
    try:
        with chdir(folder):
            connect(create=True)
    finally:
        os.environ.pop(VARIABLES[0], None)
        if kept is not None:
            os.environ[VARIABLES[0]] = kept
    return folder / DEFAULT_STORE
