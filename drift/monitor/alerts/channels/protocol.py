"""What is delivered, and what delivers it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias, get_args

LONGEST_NAME, LONGEST_REASON = 200, 1_000  # characters of a line
AlertEvent: TypeAlias = Literal["opened", "acknowledged", "closed"]
EVENTS = get_args(AlertEvent)  # in their order


@dataclass(frozen=True)
class Message:
    """One event of one alert.

    Attributes:
        id: of the delivery, the same however often it is tried, so that a receiver recognises a repetition.
        event: what happened to the alert.
        monitor: its name.
        alert: number of the alert.
        signal: what the alert is about, as people read it.
        batch: name of the batch at which it was opened.
        reason: why the event happened.
        at: time of the event, UTC, ISO 8601.
        link: address of the page of the alert; empty if there is none.
    """

    id: str
    event: AlertEvent
    monitor: str
    alert: int
    signal: str
    batch: str
    reason: str
    at: str
    link: str = ""


PANEL = "Alerts"  # heading of the options of channels in the help


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


class ChannelOptions:
    """Options of `drift monitor check` for one kind of channel: a dataclass whose fields are declared as options.

    The first field is the destination; where it is a text, which may hold a secret, files show the channel's `target`
    in its place. The other fields hold no secrets, but names of variables or files with them.

    Attributes:
        order: place of the options in the help, the smallest first; by the name of the class where it is the same.
    """

    order: ClassVar[int] = 100

    def channel(self) -> Channel | None:
        """The channel that the options name; None if they name none.

        Raises:
            UsageError: the options contradict each other.
        """
        raise NotImplementedError


def shortened(value: str, length: int) -> str:
    """A text of at most so many characters, with a sign where it was cut."""
    return value if len(value) <= length else f"{value[: length - 1]}…"


def text(message: Message) -> str:
    """A message as one line; names and reasons that are very long are shortened."""
    signal, reason = shortened(message.signal, LONGEST_NAME), shortened(message.reason, LONGEST_REASON)
    line = f"{message.monitor}: {signal} {message.event} at batch {message.batch}: {reason}"
    return " ".join((f"{line} {message.link}" if message.link else line).split())


def body(message: Message) -> bytes:
    """A message as JSON."""
    import json

    return json.dumps(asdict(message) | {"text": text(message)}, ensure_ascii=False).encode()
