"""The monitor as a library: `Monitor` does what the commands do, with data frames as well as with files."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from drift.errors import UsageError
from drift.monitor import library
from drift.monitor.library import Monitor
from tests.monitor.worlds import World

ROLES: dict[str, Any] = {"key": "id", "time": "at", "batch": "day", "probability": "p", "version": "model"}


def test_the_example_of_its_docstring() -> None:
    assert doctest.testmod(library).failed == 0


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "file"])
def test_sources_give_the_same_batches(kind: str, tmp_path: Path) -> None:
    frame = pd.concat(list(World(batches=3)), ignore_index=True)
    frame.to_parquet(tmp_path / "rows.parquet")
    source = {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "arrow": pl.from_pandas(frame).to_arrow(),
        "file": tmp_path / "rows.parquet",
    }[kind]
    with Monitor.open(tmp_path / "m.db", "shop") as monitor:
        assert repr(monitor) == "Monitor('shop', no batches)"
        result = monitor.ingest(source, prediction="prediction", label="truth", **ROLES)
        assert (result.stored, result.rows, result.begun) == (3, 600, True)
        again = monitor.ingest(frame)
        assert (again.unchanged, again.begun) == (3, False)


def test_labels_come_later_and_an_alert_is_looked_after(tmp_path: Path) -> None:
    world = World(batches=16, rows=150, moved_from=8, truth_until=0)
    with Monitor.open(tmp_path / "m.db") as monitor:
        for frame in world:
            monitor.ingest(frame, prediction="prediction", label="truth", **ROLES)
        assert monitor.metrics().empty
        labels = pd.concat(list(world.known()))[["id", "truth"]].rename(columns={"truth": "sold"})
        joined = monitor.labels(labels, label="sold")
        assert (joined.joined, joined.waiting, joined.batches) == (16 * 150, 0, 16)
        metrics = monitor.metrics()
        assert list(metrics["batch"].unique()) == [f"day {day:03d}" for day in range(16)]
        assert metrics["value"].notna().all()
        assert metrics.loc[metrics["measure"] == "accuracy", "of_class"].tolist() == [None] * 16

        assert monitor.reference is None
        assert (repr(monitor), len(monitor.distances())) == ("Monitor('default', 16 batches, no reference)", 0)
        result = monitor.set_reference(first_batches=8, why="accepted", by="the buyers")
        assert (result.measured, result.reference.agreed_by) == (16, "the buyers")
        assert str(result).startswith(
            "reference 1: 1,200 rows, the first 8 batches; by the buyers; 16 batches measured"
        )
        assert repr(monitor) == "Monitor('default', 16 batches, reference 1)"
        distances = monitor.distances()
        assert list(distances.columns) == ["batch", "signal", "value", "limit", "bad"]
        bad = distances[distances["signal"] == "feature:a"].groupby("batch")["bad"].first()
        assert bad.tolist() == [False] * 8 + [True] * 8
        checked = monitor.check()
        [alert] = [alert for alert in checked.open if alert.signal == "feature:a"]
        assert monitor.acknowledge(alert.id, why="on it", by="ada").acknowledged_by == "ada"
        _, still_bad = monitor.close_alert(alert.id, why="looked into", by="ada")
        assert "batch day 015" in still_bad
        with pytest.raises(UsageError, match="expected an alert that is not closed"):
            monitor.acknowledge(alert.id, why="again")
        assert monitor.report(tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_one_text_is_one_name_and_a_path_is_no_store(tmp_path: Path) -> None:
    with Monitor.open(tmp_path / "m.db") as monitor:
        monitor.ingest(
            World(batches=1).batch(0), prediction="prediction", label="truth", **ROLES, ignore="a", slices="high: b > 0"
        )
        record = monitor.record
        assert (record.columns.ignore, tuple(record.slices)) == (("a",), ("high: b > 0",))
    for store in (tmp_path / "m.db", str(tmp_path / "m.db")):
        with pytest.raises(UsageError, match=r"use drift\.Monitor\.open\(path\)"):
            Monitor(store)  # type: ignore[arg-type]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape("there is no monitor yet: no store")):
        Monitor.open(tmp_path / "none.db", create=False)
    with Monitor.open(tmp_path / "m.db", "shop") as monitor:
        with pytest.raises(UsageError, match="got 'shop'; it is empty"):
            monitor.check()
        with pytest.raises(UsageError, match="expected --prediction COLUMN"):
            monitor.ingest(World(batches=1).batch(0))
        monitor.ingest(World(batches=1).batch(0), prediction="prediction", label="truth", **ROLES)
        with pytest.raises(UsageError, match="expected one of --first_batches"):
            monitor.set_reference(why="none chosen")
