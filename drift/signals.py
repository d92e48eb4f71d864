"""Ctrl-C, SIGTERM and SIGHUP at moments of our own choosing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unbroken() -> Iterator[None]:
    """Let the first SIGINT, SIGTERM or SIGHUP that arrives inside wait until the end; a second one breaks through.

    Libraries are not made to be broken off anywhere: MLflow's SQLite store keeps its file locked after half a
    statement, and a pool of connections keeps the lock that it was just taking, for whoever asks it next to wait for
    ever. Only the main thread hears signals; in others, this does nothing.
    """
    waiting: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if main else ()
    before = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}

    def remember(number: int, _frame: object) -> None:
        if waiting:
            raise KeyboardInterrupt
        waiting.append(number)

    for number in before:
        signal.signal(number, remember)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(signal.Signals(waiting[0]))
