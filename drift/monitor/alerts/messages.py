"""Messages about alerts: queued in the transaction that changes the alert, and delivered later.

Each is claimed, sent and marked as done, so that several processes may deliver.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, timezone
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from drift.errors import DeliveryError, UsageError
from drift.monitor.alerts.channels.protocol import EVENTS, AlertEvent, Channel, Message
from drift.monitor.drift.signals import display_name
from drift.monitor.store import MonitorStore, alerts
from drift.monitor.store.records import Alert, Delivery, MonitorRecord, now
from drift.monitor.store.tables import update

CLAIM_SECONDS = 120.0  # that a process has for one message; then another may try
FIRST_WAIT, LONGEST_WAIT = 30.0, 3_600.0  # before a message is tried again, doubled each time
MOST_ATTEMPTS = 60  # about two days


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


def queue(
    connection: Any, monitor: MonitorRecord, alert: Alert, event: AlertEvent, watch: Watch | None, moment: datetime
) -> None:
    """Messages about an alert, to be delivered when there is no quiet hour; the same event is queued once.

    Without a watch, to wherever the alert was announced.
    """
    queued = [delivery for delivery in alerts.deliveries_of(connection, monitor) if delivery.alert == alert.id]
    numbers = {delivery.id for delivery in queued}
    targets = {(each.kind, each.target) for each in (queued if watch is None else watch.channels)}
    since = watch.quiet_hours.over(moment) if watch and watch.quiet_hours else moment
    why, at = {
        "opened": (alert.reason, alert.opened_at),
        "acknowledged": (alert.acknowledged_why, alert.acknowledged_at),
        "closed": (alert.closed_why, alert.closed_at),
    }[event]
    for kind, target in sorted(targets):
        number = str(uuid5(NAMESPACE_URL, f"{monitor.name}/{monitor.began_at}/{alert.id}/{event}/{at}/{kind}/{target}"))
        if number in numbers:
            continue
        link = f"{watch.link.rstrip('/')}/monitors/{monitor.id}/alerts#{alert.id}" if watch and watch.link else ""
        message = Message(
            id=number, event=event, monitor=monitor.name, alert=alert.id, signal=display_name(alert.signal),
            batch=alert.batch, reason=why or "", at=at or "", link=link,
        )  # fmt: skip
        delivery = Delivery(number, alert.id, kind, target, vars(message), "pending", 0, since.timestamp(), "")
        alerts.add_delivery(connection, delivery)


@dataclass(frozen=True)
class Delivered:
    """Result of a delivery.

    Attributes:
        done: messages that were delivered.
        waiting: messages that are not due, or were refused for now.
        errors: one message for each channel that failed.
    """

    done: int
    waiting: int
    errors: tuple[str, ...]


def deliver(
    store: MonitorStore,
    monitor: MonitorRecord,
    channels: Sequence[Channel],
    *,
    quiet: Callable[[datetime], datetime] = lambda moment: moment,
) -> Delivered:
    """Deliver what is due to the given channels; what fails waits in the store and is tried again by later calls.

    In hours that `quiet` moves on, nothing is. Messages about an alert are sent in its order. A message is sent at
    least once, and with the same id if a crash comes between sending and marking.
    """
    moment = datetime.now().astimezone()
    if quiet(moment) > moment:
        channels = ()
    by_target = {(channel.kind, channel.target): channel for channel in channels}
    done, pending, errors = 0, _pending(store, monitor), list[str]()
    if channels:
        counted = Counter((delivery.kind, delivery.target) for delivery in pending)
        errors += [
            f"{count:,} for the {kind} {target}, which is not given here"
            for (kind, target), count in counted.items()
            if (kind, target) not in by_target
        ]
    due = (delivery for delivery in pending if delivery.not_before <= _seconds())
    for delivery in sorted(due, key=lambda delivery: (delivery.alert, _place(delivery))):
        channel = by_target.get((delivery.kind, delivery.target))
        claimed = _claimed(store, monitor, delivery) if channel is not None else None
        if channel is None or claimed is None:
            continue
        try:
            channel.send(Message(**claimed.message))
        except DeliveryError as error:
            errors.append(str(error))
            del by_target[channel.kind, channel.target]  # who does not take one message is spared the others
            after = _failed(claimed, str(error))
        else:
            done += 1
            after = replace(claimed, state="done", error="", done_at=now())
        with store.write() as connection:
            update(connection, after)
    return Delivered(done, len(_pending(store, monitor)), tuple(dict.fromkeys(errors)))


def _seconds() -> float:
    """Now, since 1970."""
    return datetime.now().timestamp()


def _pending(store: MonitorStore, monitor: MonitorRecord) -> list[Delivery]:
    with store.read() as connection:
        return alerts.deliveries_of(connection, monitor, "pending")


def _is_next(delivery: Delivery, pending: Sequence[Delivery]) -> bool:
    """Whether no earlier event of the same alert waits for the same channel."""
    own = delivery.alert, delivery.kind, delivery.target
    return all(_place(other) >= _place(delivery) for other in pending if (other.alert, other.kind, other.target) == own)


def _place(delivery: Delivery) -> int:
    return EVENTS.index(delivery.message["event"])


def _claimed(store: MonitorStore, monitor: MonitorRecord, delivery: Delivery) -> Delivery | None:
    """The delivery, if it is still to be done and nobody else is at it."""
    with store.write() as connection:
        pending = alerts.deliveries_of(connection, monitor, "pending")
        current = next((other for other in pending if other.id == delivery.id), None)
        if current is None or current.not_before > _seconds() or not _is_next(current, pending):
            return None
        claimed = replace(current, attempts=current.attempts + 1, not_before=_seconds() + CLAIM_SECONDS)
        update(connection, claimed)
    return claimed


def _failed(delivery: Delivery, error: str) -> Delivery:
    if delivery.attempts >= MOST_ATTEMPTS:
        return replace(delivery, state="given up", error=error)
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(delivery.attempts - 1, 10))
    return replace(delivery, not_before=_seconds() + wait, error=error)
