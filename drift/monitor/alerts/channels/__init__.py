"""How alerts reach people: a webhook, a command, a file. A message is one event of one alert."""

from drift.monitor.alerts.channels.protocol import EVENTS, Channel, Message, text

__all__ = ["EVENTS", "Channel", "Message", "text"]
