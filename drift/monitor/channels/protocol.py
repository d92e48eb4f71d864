"""What is delivered, and what delivers it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, Protocol

EVENTS = "opened", "acknowledged", "closed"  # of an alert, in their order


@dataclass(frozen=True)
class Message:
    """One event of one alert."""

    id: str  # of the delivery: the same however often it is tried, so that a receiver can tell a repetition
    event: Literal["opened", "acknowledged", "closed"]
    monitor: str
    alert: int
    signal: str
    batch: str
    reason: str
    at: str  # UTC, ISO 8601
    link: str = ""  # the page of the alert


class Channel(Protocol):
    """Delivers messages."""

    kind: ClassVar[str]

    @property
    def target(self) -> str:
        """Where to, as it is stored and shown: never with a secret."""
        ...

    def send(self, message: Message) -> None:
        """Deliver it, or raise `DeliveryError`."""
        ...


def text(message: Message) -> str:
    """A message as one line."""
    line = f"{message.monitor}: {message.signal} {message.event} at batch {message.batch}: {message.reason}"
    return " ".join((f"{line} {message.link}" if message.link else line).split())


def body(message: Message) -> bytes:
    """A message as JSON."""
    return json.dumps(asdict(message) | {"text": text(message)}, ensure_ascii=False).encode()
