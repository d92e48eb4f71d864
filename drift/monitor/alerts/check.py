"""The check of new batches: measure them, open and close alerts, and queue messages about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drift.monitor.alerts.handling import record_closing
from drift.monitor.alerts.messages import Watch, queue
from drift.monitor.alerts.rules import Change, LossEvidence, follow_freshness, follow_harm, follow_runs
from drift.monitor.alerts.series import batches_since, is_judged, loss_history, loss_name, loss_words, run_histories
from drift.monitor.pipeline.labels import in_force, measure_all
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.store.records import Alert, MonitorRecord, MonitorReference, now

FRESHNESS = "freshness"


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        opened: alerts that this check opened.
        closed: alerts that this check closed.
        open: all open alerts, which nobody has acknowledged.
        acknowledged: all acknowledged alerts.
        measured: batches that were measured against the reference for the first time.
        blind: whether batches have labels and the reference has none, so that errors are not followed.
        unjudged: batches of whose labels less than the agreed share has come.
        reference: in force; None if there is none.
    """

    opened: tuple[Alert, ...]
    closed: tuple[Alert, ...]
    open: tuple[Alert, ...]
    acknowledged: tuple[Alert, ...]
    measured: int
    blind: bool
    unjudged: int
    reference: MonitorReference | None


def check(
    store: MonitorStore,
    monitor: MonitorRecord,
    watch: Watch,
    *,
    moment: datetime | None = None,
    progress: Progress = ignore_progress,
) -> Checked:
    """Judge new batches, and open and close alerts; messages about them are queued in the same transaction.

    Args:
        store: where.
        monitor: whose batches.
        watch: what for.
        moment: now, with a time zone.
        progress: called with words, how much is done, and of how much.
    """
    moment = moment or datetime.now().astimezone()
    calibration = in_force(store, monitor)
    measured = measure_all(store, monitor, calibration, progress=progress) if calibration else 0
    with store.write() as connection:
        last = _last_alerts(alerts.all_alerts(connection, monitor))
        opened: list[Alert] = []
        closed: list[Alert] = []
        if calibration is not None:
            closed += _superseded(connection, last, calibration.reference)
        for change in _changes(connection, monitor, watch, calibration, last, moment.timestamp()):
            if change.what == "open":
                opened.append(_opened(connection, monitor, change))
                last[change.signal] = opened[-1]
            else:
                closed.append(record_closing(connection, last[change.signal], change.reason, change.seen))
                last[change.signal] = closed[-1]
        for alert in opened:
            queue(connection, monitor, alert, "opened", watch, moment)
        for alert in closed:
            queue(connection, monitor, alert, "closed", watch, moment)
        unclosed = alerts.all_alerts(connection, monitor, "open", "acknowledged")
        for alert in unclosed:  # for channels that are new since it was opened; the others have it
            queue(connection, monitor, alert, "opened", watch, moment)
        blind, unjudged = _without_labels(connection, monitor, calibration)
    return Checked(
        tuple(opened),
        tuple(closed),
        tuple(alert for alert in unclosed if alert.state == "open"),
        tuple(alert for alert in unclosed if alert.state == "acknowledged"),
        measured,
        blind,
        unjudged,
        calibration.reference if calibration else None,
    )


def _changes(
    connection: Any,
    monitor: MonitorRecord,
    watch: Watch,
    calibration: ReferenceLimits | None,
    last: dict[str, Alert],
    moment: float,
) -> list[Change]:
    changes: list[Change] = []
    if calibration is not None:
        since = batches_since(connection, monitor, calibration.reference)
        alarms = calibration.reference.promise
        for signal, followed in run_histories(connection, monitor, calibration, since):
            changes += follow_runs(signal, followed, rule=alarms.rule, last=last.get(signal), cooldown=watch.cooldown)
        if len(calibration.reference.losses):
            harm = LossEvidence(calibration.reference.losses, alarms.tolerated_loss, 2 * alarms.expected_run_length)
            lost = loss_history(connection, monitor, calibration.reference, since)
            signal = loss_name(calibration.reference)
            words = loss_words(calibration.reference)
            changes += follow_harm(signal, lost, harm=harm, last=last.get(signal), cooldown=watch.cooldown, words=words)
    if watch.expect_every:
        newest = max(batches.all_batches(connection, monitor), key=lambda batch: batch.fresh_at, default=None)
        changes += follow_freshness(
            FRESHNESS, newest, seconds=watch.expect_every, now=moment, last=last.get(FRESHNESS), format_seconds=duration
        )
    return changes


def _without_labels(connection: Any, monitor: MonitorRecord, calibration: ReferenceLimits | None) -> tuple[bool, int]:
    """Whether batches have labels and the reference has none; and how many batches wait for theirs."""
    if calibration is None:
        return False, 0
    reference = calibration.reference
    since = batches_since(connection, monitor, reference)
    if not len(reference.losses):
        return any(batch.known for batch in since), 0
    return False, sum(not is_judged(batch, loss_name(reference), reference.promise) for batch in since)


def _last_alerts(stored: Sequence[Alert]) -> dict[str, Alert]:
    """The newest alert of each signal."""
    return {alert.signal: alert for alert in sorted(stored, key=lambda alert: alert.id)}


def _superseded(connection: Any, last: dict[str, Alert], reference: MonitorReference) -> list[Alert]:
    """Alerts about an earlier reference are closed when another one is agreed."""
    closed = []
    for signal, alert in last.items():
        if alert.state != "closed" and signal != FRESHNESS and alert.opened_at < reference.agreed_at:
            why = f"reference {reference.version} was agreed by {reference.agreed_by}: {reference.why}"
            last[signal] = record_closing(connection, alert, why, alert.seen)
            closed.append(last[signal])
    return closed


def _opened(connection: Any, monitor: MonitorRecord, change: Change) -> Alert:
    alert = Alert(
        id=0, signal=change.signal, state="open", batch=change.batch.name, batch_at=change.batch.at,
        seen=change.seen, reason=change.reason, opened_at=now(),
    )  # fmt: skip
    return alerts.add_alert(connection, monitor, alert)


def duration(seconds: float) -> str:
    """A number of seconds as people say it.

    >>> duration(5400), duration(200_000), duration(2e7)
    ('90 minutes', '2.3 days', '231 days')
    """
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit or (unit == 60 and seconds >= 60):
            return f"{seconds / unit:.{0 if seconds >= 10 * unit else 1}f} {name}"
    return f"{seconds:.0f} seconds"
