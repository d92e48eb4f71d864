"""Charts of a monitor: what the rules called bad is marked at its time, and an alert is a span."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.charts.batch_axis import BatchAxis, Point
from drift.monitor.alerts.check import check, close
from drift.monitor.alerts.messages import Watch
from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.web.charts import BEYOND, AlertSpan, Marks, heat_chart, metric_chart
from drift.monitor.web.views import Views
from tests.monitor.worlds import World, agree, monitor_of, take_in

DAY = 86_400.0


def points(*days: float | None) -> list[Point]:
    return [Point(at + 1, f"day {at}", 0.5, at=None if day is None else day * DAY) for at, day in enumerate(days)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> MonitorStore:
    """Feature `a` moves from batch 24 on, and answers become worse from batch 30 on."""
    made = MonitorStore(tmp_path_factory.mktemp("charts") / "m.db")
    take_in(made, World(batches=40, rows=200, moved_from=24, wrong_from=30))
    agree(made, 15)
    check(made, monitor_of(made), Watch())
    return made


def trace(chart: dict[str, list[dict[str, object]]], name: str) -> list[dict[str, object]]:
    return [one for one in chart["data"] if one.get("name") == name]


def test_every_batch_worse_than_tolerated_is_marked(store: MonitorStore) -> None:
    shown = Views(store).overview(monitor_of(store), metric="accuracy")
    assert shown.metric_chart is not None
    [line] = trace(shown.metric_chart, "accuracy")
    [marked] = trace(shown.metric_chart, "bad batch: worse than tolerated")
    tolerated = next(shape["y0"] for shape in shown.metric_chart["layout"]["shapes"] if shape["line"]["dash"] == "dash")
    values = dict(zip(line["x"], line["y"], strict=True))  # type: ignore[call-overload]
    assert marked["x"] == [x for x, value in values.items() if value < tolerated]
    assert {f"2026-01-{day:02d}" for day in range(31, 32)} <= {str(x)[:10] for x in marked["x"]}
    assert all(line.worse == (line.measure.measure.value < tolerated) for line in shown.lines if line.measure)


def test_every_batch_beyond_a_limit_is_marked(store: MonitorStore) -> None:
    shown = Views(store).overview(monitor_of(store), metric="accuracy")
    assert shown.metric_chart is not None
    [marked] = [one for one in shown.metric_chart["data"] if one.get("y", [None])[0] == BEYOND]
    bad = {line.batch.id for line in shown.lines if line.bad}
    assert set(marked["customdata"]) == bad >= set(range(25, 41))


def test_an_alert_is_a_span_from_its_opening(store: MonitorStore) -> None:
    monitor = monitor_of(store)
    shown = Views(store).overview(monitor)
    with store.read() as connection:
        opened = alerts.all_alerts(connection, monitor)
        everything = {batch.name: batch for batch in batches.all_batches(connection, monitor)}
    assert shown.metric_chart is not None
    spans = trace(shown.metric_chart, "alert open")
    assert len(spans) == len(opened) >= 2
    starts = {str(span["y"][0]): str(span["x"][0])[:10] for span in spans}  # type: ignore[index]
    for alert in opened:
        begun = str(everything[alert.batch].first_time)[:10]
        assert begun in starts.values()
    last = max(str(batch.last_time) for batch in everything.values())
    assert all(str(span["x"][1]) > last for span in spans)  # type: ignore[index]


def test_a_closed_alert_ends_at_the_last_batch_that_was_looked_at(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=30, rows=150, moved_from=20))
    agree(store, 12)
    monitor = monitor_of(store)
    [alert] = [one for one in check(store, monitor, Watch()).opened if one.signal == "feature:a"]
    close(store, monitor, alert, by="Ada", why="a sensor")
    take_in(store, World(batches=36, rows=150, moved_from=20))
    chart = Views(store).overview(monitor).metric_chart
    assert chart is not None
    [span] = trace(chart, "alert closed")
    assert "2026-01-30T12" <= str(span["x"][1]) <= "2026-01-31T12"  # type: ignore[index]


def test_batches_stand_at_their_times() -> None:
    axis = BatchAxis.of(points(0, 1, 2, 10))
    assert axis.x == ["1970-01-01T00:00:00", "1970-01-02T00:00:00", "1970-01-03T00:00:00", "1970-01-11T00:00:00"]
    assert axis.edge(1) == "1970-01-01T12:00:00"
    edges, columns = axis.columns
    assert columns == [0, 1, 2, None, 3]  # nothing is drawn where there are no batches
    assert len(edges) == 6
    assert edges == sorted(edges)


@pytest.mark.parametrize("days", [(0, 1, None), (0, 1, 1), (3,), ()])
def test_batches_without_times_of_their_own_stand_in_order(days: tuple[float | None, ...]) -> None:
    axis = BatchAxis.of(points(*days))
    assert not axis.timed
    assert axis.x == list(range(len(days)))
    assert axis.columns[1] == list(range(len(days)))


def test_the_heat_map_leaves_gaps_empty() -> None:
    chart = heat_chart(points(0, 1, 2, 10), {"a": [0.1, 0.2, 0.3, 0.4]})
    [drawn] = chart["data"]
    assert drawn["z"] == [[0.1, 0.2, 0.3, None, 0.4]]
    assert drawn["customdata"] == [1, 2, 3, None, 4]


def test_alerts_of_many_signals_keep_their_rows_apart() -> None:
    spans = [AlertSpan(f"signal {at:02d}", "open", 0, 1, "far") for at in range(30)]
    chart = metric_chart(points(0, 1), "accuracy", accepted=0.5, limit=0.4, versions=[], marks=Marks(spans=spans))
    rows = chart["layout"]["yaxis2"]["categoryarray"]
    assert len(rows) == len(set(rows)) == 12
    low, high = chart["layout"]["yaxis2"]["domain"]
    assert (high - low) * (chart["layout"]["height"] - 100) / len(rows) > 16  # pixels of a row
