"""Messages about alerts: where they go and when; queued in the transaction that changes the alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from drift.errors import UsageError
from drift.monitor.alerts.channels import Channel, Message
from drift.monitor.drift.signals import display_name
from drift.monitor.store import alerts
from drift.monitor.store.records import Alert, Delivery, MonitorRecord


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
