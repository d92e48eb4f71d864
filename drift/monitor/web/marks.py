"""What the rules made of a monitor's batches, as the chart of a measure marks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from drift.metrics.regression.large_errors import NAME as LARGE_ERRORS
from drift.monitor.alerts.series import counts_for, is_judged, loss_name
from drift.monitor.drift.signals import display_name
from drift.monitor.store.records import Alert, Batch, MonitorReference, SliceMeasure
from drift.monitor.web.charts import AlertSpan, Marks


def marks_of(
    everything: Sequence[Batch],
    by_batch: Mapping[int, SliceMeasure],
    *,
    metric: str,
    reference: MonitorReference | None,
    beyond: Mapping[int, int],
    alerts: Sequence[Alert],
) -> Marks:
    """What the rules called bad, by position of the batches.

    Args:
        everything: batches, oldest first.
        by_batch: the measure that is drawn, by number of the batch.
        metric: name of the measure.
        reference: that batches are compared with.
        beyond: by number of a batch, how many of its signals are beyond their limits.
        alerts: of the monitor.
    """
    return Marks(
        worse=[
            at
            for at, batch in enumerate(everything)
            if batch.id in by_batch and is_worse(by_batch[batch.id], batch, metric=metric, reference=reference)
        ],
        beyond={at: beyond[batch.id] for at, batch in enumerate(everything) if beyond.get(batch.id)},
        spans=_spans(everything, alerts),
    )


def is_worse(measured: SliceMeasure, batch: Batch, *, metric: str, reference: MonitorReference | None) -> bool:
    """Whether a batch is judged by its losses, and its measure is worse than tolerated."""
    limit = tolerated(reference, metric)
    if reference is None or limit is None or not counts_for(reference, batch):
        return False
    value = measured.measure.value
    worse = value > limit if metric == LARGE_ERRORS else value < limit
    return worse and is_judged(batch, metric, reference.promise)


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


def measures_of(reference: MonitorReference | None) -> tuple[SliceMeasure, ...]:
    """Of a reference; none without one."""
    return reference.measures if reference else ()


def accepted_value(reference: MonitorReference | None, name: str) -> float | None:
    """The value of a measure on the reference."""
    if reference is not None and name == LARGE_ERRORS:
        return float(reference.losses.mean()) if len(reference.losses) else None
    whole = (
        measured.measure
        for measured in measures_of(reference)
        if not measured.of_slice and not measured.measure.of_class
    )
    return next((measure.value for measure in whole if measure.name == name), None)


def tolerated(reference: MonitorReference | None, name: str) -> float | None:
    """What accuracy (or the share of large errors) may come to without an alert."""
    accepted = accepted_value(reference, name)
    if reference is None or accepted is None or name != loss_name(reference):
        return None
    allowed = reference.promise.tolerated_loss
    return accepted + allowed if name == LARGE_ERRORS else accepted - allowed
