"""The check of new batches: measure them, open and close alerts, and queue messages about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, timezone
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from drift.errors import StateError, UsageError
from drift.monitor.alerts.channels import Channel, Message
from drift.monitor.alerts.rules import Change, LossEvidence, follow_freshness, follow_harm, follow_runs
from drift.monitor.alerts.series import (
    counts_for,
    distance_histories,
    is_judged,
    loss_history,
    loss_name,
    loss_words,
    slice_histories,
)
from drift.monitor.drift.signals import display_name
from drift.monitor.pipeline.labels import in_force, measure_all
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.reference.limits import AlarmSpec
from drift.monitor.store import MonitorStore, alerts, batches, references
from drift.monitor.store.records import Alert, Delivery, MonitorRecord, MonitorReference, now

FRESHNESS = "freshness"


@dataclass(frozen=True)
class QuietHours:
    """Hours of the day, by this machine's clock, in which nothing is delivered.

    Attributes:
        start: of the day.
        end: of the day, the next one where it is earlier than the start.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """From 22:00-07:00.

        Raises:
            UsageError: anything else.
        """
        try:
            start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
        except ValueError as error:
            raise UsageError(f"expected quiet hours such as 22:00-07:00, got {text!r}") from error
        if start == end or start.tzinfo or end.tzinfo:
            raise UsageError(f"expected quiet hours such as 22:00-07:00, by this machine's clock, got {text!r}")
        return cls(start, end)

    def over(self, moment: datetime) -> datetime:
        """When they are over, or the moment itself if it is not in them."""
        clock = moment.time()
        inside = self.start <= clock < self.end if self.start < self.end else clock >= self.start or clock < self.end
        if not inside:
            return moment
        day = moment.date() if clock < self.end else moment.date() + timedelta(days=1)
        if isinstance(moment.tzinfo, timezone):  # which knows nothing of summer time, as this machine's clock does
            return datetime.combine(day, self.end).astimezone()
        return datetime.combine(day, self.end, moment.tzinfo)


@dataclass(frozen=True)
class Watch:
    """What a check watches for, and where messages go.

    Attributes:
        expect_every: seconds within which newer rows must come; 0: not watched.
        cooldown: batches after an alert is closed in which the same signal opens none.
        channels: that messages go to.
        quiet_hours: in which no message is delivered.
        link: address of the monitor's page, for messages.
    """

    expect_every: float = 0.0
    cooldown: int = 4
    channels: Sequence[Channel] = ()
    quiet_hours: QuietHours | None = None
    link: str = ""


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
        undelivered: messages that wait.
    """

    opened: tuple[Alert, ...]
    closed: tuple[Alert, ...]
    open: tuple[Alert, ...]
    acknowledged: tuple[Alert, ...]
    measured: int
    blind: bool
    unjudged: int
    reference: MonitorReference | None
    undelivered: int


def check(
    store: MonitorStore,
    monitor: MonitorRecord,
    watch: Watch,
    *,
    moment: datetime | None = None,
    progress: Progress = ignore_progress,
) -> Checked:
    """Look at what is new, and open and close alerts; messages about them are queued in the same transaction.

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
                closed.append(_closed(connection, last[change.signal], change.reason, change.seen))
                last[change.signal] = closed[-1]
        for alert in opened:
            queue(connection, monitor, alert, "opened", watch, moment)
        for alert in closed:
            queue(connection, monitor, alert, "closed", watch, moment)
        unclosed = alerts.all_alerts(connection, monitor, "open", "acknowledged")
        for alert in unclosed:  # for channels that are new since it was opened; the others have it
            queue(connection, monitor, alert, "opened", watch, moment)
        waiting = alerts.deliveries_of(connection, monitor, "pending")
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
        len(waiting),
    )


def acknowledge(
    store: MonitorStore, monitor: MonitorRecord, alert: Alert, *, by: str, why: str, watch: Watch | None = None
) -> Alert:
    """Somebody looks after an alert; it stays until it is closed.

    Raises:
        StateError: it has been closed meanwhile.
    """
    with store.write() as connection:
        there = _still_there(connection, monitor, alert)
        changed = replace(there, state="acknowledged", acknowledged_at=now(), acknowledged_by=by, acknowledged_why=why)
        alerts.set_alert(connection, changed)
        queue(connection, monitor, changed, "acknowledged", watch, datetime.now().astimezone())
    return changed


def close(
    store: MonitorStore, monitor: MonitorRecord, alert: Alert, *, by: str, why: str, watch: Watch | None = None
) -> Alert:
    """A person is done with an alert; the signal is followed anew from the next batch on.

    Raises:
        StateError: it has been closed meanwhile.
    """
    with store.write() as connection:
        there = _still_there(connection, monitor, alert)
        reference = references.current_reference(connection, monitor)
        promise = reference.promise if reference is not None else AlarmSpec()
        everything = batches.all_batches(connection, monitor)
        seen = [batch.id for batch in everything if is_judged(batch, there.signal, promise)]
        changed = _closed(connection, there, why, tuple(seen), by=by)
        queue(connection, monitor, changed, "closed", watch, datetime.now().astimezone())
    return changed


