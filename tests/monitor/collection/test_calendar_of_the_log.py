"""A monitor that begins from the scoring log does not follow what is computed from the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

from drift.commands.monitor import ingestion
from drift.data.blocks import Reference
from drift.data.calendar import CALENDAR_NAMES, calendar_features
from drift.monitor.collection import row_source
from drift.monitor.collection.row_source import COLUMNS, LogRows, without_calendar
from drift.monitor.pipeline.set_reference import rows_of_run
from drift.monitor.sources.column_roles import Columns
from drift.monitor.store import MonitorStore, batches
from drift.tracking.runs import lookup as tracking

NIGHT = "night: day_sin > 0.5"


class Log(LogRows):
    """A deployment that scored three blocks of a day each, with features of the calendar."""

    @property
    def columns(self) -> Columns:
        return COLUMNS

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for block in range(3):
            rows = np.arange(48)
            time = np.datetime64("2026-01-05T00:00", "ms") + (48 * block + rows) * np.timedelta64(30, "m")
            told = {
                "row": 48 * block + rows, "block": f"block {block}", "version": 1, "prediction": "a", "truth": "a",
                "confidence": 0.9, "time": time, "x": rows % 7 * 1.0,
            }  # fmt: skip
            yield pd.DataFrame(told | dict(zip(CALENDAR_NAMES, calendar_features(time).T, strict=True)))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MonitorStore:
    (tmp_path / ".drift").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFT_MONITOR_STORE", raising=False)
    deployment: Any = SimpleNamespace(id="shop-1", model="shop_model")
    monkeypatch.setattr(row_source.LogRows, "newest", classmethod(lambda _class, path, name="": Log(path, deployment)))
    return MonitorStore(tmp_path / "m.db")


def begin(store: MonitorStore, *slices: str) -> tuple[str, ...]:
    """Ingest twice, and the features that are followed then."""
    for _ in range(2):
        with pytest.raises(typer.Exit) as ended:
            ingestion.ingest(source="log", store=store.name, slices=list(slices))
        assert ended.value.exit_code == 0
    with store.read() as connection:
        found = batches.find_monitor(connection, "default")
    assert found is not None
    return tuple(name for name, _ in found.columns.features)


def test_features_of_the_calendar_are_left_out(store: MonitorStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert begin(store) == ("x",)
    told = capsys.readouterr().out
    assert told.count("no features, since they are computed from the time: day_sin, day_cos, week_sin, week_cos") == 1
    assert "since the monitor does not know them" not in told
    assert "3 there already" in told


def test_one_that_a_slice_names_is_followed(store: MonitorStore) -> None:
    assert begin(store, NIGHT) == ("x", "day_sin")


def test_a_monitor_that_follows_them_goes_on(store: MonitorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is what an earlier version of this package began."""
    with monkeypatch.context() as earlier:
        earlier.setattr("drift.monitor.pipeline.ingest.without_calendar", lambda columns, slices: columns)
        assert begin(store) == ("x", *CALENDAR_NAMES)
    assert begin(store) == ("x", *CALENDAR_NAMES)


def test_columns_of_those_names_without_a_time_are_the_users_own() -> None:
    own = Columns("prediction", truth="truth")
    assert without_calendar(own, ()) == own


@pytest.mark.parametrize("followed", [("x",), ("x", *CALENDAR_NAMES)])
def test_the_reference_of_a_training_run_has_the_monitor_s_features(
    followed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("x", *CALENDAR_NAMES)
    rng = np.random.default_rng(0)
    accepted = Reference(
        rng.normal(size=(50, 5)).astype(np.float32), np.zeros(50, np.int64), np.full((50, 2), 0.5, np.float32),
        names, ("a", "b"),
    )  # fmt: skip
    monkeypatch.setattr(tracking, "load_reference", lambda *args: accepted)
    monkeypatch.setattr("drift.tracking.connection.store.connect", lambda: None)
    monitor: Any = SimpleNamespace(
        columns=SimpleNamespace(features=tuple((name, "number") for name in followed), rules=1)
    )
    assert tuple(rows_of_run(monitor, "run").features) == followed
