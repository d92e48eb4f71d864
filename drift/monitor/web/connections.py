"""Connections of the page: no more than there are handles for, each with a deadline, and a log that fills no disk."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Iterable
from time import monotonic
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 15.0  # for a request to come in whole
MOST_CONNECTIONS = 256
SPARE_HANDLES = 128  # for the store, static files and what Python keeps open
REPEAT_SECONDS = 10.0  # after which the same message may be logged again


def most_connections() -> int:
    """How many connections are kept at once: less than there are handles for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft < 0 else max(8, min(MOST_CONNECTIONS, soft - SPARE_HANDLES))


class BoundedProtocol(H11Protocol):
    """HTTP over one connection, which ends if its request does not come in time.

    Where there are too many connections, the oldest that waits for its request makes room for the new one: whoever
    holds many of them open keeps nobody else out.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.began = monotonic()
        self._wait()
        if len(self.connections) > most_connections():
            _drop_oldest(self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request on the same connection."""
        super().on_response_complete()
        self.began = monotonic()
        self._wait()

    @property
    def waits(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._end_if_waiting)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_if_waiting(self) -> None:
        if not self.transport.is_closing() and self.waits:
            self.transport.abort()


def _drop_oldest(connections: Iterable[Any]) -> None:
    """End the connection that has waited longest for its request; where all are answered, none."""
    waiting = [one for one in connections if isinstance(one, BoundedProtocol) and one.waits]
    if waiting:
        min(waiting, key=lambda one: one.began).transport.abort()


class Unrepeated(logging.Filter):
    """Lets the same message through once in a while: a fault that repeats a thousand times a second fills no disk."""

    def __init__(self, seconds: float = REPEAT_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        key, now = f"{record.name} {str(record.msg)[:200]}", monotonic()
        if now - self._last.get(key, -self._seconds) < self._seconds:
            return False
        if len(self._last) > 1000:
            self._last.clear()
        self._last[key] = now
        return True