def still_bad(store: MonitorStore, monitor: MonitorRecord, alert: Alert) -> str:
    """What the newest batch that can be judged says of an alert's signal if it is beyond its limit; empty if not."""
    calibration = in_force(store, monitor)
    if calibration is None:
        return ""
    reference = calibration.reference
    with store.read() as connection:
        since = [batch for batch in batches.all_batches(connection, monitor) if counts_for(reference, batch)]
        if alert.signal == loss_name(reference) and len(reference.losses):
            harm = LossEvidence(reference.losses, reference.promise.tolerated_loss)
            lost = loss_history(connection, monitor, reference, since)
            if not lost or lost[-1].loss <= harm.highest_risk:
                return ""
            words = f"{loss_words(reference)} {lost[-1].loss:.3f}, tolerated {harm.highest_risk:.3f}"
            return f"batch {lost[-1].batch.name}, {words}"
        followed = dict(
            (
                *distance_histories(connection, reference, since),
                *slice_histories(connection, monitor, calibration, since),
            )
        ).get(alert.signal)
    return f"batch {followed[-1].batch.name}, {followed[-1].words}" if followed and followed[-1].bad else ""


def _still_there(connection: Any, monitor: MonitorRecord, alert: Alert) -> Alert:
    """The alert as it is now."""
    there = alerts.find_alert(connection, monitor, alert.id)
    if there is None or there.state == "closed":
        raise StateError(f"alert {alert.id} has been closed meanwhile")
    return there


def queue(
    connection: Any,
    monitor: MonitorRecord,
    alert: Alert,
    event: Literal["opened", "acknowledged", "closed"],
    watch: Watch | None,
    moment: datetime,
) -> None:
    """Messages about an alert, to be delivered when there is no quiet hour; the same event is queued once.

    Without a watch, to wherever the alert was announced.
    """
    targets = {(channel.kind, channel.target) for channel in watch.channels} if watch else set()
    queued = [delivery for delivery in alerts.deliveries_of(connection, monitor) if delivery.alert == alert.id]
    numbers = {delivery.id for delivery in queued}
    if watch is None:
        targets = {(delivery.kind, delivery.target) for delivery in queued}
    since = watch.quiet_hours.over(moment) if watch and watch.quiet_hours else moment
    why = {"opened": alert.reason, "acknowledged": alert.acknowledged_why, "closed": alert.closed_why}[event]
    at = {"opened": alert.opened_at, "acknowledged": alert.acknowledged_at, "closed": alert.closed_at}[event]
    for kind, target in sorted(targets):
        number = str(uuid5(NAMESPACE_URL, f"{monitor.name}/{monitor.began_at}/{alert.id}/{event}/{at}/{kind}/{target}"))
        if number in numbers:
            continue
        link = f"{watch.link.rstrip('/')}/monitors/{monitor.id}/alerts#{alert.id}" if watch and watch.link else ""
        message = Message(
            id=number, event=event, monitor=monitor.name, alert=alert.id, signal=display_name(alert.signal),
            batch=alert.batch, reason=why or "", at=at or "", link=link,
        )  # fmt: skip
        alerts.add_delivery(
            connection,
            Delivery(number, alert.id, kind, target, vars(message), "pending", 0, since.timestamp(), ""),
        )


def _changes(
    connection: Any,
    monitor: MonitorRecord,
    watch: Watch,
    calibration: ReferenceLimits | None,
    last: dict[str, Alert],
    moment: float,
) -> list[Change]:
    all_batches = batches.all_batches(connection, monitor)
    changes: list[Change] = []
    if calibration is not None:
        since = [batch for batch in all_batches if counts_for(calibration.reference, batch)]
        promise = calibration.reference.promise
        for signal, followed in (
            *distance_histories(connection, calibration.reference, since),
            *slice_histories(connection, monitor, calibration, since),
        ):
            changes += follow_runs(signal, followed, rule=promise.rule, last=last.get(signal), cooldown=watch.cooldown)
        if len(calibration.reference.losses):
            harm = LossEvidence(calibration.reference.losses, promise.tolerated_loss, 2 * promise.expected_run_length)
            lost = loss_history(connection, monitor, calibration.reference, since)
            signal = loss_name(calibration.reference)
            words = loss_words(calibration.reference)
            changes += follow_harm(signal, lost, harm=harm, last=last.get(signal), cooldown=watch.cooldown, words=words)
    if watch.expect_every:
        newest = max(all_batches, key=lambda batch: batch.fresh_at, default=None)
        changes += follow_freshness(
            FRESHNESS, newest, seconds=watch.expect_every, now=moment, last=last.get(FRESHNESS), format_seconds=duration
        )
    return changes


def _without_labels(connection: Any, monitor: MonitorRecord, calibration: ReferenceLimits | None) -> tuple[bool, int]:
    """Whether batches have labels and the reference has none; and how many batches wait for theirs."""
    if calibration is None:
        return False, 0
    reference = calibration.reference
    since = [batch for batch in batches.all_batches(connection, monitor) if counts_for(reference, batch)]
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
            last[signal] = _closed(connection, alert, why, alert.seen)
            closed.append(last[signal])
    return closed


def _opened(connection: Any, monitor: MonitorRecord, change: Change) -> Alert:
    alert = Alert(
        id=0, signal=change.signal, state="open", batch=change.batch.name, batch_at=change.batch.at,
        seen=change.seen, reason=change.reason, opened_at=now(),
    )  # fmt: skip
    return alerts.add_alert(connection, monitor, alert)


def _closed(connection: Any, alert: Alert, why: str, seen: tuple[int, ...], *, by: str = "drift") -> Alert:
    changed = replace(alert, state="closed", closed_at=now(), closed_by=by, closed_why=why, seen=seen)
    alerts.set_alert(connection, changed)
    return changed


def duration(seconds: float) -> str:
    """A number of seconds as people say it.

    >>> duration(5400), duration(200_000), duration(2e7)
    ('90 minutes', '2.3 days', '231 days')
    """
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit or (unit == 60 and seconds >= 60):
            return f"{seconds / unit:.{0 if seconds >= 10 * unit else 1}f} {name}"
    return f"{seconds:.0f} seconds"
