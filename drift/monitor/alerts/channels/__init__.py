"""How alerts reach people. A message is one event of one alert.

To add a channel: a file beside the others with the channel and its `ChannelOptions`, and an import line here; the
options are then those of `drift monitor check`.
"""

from dataclasses import field, fields, make_dataclass
from typing import Any

from drift.monitor.alerts.channels.command import CommandOptions as CommandOptions
from drift.monitor.alerts.channels.file import FileOptions as FileOptions
from drift.monitor.alerts.channels.protocol import Channel
from drift.monitor.alerts.channels.protocol import ChannelOptions as ChannelOptions
from drift.monitor.alerts.channels.webhook import WebhookOptions as WebhookOptions

CHANNELS: tuple[type[ChannelOptions], ...] = tuple(
    sorted(
        (
            entry
            for entry in list(globals().values())
            if isinstance(entry, type) and issubclass(entry, ChannelOptions) and entry is not ChannelOptions
        ),
        key=lambda entry: (entry.order, entry.__name__),
    )
)
AllChannels: Any = make_dataclass(
    "AllChannels", [(kind.__name__, kind, field(default_factory=kind)) for kind in CHANNELS], frozen=True
)


def channels_of(options: Any) -> list[Channel]:
    """The channels that the options of all kinds (`AllChannels`) name."""
    channels = (record.channel() for record in vars(options).values())
    return [channel for channel in channels if channel is not None]


def shown_options(options: Any) -> dict[str, Any]:
    """The options of all kinds as they may be written to a file: the channel's target in place of its destination."""
    shown: dict[str, Any] = {}
    for record in vars(options).values():
        destination, *_ = fields(record)
        channel = record.channel()
        shown |= {name: str(value) if value is not None else None for name, value in vars(record).items()}
        if channel is not None and isinstance(getattr(record, destination.name), str):
            shown[destination.name] = channel.target
    return shown
