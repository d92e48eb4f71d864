"""Delivery of queued messages: each is claimed, sent and marked as done, so that several processes may deliver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import time

from drift.errors import DeliveryError
from drift.monitor.alerts.channels import EVENTS, Channel, Message
from drift.monitor.store import MonitorStore, alerts
from drift.monitor.store.records import Delivery, MonitorRecord, now
from drift.monitor.store.tables import update

CLAIM_SECONDS = 120.0  # that a process has for one message; then another may try
FIRST_WAIT, LONGEST_WAIT = 30.0, 3_600.0  # before a message is tried again, doubled each time
MOST_ATTEMPTS = 60  # about two days


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
    done, errors = 0, _left_alone(store, monitor, by_target) if channels else []
    for delivery in _due(store, monitor):
        target = delivery.kind, delivery.target
        channel = by_target.get(target)
        claimed = _claimed(store, monitor, delivery) if channel is not None else None
        if channel is None or claimed is None:
            continue
        try:
            channel.send(Message(**claimed.message))
        except DeliveryError as error:
            errors.append(str(error))
            del by_target[target]  # who does not take one message is not kept busy with the others
            _put(store, _failed(claimed, str(error)))
        else:
            done += 1
            _put(store, replace(claimed, state="done", error="", done_at=now()))
    with store.read() as connection:
        waiting = len(alerts.deliveries_of(connection, monitor, "pending"))
    return Delivered(done, waiting, tuple(dict.fromkeys(errors)))


def _left_alone(store: MonitorStore, monitor: MonitorRecord, targets: Container[tuple[str, str]]) -> list[str]:
    """What waits for channels that are not given."""
    with store.read() as connection:
        waiting = alerts.deliveries_of(connection, monitor, "pending")
    counted = Counter(
        (delivery.kind, delivery.target) for delivery in waiting if (delivery.kind, delivery.target) not in targets
    )
    return [f"{count:,} for the {kind} {target}, which is not given here" for (kind, target), count in counted.items()]


def _due(store: MonitorStore, monitor: MonitorRecord) -> Iterable[Delivery]:
    with store.read() as connection:
        pending = alerts.deliveries_of(connection, monitor, "pending")
    return sorted(
        (delivery for delivery in pending if delivery.not_before <= time()),
        key=lambda delivery: (delivery.alert, _place(delivery)),
    )


def _is_next(delivery: Delivery, pending: Sequence[Delivery]) -> bool:
    """Whether no earlier event of the same alert waits for the same channel."""

    def of_whom(message: Delivery) -> tuple[int, str, str]:
        return message.alert, message.kind, message.target

    return all(_place(other) >= _place(delivery) for other in pending if of_whom(other) == of_whom(delivery))


def _place(delivery: Delivery) -> int:
    return EVENTS.index(delivery.message["event"])


def _claimed(store: MonitorStore, monitor: MonitorRecord, delivery: Delivery) -> Delivery | None:
    """The delivery, if it is still to be done and nobody else is at it."""
    with store.write() as connection:
        pending = alerts.deliveries_of(connection, monitor, "pending")
        current = next((other for other in pending if other.id == delivery.id), None)
        if current is None or current.not_before > time() or not _is_next(current, pending):
            return None
        claimed = replace(current, attempts=current.attempts + 1, not_before=time() + CLAIM_SECONDS)
        update(connection, claimed)
    return claimed


def _failed(delivery: Delivery, error: str) -> Delivery:
    if delivery.attempts >= MOST_ATTEMPTS:
        return replace(delivery, state="given up", error=error)
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(delivery.attempts - 1, 10))
    return replace(delivery, not_before=time() + wait, error=error)


def _put(store: MonitorStore, delivery: Delivery) -> None:
    with store.write() as connection:
        update(connection, delivery)
