"""`monitor reference --training_run deployed` takes the model of the deployment that the monitor follows."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drift.commands.monitor import agreeing
from drift.errors import StateError
from drift.monitor.collect.log import LogRows
from drift.monitor.store import batches

RUNS = {"loans-1": "run of loans", "elec-2": "run of elec"}  # by deployment, the newest last


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A log with two deployments."""

    def find(_path: Path, deployment: str = "") -> Any:
        name = deployment or list(RUNS)[-1]
        if name not in RUNS:
            raise StateError("no such deployment")
        return SimpleNamespace(training_run=RUNS[name])

    (tmp_path / ".drift").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LogRows, "newest", find)


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
def test_deployed_is_the_deployment_that_is_followed(
    sources: list[str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = [SimpleNamespace(source=source) for source in sources]
    monkeypatch.setattr(batches, "all_batches", lambda _connection, _monitor: stored)
    store: Any = SimpleNamespace(read=lambda: nullcontext(None))
    assert agreeing._deployed(store, None) == run  # type: ignore[arg-type]  # the monitor is not looked at
