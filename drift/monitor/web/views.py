"""What a page shows, read from the store; charts included. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from drift.charts.batch_axis import Point
from drift.charts.plots import Chart
from drift.detect.profiles.aligned_counts import ComparedCell, sides_of
from drift.metrics import metrics_by_name
from drift.metrics.regression.errors import LARGE as LARGE_ERRORS
from drift.monitor.alerts.series import counts_for, is_judged, loss_name
from drift.monitor.drift.signals import LABEL, display_name
from drift.monitor.store import MonitorStore, alerts, batches, references
from drift.monitor.store.records import Alert, Batch, Drift, MonitorRecord, MonitorReference, SliceMeasure
from drift.monitor.web.charts import AlertSpan, Marks, cells_chart, distance_chart, heat_chart, metric_chart
from drift.monitor.web.errors import ErrorViews
from drift.monitor.web.reading import Reading, beside, stamp

MOST_SIGNALS = 20  # rows of the overview's map
PER_PAGE = 50  # batches in its table
OF_CHANCE = "exceeded by chance in 5 % of batches"


@dataclass(frozen=True)
class MonitorLine:
    """A monitor in a table.

    Attributes:
        monitor: its record.
        batches: how many it has.
        newest: its newest batch.
        alerts: how many, by state.
    """

    monitor: MonitorRecord
    batches: int
    newest: Batch | None
    alerts: Mapping[str, int]


@dataclass(frozen=True)
class BatchLine:
    """A batch in a table.

    Attributes:
        batch: its record.
        measure: that is shown.
        worse: whether that measure is worse than what is tolerated.
        bad: signals beyond their limits.
        signals: how many were measured.
        worst: the signal that is farthest, in units of its limit.
        ratio: distance of that signal over its limit.
        joint: p-value of all features together.
    """

    batch: Batch
    measure: SliceMeasure | None
    worse: bool
    bad: int
    signals: int
    worst: str
    ratio: float
    joint: float | None


@dataclass(frozen=True)
class Overview:
    """A monitor at a glance.

    Attributes:
        reference: in force.
        metric: name of the measure that is drawn.
        metrics: names of those that there are.
        lines: batches of this page of the table, newest first.
        page: of the table, from 1.
        pages: how many there are.
        batches: how many the monitor has.
        rows: of all batches.
        known: rows that have a label.
        newest: batch.
        open: alerts.
        acknowledged: alerts.
        metric_chart: of the measure over batches.
        heat_chart: of the signals over batches.
        left_out: signals that the heat chart does not show.
    """

    reference: MonitorReference | None
    metric: str
    metrics: tuple[str, ...]
    lines: list[BatchLine]
    page: int
    pages: int
    batches: int
    rows: int
    known: int
    newest: Batch | None
    open: list[Alert]
    acknowledged: list[Alert]
    metric_chart: Chart | None
    heat_chart: Chart | None
    left_out: int


class Views:
    """Reads what pages show."""

    def __init__(self, store: MonitorStore) -> None:
        self.store = store
        self._reading = Reading(store)
        self.errors = ErrorViews(self._reading)

    def monitors(self) -> list[MonitorRecord]:
        """All of them."""
        with self.store.read() as connection:
            return batches.all_monitors(connection)

    def home(self) -> list[MonitorLine]:
        """All monitors, as they are now."""
        with self.store.read() as connection:
            return [
                MonitorLine(
                    monitor, batches.count_batches(connection, monitor), batches.newest_batch(connection, monitor),
                    alerts.count_alerts(connection, monitor),
                )
                for monitor in batches.all_monitors(connection)
            ]  # fmt: skip

    def overview(self, monitor: MonitorRecord, *, metric: str = "", page: int = 1) -> Overview:
        """The batches of a monitor over time.

        Args:
            monitor: whose.
            metric: that is drawn; the first one that there is by default.
            page: of the table, from 1.

        Raises:
            LookupError: the monitor has no such metric.
        """
        with self.store.read() as connection:
            everything = batches.all_batches(connection, monitor)
            reference = self._reading.reference(connection, monitor)
            key = stamp(connection, monitor, reference, everything)
            stored_alerts = alerts.all_alerts(connection, monitor)
            history = self._reading.once(("metrics", *key), lambda: batches.history(connection, monitor))
            far = self._reading.once(("far", *key), lambda: self._far(connection, reference))
            joint = references.joint_history(connection, reference) if reference else {}
        names = tuple(sorted({measured.measure.name for many in history.values() for measured in many}, key=_place))
        if metric and metric not in names and (names or metric not in metrics_by_name()):
            raise LookupError(f"there is no metric {metric!r} of this monitor; it has {', '.join(names) or 'none yet'}")
        chosen = metric if metric in names else names[0] if names else ""
        by_batch = {
            number: measured for number, many in history.items() for measured in many if measured.measure.name == chosen
        }
        pages = max(1, -(-len(everything) // PER_PAGE))
        page = min(max(1, page), pages)
        newest_first = everything[::-1][(page - 1) * PER_PAGE : page * PER_PAGE]
        ratios, bad = far
        shown = _most_remarkable(ratios)
        measured = [(batch, by_batch[batch.id].measure if batch.id in by_batch else None) for batch in everything]
        limit = tolerated(reference, chosen)
        worse = _worse(((batch, each.value) for batch, each in measured if each), chosen, reference, limit)

        def line(batch: Batch) -> BatchLine:
            own = {signal: values[batch.id] for signal, values in ratios.items() if batch.id in values}
            worst = max(own, key=lambda signal: own[signal], default="")
            return BatchLine(
                batch, by_batch.get(batch.id), batch.id in worse, bad.get(batch.id, 0), len(own), worst,
                own.get(worst, 0.0), joint.get(batch.id),
            )  # fmt: skip

        return Overview(
            reference=reference,
            metric=chosen,
            metrics=names,
            lines=[line(batch) for batch in newest_first],
            page=page,
            pages=pages,
            batches=len(everything),
            rows=sum(batch.rows for batch in everything),
            known=sum(batch.known for batch in everything),
            newest=everything[-1] if everything else None,
            open=[alert for alert in stored_alerts if alert.state == "open"],
            acknowledged=[alert for alert in stored_alerts if alert.state == "acknowledged"],
            metric_chart=metric_chart(
                [_point(batch, each.value, each.low, each.high) if each else _point(batch) for batch, each in measured],
                chosen.replace("_", " "),
                accepted=accepted_value(reference, chosen),
                limit=limit,
                versions=versions_of(everything),
                marks=Marks(
                    worse=[at for at, batch in enumerate(everything) if batch.id in worse],
                    beyond={at: bad[batch.id] for at, batch in enumerate(everything) if bad.get(batch.id)},
                    spans=_spans(everything, stored_alerts),
                ),
            )
            if by_batch
            else None,
            heat_chart=heat_chart(
                [_point(batch) for batch in everything],
                {display_name(name): [ratios[name].get(batch.id) for batch in everything] for name in shown},
            )
            if shown
            else None,
            left_out=len(ratios) - len(shown),
        )

    def metric_charts(self, monitor: MonitorRecord) -> dict[str, Chart]:
        """A chart of every measure."""
        first = self.overview(monitor)
        charts = {name: self.overview(monitor, metric=name).metric_chart for name in first.metrics}
        return {name: chart for name, chart in charts.items() if chart is not None}

    def batch(self, monitor: MonitorRecord, batch: Batch) -> dict[str, Any]:
        """One batch: measures, signals, quality, and where errors concentrate."""
        with self.store.read() as connection:
            reference = self._reading.reference(connection, monitor)
            measured = batches.measures_of_batch(connection, batch.id)
            drift = references.drift_of_batch(connection, batch.id, reference) if reference else None
            everything = batches.all_batches(connection, monitor)
            key = stamp(connection, monitor, reference, everything)
        accepted = {_key(each): each.measure for each in reference.measures} if reference else {}
        return {
            "batch": batch,
            "reference": reference,
            "measures": [(each, accepted.get(_key(each))) for each in sorted(measured, key=_key)],
            "signals": sorted(drift.signals, key=lambda each: -each.kl) if drift else [],
            "joint": drift.joint if drift else None,
            "slices": self.errors.slices(batch, reference, key),
            "moved": self.errors.moved(monitor, reference, key)[:5],
            **beside(everything, batch),
        }

    def signal(self, monitor: MonitorRecord, signal: str, batch: Batch | None) -> dict[str, Any] | None:
        """One feature (or prediction, or label) over batches, and in one batch against the reference."""
        with self.store.read() as connection:
            reference = self._reading.reference(connection, monitor)
            if reference is None:
                return None
            everything = batches.all_batches(connection, monitor)
            names = ("kl", "kl_threshold", "jensen_shannon", "limit")
            rows = references.signal_history(connection, reference, *names, signals=[signal])
            if not rows:
                return None
            measured = {row[0] for row in rows}
            shown = batch or next((other for other in reversed(everything) if other.id in measured), None)
            drift = references.drift_of_batch(connection, shown.id, reference) if shown else None
        by_batch = {row[0]: row[2:] for row in rows}

        nothing = (None,) * len(names)
        kl, kl_threshold, js, js_limit = zip(*(by_batch.get(each.id, nothing) for each in everything), strict=True)
        cells = cells_of(reference, drift, signal) if drift and shown else ()
        return {
            "signal": signal,
            "reference": reference,
            "batch": shown,
            "now": next((other for other in drift.signals if other.signal == signal), None) if drift else None,
            "cells": cells,
            "kl_chart": distance_chart(points_of(everything, kl), kl_threshold, name="KL", limit=OF_CHANCE),
            "js_chart": distance_chart(
                points_of(everything, js), js_limit, name="Jensen-Shannon", limit="limit of the run rule"
            ),
            "cells_chart": cells_chart(cells, batch=shown.name) if shown and cells else None,
            "batches": everything[::-1][:200],
        }

    def _far(
        self, connection: Any, reference: MonitorReference | None
    ) -> tuple[dict[str, dict[int, float]], dict[int, int]]:
        """Distances over their limits, by signal and batch; and how many signals of a batch are bad."""
        ratios: dict[str, dict[int, float]] = {}
        bad: dict[int, int] = {}
        if reference is None:
            return ratios, bad
        for number, signal, value, limit, is_bad in references.signal_history(
            connection, reference, "jensen_shannon", "limit", "bad"
        ):
            ratios.setdefault(signal, {})[number] = value / limit if limit > 0 else 0.0
            bad[number] = bad.get(number, 0) + bool(is_bad)
        return ratios, bad


def cells_of(reference: MonitorReference, drift: Drift, signal: str) -> tuple[ComparedCell, ...]:
    """A signal's rows in each cell, of the reference and of a batch."""
    before, now = (reference.labels, drift.labels) if signal == LABEL else (reference.inputs, drift.inputs)
    if before is None or now is None or signal not in before.columns:
        return ()
    return sides_of(before.binning.columns[signal], before.columns[signal], now.columns[signal]).cells


