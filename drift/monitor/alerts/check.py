"""Alerts: opened and closed by the check of new batches, acknowledged and closed by people; messages are queued."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from drift.errors import StateError
from drift.monitor.alerts.messages import Watch, queue
from drift.monitor.alerts.rules import FRESHNESS, Change, LossEvidence, follow_freshness, follow_harm, follow_runs
from drift.monitor.alerts.series import batches_since, is_judged, loss_history, loss_name, loss_words, run_histories
from drift.monitor.pipeline.labels import in_force, measure_all
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.reference.limits import AlarmSpec
from drift.monitor.store import MonitorStore, alerts, batches, references
from drift.monitor.store.records import Alert, MonitorRecord, MonitorReference, now
from drift.monitor.store.tables import update


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
        last = {alert.signal: alert for alert in reversed(alerts.all_alerts(connection, monitor))}  # of each signal
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
        unclosed = alerts.all_alerts(connection, monitor, "open", "acknowledged")
        for alert in (*opened, *unclosed):  # also for channels that are new since it was opened
            queue(connection, monitor, alert, "opened", watch, moment)
        for alert in closed:
            queue(connection, monitor, alert, "closed", watch, moment)
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
        reference, alarms = calibration.reference, calibration.reference.promise
        since = batches_since(connection, monitor, reference)
        for signal, followed in run_histories(connection, monitor, calibration, since):
            changes += follow_runs(signal, followed, rule=alarms.rule, last=last.get(signal), cooldown=watch.cooldown)
        if len(reference.losses):
            harm = LossEvidence(reference.losses, alarms.tolerated_loss, 2 * alarms.expected_run_length)
            lost = loss_history(connection, monitor, reference, since)
            signal, words = loss_name(reference), loss_words(reference)
            changes += follow_harm(signal, lost, harm=harm, last=last.get(signal), cooldown=watch.cooldown, words=words)
    if watch.expect_every:
        newest = max(batches.all_batches(connection, monitor), key=lambda batch: batch.fresh_at, default=None)
        changes += follow_freshness(newest, seconds=watch.expect_every, now=moment, last=last.get(FRESHNESS))
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


def acknowledge(store: MonitorStore, monitor: MonitorRecord, alert: Alert, *, by: str, why: str) -> Alert:
    """Note that somebody looks after an alert; it stays until it is closed.

    Raises:
        StateError: it has been closed meanwhile.
    """
    with store.write() as connection:
        stored = _still_there(connection, monitor, alert)
        changed = replace(stored, state="acknowledged", acknowledged_at=now(), acknowledged_by=by, acknowledged_why=why)
        update(connection, changed)
        queue(connection, monitor, changed, "acknowledged", None, datetime.now().astimezone())
    return changed


def close(store: MonitorStore, monitor: MonitorRecord, alert: Alert, *, by: str, why: str) -> Alert:
    """Close an alert by a person; the signal is followed again from the next batch on.

    Raises:
        StateError: it has been closed meanwhile.
    """
    with store.write() as connection:
        stored = _still_there(connection, monitor, alert)
        reference = references.current_reference(connection, monitor)
        alarms = reference.promise if reference is not None else AlarmSpec()
        everything = batches.all_batches(connection, monitor)
        seen = [batch.id for batch in everything if is_judged(batch, stored.signal, alarms)]
        changed = record_closing(connection, stored, why, tuple(seen), by=by)
        queue(connection, monitor, changed, "closed", None, datetime.now().astimezone())
    return changed


def still_bad(store: MonitorStore, monitor: MonitorRecord, alert: Alert) -> str:
    """The newest judged batch in words, if an alert's signal is beyond its limit there; empty if not."""
    calibration = in_force(store, monitor)
    if calibration is None:
        return ""
    reference = calibration.reference
    with store.read() as connection:
        since = batches_since(connection, monitor, reference)
        if alert.signal == loss_name(reference) and len(reference.losses):
            harm = LossEvidence(reference.losses, reference.promise.tolerated_loss)
            lost = loss_history(connection, monitor, reference, since)
            if not lost or lost[-1].loss <= harm.highest_risk:
                return ""
            words = f"{loss_words(reference)} {lost[-1].loss:.3f}, tolerated {harm.highest_risk:.3f}"
            return f"batch {lost[-1].batch.name}, {words}"
        followed = dict(run_histories(connection, monitor, calibration, since)).get(alert.signal)
    return f"batch {followed[-1].batch.name}, {followed[-1].words}" if followed and followed[-1].bad else ""


def _still_there(connection: Any, monitor: MonitorRecord, alert: Alert) -> Alert:
    """The alert as it is now."""
    stored = alerts.find_alert(connection, monitor, alert.id)
    if stored is None or stored.state == "closed":
        raise StateError(f"alert {alert.id} has been closed meanwhile")
    return stored


def record_closing(connection: Any, alert: Alert, why: str, seen: tuple[int, ...], *, by: str = "drift") -> Alert:
    """Store that an alert is closed; it as it is then."""
    changed = replace(alert, state="closed", closed_at=now(), closed_by=by, closed_why=why, seen=seen)
    update(connection, changed)
    return changed
