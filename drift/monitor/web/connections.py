"""Connections of the page: no more than there are handles for, each with a deadline, and a log that fills no disk."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import Iterable
from time import monotonic
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 15.0  # for a request to come in whole, and for an answer to be read
LEAST_BYTES = 32_768  # of a longer answer that must be read in that time
MOST_CONNECTIONS = 256
SPARE_HANDLES = 128  # for the store, static files and what Python keeps open
LONGEST_TRACE = 8_000  # characters of an exception in the log
TRACES = logging.Formatter()
REPEAT_SECONDS = 10.0  # after which the same message may be logged again


def most_connections() -> int:
    """How many connections are kept at once: less than there are handles for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft < 0 else max(8, min(MOST_CONNECTIONS, soft - SPARE_HANDLES))


class BoundedProtocol(H11Protocol):
    """HTTP over one connection, which ends if its request does not come in time, or its answer is not read in time.

    Where there are too many connections, the oldest that waits for its other end makes room for the new one: whoever
    holds many of them open keeps nobody else out.
    """

    dropped = False  # it ends, but is still counted among the connections
    _deadline: asyncio.TimerHandle | None = None
    _unread = 0  # bytes of answers when the wait began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()
        make_room(self.connections, newest=self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request on the same connection."""
        super().on_response_complete()
        self._wait()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read its answer."""
        super().pause_writing()
        self._wait()

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn: no request is being answered, or its answer is not read."""
        return self.flow.write_paused or self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    @property
    def host(self) -> str:
        """The address of the client."""
        return self.client[0] if self.client else ""

    def drop(self) -> None:
        """End it now, whatever was not sent."""
        self.dropped = True
        self.transport.abort()

    def _wait(self) -> None:
        self.began = monotonic()
        self._watch()

    def _watch(self) -> None:
        self._stop_waiting()
        self._unread = self.transport.get_write_buffer_size()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._end_if_waiting)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_if_waiting(self) -> None:
        if not self.waits:
            return
        unread = self.transport.get_write_buffer_size()
        if unread and self._unread - unread >= LEAST_BYTES:  # a long answer over a slow line
            self._watch()
        else:
            self.drop()


def make_room(connections: Iterable[Any], *, newest: BoundedProtocol) -> None:
    """End connections that wait for their clients while there are too many; where all are answered, none.

    First those of the address that has most, of these the one that has waited longest, and never the newest.
    """
    living = [
        connection for connection in connections if isinstance(connection, BoundedProtocol) and not connection.dropped
    ]
    excess = len(living) - most_connections()
    if excess <= 0:
        return
    of_host = Counter(connection.host for connection in living)
    waiting = [connection for connection in living if connection.waits and connection is not newest]
    for connection in sorted(waiting, key=lambda connection: (-of_host[connection.host], connection.began))[:excess]:
        connection.drop()


class Unrepeated(logging.Filter):
    """Lets the same message through once in a while: a fault that repeats a thousand times a second fills no disk."""

    def __init__(self, seconds: float = REPEAT_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written; its trace is shortened, as it may hold what a client sent."""
        key, now = f"{record.name} {str(record.msg)[:200]} {_place(record)}", monotonic()
        if now - self._last.get(key, -self._seconds) < self._seconds:
            return False
        if len(self._last) > 1000:
            self._last.clear()
        self._last[key] = now
        if record.exc_info:
            trace = record.exc_text or TRACES.formatException(record.exc_info)
            if len(trace) > LONGEST_TRACE:
                record.exc_text = f"{trace[: LONGEST_TRACE // 2]}\n...\n{trace[-LONGEST_TRACE // 2 :]}"
        return True


def _place(record: logging.LogRecord) -> str:
    """The kind of a logged exception, and the line that it comes from."""
    if not record.exc_info or not isinstance(record.exc_info, tuple) or record.exc_info[0] is None:
        return ""
    last = record.exc_info[2]
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    line = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last is not None else ""
    return f"{record.exc_info[0].__name__} {line}"
