"""Acknowledging and closing an alert, by a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from drift.errors import StateError
from drift.monitor.alerts.messages import Watch, queue
from drift.monitor.alerts.rules import LossEvidence
from drift.monitor.alerts.series import batches_since, is_judged, loss_history, loss_name, loss_words, run_histories
from drift.monitor.pipeline.labels import in_force
from drift.monitor.reference.limits import AlarmSpec
from drift.monitor.store import MonitorStore, alerts, batches, references
from drift.monitor.store.records import Alert, MonitorRecord, now
from drift.monitor.store.tables import update


def acknowledge(
    store: MonitorStore, monitor: MonitorRecord, alert: Alert, *, by: str, why: str, watch: Watch | None = None
) -> Alert:
    """Note that somebody looks after an alert; it stays until it is closed.

    Raises:
        StateError: it has been closed meanwhile.
    """
    with store.write() as connection:
        stored = _still_there(connection, monitor, alert)
        changed = replace(stored, state="acknowledged", acknowledged_at=now(), acknowledged_by=by, acknowledged_why=why)
        update(connection, changed)
        queue(connection, monitor, changed, "acknowledged", watch, datetime.now().astimezone())
    return changed


def close(
    store: MonitorStore, monitor: MonitorRecord, alert: Alert, *, by: str, why: str, watch: Watch | None = None
) -> Alert:
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
        queue(connection, monitor, changed, "closed", watch, datetime.now().astimezone())
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
