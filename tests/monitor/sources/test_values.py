"""Values of every kind that sources have: followed from ingest to report, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drift.errors import DataError
from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.report import write_monitor_report
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.values import LARGEST
from drift.monitor.store import MonitorStore, batches
from tests.monitor.worlds import agree, monitor_of

Change = Callable[[pd.DataFrame, int], pd.DataFrame]


def frames(change: Change, *, rows: int = 60, count: int = 10, regression: bool = False) -> list[pd.DataFrame]:
    rng = np.random.default_rng(0)
    found = []
    for at in range(count):
        x = rng.normal(size=rows)
        frame = pd.DataFrame(
            {"key": np.arange(rows) + at * rows, "day": f"d{at:02d}", "x": x, "y": rng.normal(size=rows)}
        )
        frame["c"] = rng.choice(np.asarray(["a", "b"], object), rows)
        told = 2 * x if regression else np.where(x > 0, "U", "D")
        truth = told + rng.normal(size=rows) if regression else np.where(rng.uniform(size=rows) < 0.8, told, "U")
        frame = frame.assign(prediction=told, truth=truth)
        found.append(change(frame, at))
    return found


def follow(folder: Path, given: list[pd.DataFrame], *, first: int = 5) -> set[str]:
    """From ingest to report; the signals that alarm."""
    store = MonitorStore(folder / "m.db")
    columns = Columns("prediction", truth="truth", key="key", batch="day")
    ingest(store, "m", given, source="", columns=columns, batching=Batching(column="day"), ordered=True)
    agree(store, first)
    found = check(store, monitor_of(store), Watch())
    write_monitor_report(store, monitor_of(store), folder / "r.html")
    return {alert.signal for alert in found.opened}


def some(value: float, column: str = "x", since: int = 0) -> Change:
    """The first rows of a column get a value."""

    def change(frame: pd.DataFrame, at: int) -> pd.DataFrame:
        if at >= since:
            frame.loc[:4, column] = value
        return frame

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        some(np.inf),
        some(-np.inf, since=6),
        some(np.nan),
        lambda frame, at: frame.assign(x=np.nan),
        lambda frame, at: frame.assign(c=None),
        lambda frame, at: frame.assign(x=1.0),
        lambda frame, at: frame.assign(x=frame["x"] * 1e300),
        lambda frame, at: frame.assign(c=frame["x"] > 0),
        lambda frame, at: frame.assign(c=frame["c"].astype("category")),
        lambda frame, at: frame.assign(x=pd.array([1, None] * 30, dtype="Int64")),
        lambda frame, at: frame.assign(c=pd.Timestamp("2026-01-01")),
        lambda frame, at: frame.assign(x=[Decimal("1.5")] * 60),
        lambda frame, at: frame.assign(c=b"\xff\x00"),
        lambda frame, at: frame.assign(c="💥" * 300),
        lambda frame, at: frame.assign(day=f"d{at:02d}\n\r\t\u202e"),
        lambda frame, at: frame.assign(truth=None),
        lambda frame, at: frame.assign(truth="U", prediction="U"),
        lambda frame, at: frame.rename(columns={"x": "", "y": "%{y}<b>"}),
    ],
    ids=["inf", "-inf later", "nan", "all nan", "all none", "constant", "huge", "bool", "category", "Int64", "time",
         "decimal", "bytes", "emoji", "control", "no truth", "one class", "odd names"],
)  # fmt: skip
def test_values_of_any_kind_are_followed_without_an_alarm(tmp_path: Path, change: Change) -> None:
    assert follow(tmp_path, frames(change)) == set()


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        (lambda frame, at: frame.assign(x=np.nan) if at > 5 else frame, "feature:x"),
        (lambda frame, at: frame.assign(c=None) if at > 5 else frame, "feature:c"),
        (lambda frame, at: frame.assign(c="never seen") if at > 5 else frame, "feature:c"),
    ],
    ids=["missing number", "missing category", "new category"],
)
def test_values_that_go_missing_or_are_new_alarm(tmp_path: Path, change: Change, signal: str) -> None:
    assert signal in follow(tmp_path, frames(change))


@pytest.mark.parametrize(("rows", "count", "first"), [(1, 80, 60), (3, 40, 20), (1_000, 8, 1)])
def test_batches_of_any_size_are_followed(tmp_path: Path, rows: int, count: int, first: int) -> None:
    assert follow(tmp_path, frames(lambda frame, at: frame, rows=rows, count=count), first=first) == set()


@pytest.mark.parametrize("column", ["truth", "prediction"])
def test_numbers_to_predict_are_finite(tmp_path: Path, column: str) -> None:
    with pytest.raises(DataError, match=f"expected finite numbers in column '{column}', got inf"):
        follow(tmp_path, frames(some(np.inf, column), regression=True))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected columns of different names in the source, got x more than once"):
        follow(tmp_path, frames(lambda frame, at: frame.rename(columns={"y": "x"})))


def test_numbers_whose_squares_are_none_count_as_infinite(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    given = frames(some(-10 * LARGEST), count=1)
    columns = Columns("prediction", truth="truth", key="key", batch="day")
    ingest(store, "m", given, source="", columns=columns, batching=Batching(column="day"), ordered=True)
    with store.read() as connection:
        [batch] = batches.all_batches(connection, monitor_of(store))
        [(_, rows)] = batches.rows_of(connection, batch.id)
    assert rows.features["x"].tolist()[:5] == [-np.inf] * 5


def test_categories_are_the_same_whether_a_value_is_missing_or_not(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    given = frames(lambda frame, at: frame.assign(zone=np.arange(60) % 3), count=2)
    given[1]["zone"] = given[1]["zone"].where(given[1]["zone"] > 0)
    columns = Columns("prediction", truth="truth", key="key", batch="day", categories=("zone",))
    slices = ("second: zone == 1",)
    ingest(store, "m", given, source="", columns=columns, batching=Batching(column="day"), ordered=True, slices=slices)
    with store.read() as connection:
        for batch in batches.all_batches(connection, monitor_of(store)):
            [(_, rows)] = batches.rows_of(connection, batch.id)
            assert set(rows.features["zone"].dropna()) <= {"0", "1", "2"}
            found = batches.history(connection, monitor_of(store), ["accuracy"], whole=False)[batch.id]
            assert [one.measure.rows for one in found if one.of_slice] == [20]


def test_truth_that_is_called_otherwise_than_predictions_is_refused(tmp_path: Path) -> None:
    """Yes and no as booleans, and as numbers: an accuracy of 0 would say nothing about the model."""

    def mixed(frame: pd.DataFrame, at: int) -> pd.DataFrame:
        return frame.assign(prediction=frame["prediction"] == "U", truth=(frame["truth"] == "U").astype(int))

    with pytest.raises(DataError, match="got predictions False, True and truth 0, 1"):
        follow(tmp_path, frames(mixed))
    (tmp_path / "few").mkdir()
    few = frames(lambda frame, at: mixed(frame, at).head(15))  # of which all may be wrong, but not as a reference
    with pytest.raises(DataError, match="called as predictions are"):
        follow(tmp_path / "few", few)
    with MonitorStore(tmp_path / "few" / "m.db").read() as connection:
        assert len(batches.all_batches(connection, batches.all_monitors(connection)[0])) == 10


def test_lists_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected texts or numbers in column 'c'"):
        follow(tmp_path, frames(lambda frame, at: frame.assign(c=pd.Series([[1] for _ in range(60)], dtype=object))))


def test_keys_are_the_same_whether_typed_as_whole_numbers_or_not(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    columns = Columns("prediction", truth="truth", key="key", batch="day")
    given = frames(lambda frame, at: frame, count=2)
    as_floats = [frame.assign(key=frame["key"].astype(float)) for frame in given]
    for some_frames in (given, as_floats):
        done = ingest(
            store, "m", some_frames, source="", columns=columns, batching=Batching(column="day"), ordered=True
        )
    assert (done.stored, done.unchanged) == (0, 2)
