"""Commands that read the scoring log take the deployment that the monitor follows, not the newest one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import StateError
from drift.monitor.collection.row_source import LogRows, open_log
from drift.monitor.store import batches

RUNS = {"loans-1": "run of loans", "elec-2": "run of elec"}  # by deployment, the newest last


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A log with two deployments."""

    def find(_class: type, _path: Path, deployment: str = "") -> Any:
        name = deployment or list(RUNS)[-1]
        if name not in RUNS:
            raise StateError("no such deployment")
        return SimpleNamespace(training_run=RUNS[name], columns=None)

    (tmp_path / ".drift").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LogRows, "newest", classmethod(find))


@pytest.mark.parametrize(
    ("sources", "run"),
    [
        (["loans-1"], "run of loans"),
        (["elec-2", "loans-1"], "run of loans"),
        (["predictions.csv"], "run of elec"),
        ([], "run of elec"),
    ],
)
@pytest.mark.usefixtures("newest")
def test_the_deployment_that_is_followed_is_taken(
    sources: list[str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the reference of `deployed`, and by `ingest log` when no deployment is named."""
    stored = [SimpleNamespace(source=source) for source in sources]
    monkeypatch.setattr(batches, "find_monitor", lambda _connection, name: name if name == "mine" else None)
    monkeypatch.setattr(batches, "all_batches", lambda _connection, _monitor: stored)
    store: Any = SimpleNamespace(read=lambda: nullcontext(None))
    assert open_log(store, "mine").training_run == run
    assert open_log(store, "mine", "elec-2").training_run == "run of elec"
    assert open_log(store, "a new one").training_run == "run of elec"