def points_of(everything: Sequence[Batch], values: Iterable[float | None]) -> list[Point]:
    """A value of each batch, without intervals, on a chart."""
    return [_point(batch, value) for batch, value in zip(everything, values, strict=True)]


def _point(batch: Batch, value: float | None = None, low: float | None = None, high: float | None = None) -> Point:
    return Point(batch.id, batch.name, value, low, high, batch.at if batch.last_time is not None else None)


def _most_remarkable(ratios: Mapping[str, Mapping[int, float]]) -> list[str]:
    """Signals with the most batches beyond their limit, in the order of the monitor."""
    order = list(ratios)
    chosen = sorted(
        order, key=lambda name: (-sum(value > 1 for value in ratios[name].values()), -max(ratios[name].values()))
    )
    return [name for name in order if name in set(chosen[:MOST_SIGNALS])]


def _place(name: str) -> tuple[int, str]:
    """Sorts metrics in the order of the registry; then those that it does not have, by name."""
    order = list(metrics_by_name())
    return order.index(name) if name in order else len(order), name


def _key(measured: SliceMeasure) -> tuple[str, str, tuple[int, str]]:
    """Names and sorts measures: those of all rows come first, then those of classes, then those of slices."""
    return measured.of_slice, measured.measure.of_class or "", _place(measured.measure.name)


def _worse(
    values: Iterable[tuple[Batch, float]], metric: str, reference: MonitorReference | None, limit: float | None
) -> set[int]:
    """Numbers of the batches that are judged by their losses, and whose measure is worse than tolerated."""
    if reference is None or limit is None:
        return set()
    return {
        batch.id
        for batch, value in values
        if (value > limit if metric == LARGE_ERRORS else value < limit)
        and counts_for(reference, batch)
        and is_judged(batch, metric, reference.promise)
    }


def _spans(everything: Sequence[Batch], alerts: Sequence[Alert]) -> list[AlertSpan]:
    """Alerts from the batch at which they opened to the last one that was looked at before they were closed."""
    by_name = {batch.name: at for at, batch in enumerate(everything)}
    by_number = {batch.id: at for at, batch in enumerate(everything)}
    spans = []
    for alert in alerts:
        if alert.batch not in by_name:
            continue
        first = by_name[alert.batch]
        last = len(everything) - 1
        if alert.state == "closed":
            last = max([first, *(by_number[number] for number in alert.seen if number in by_number)])
        spans.append(AlertSpan(display_name(alert.signal), alert.state, first, last, alert.reason))
    return spans


def versions_of(everything: Sequence[Batch]) -> list[tuple[int, str]]:
    """Positions at which another version of the model begins to answer."""
    told_versions = [batch.version for batch in everything]
    return [
        (at, f"v{now}" if now.isdigit() else now)
        for at, (before, now) in enumerate(pairwise(told_versions), start=1)
        if before != now and now
    ]


def accepted_value(reference: MonitorReference | None, name: str) -> float | None:
    """The value of a measure on the reference."""
    if reference is not None and name == LARGE_ERRORS:
        return float(reference.losses.mean()) if len(reference.losses) else None
    accepted = reference.measures if reference else ()
    whole = (each.measure for each in accepted if not each.of_slice and not each.measure.of_class)
    return next((measure.value for measure in whole if measure.name == name), None)


def tolerated(reference: MonitorReference | None, name: str) -> float | None:
    """What accuracy (or the share of large errors) may come to without an alert."""
    accepted = accepted_value(reference, name)
    if reference is None or accepted is None or name != loss_name(reference):
        return None
    allowed = reference.promise.tolerated_loss
    return accepted + allowed if name == LARGE_ERRORS else accepted - allowed
