"""Ctrl-C, SIGTERM and SIGHUP at moments of our own choosing."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from drift.system.streams import discard_lost_terminal


@contextmanager
def unbroken() -> Iterator[None]:
    """Let the first SIGINT, SIGTERM or SIGHUP that arrives inside wait until the end.

    A second SIGINT or SIGTERM raises KeyboardInterrupt at once. A second SIGHUP does not: a terminal that is closed
    sends two, one by its shell and one by the kernel.

    Libraries are not made to be broken off anywhere: MLflow's SQLite store keeps its file locked after half a
    statement, and a pool of connections keeps the lock that it was just taking, for whoever asks it next to wait for
    ever. Only the main thread gets signals; in others, this does nothing.
    """
    waiting: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if main else ()
    before = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}

    def remember(number: int, _frame: object) -> None:
        if waiting and number != signal.SIGHUP:
            raise KeyboardInterrupt
        waiting.append(number)

    for number in before:
        signal.signal(number, remember)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        try:
            if waiting:
                signal.raise_signal(signal.Signals(waiting[0]))
        finally:
            if signal.SIGHUP in waiting[1:]:
                signal.raise_signal(signal.SIGHUP)


_interrupted: list[bool] = []  # one element once the command was interrupted


def note_interrupt() -> None:
    """Remember an interrupt, in the handler that raises KeyboardInterrupt for it."""
    _interrupted[:] = [True]


def forget_interrupt() -> None:
    """Begin a command anew, in which an interrupt that Python swallows is not printed either."""
    _interrupted.clear()
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _print_other_errors


def _print_other_errors(error: sys.UnraisableHookArgs) -> None:
    """Print what Python swallows, as it does itself, but for an interrupt: that is heard all the same."""
    if not issubclass(error.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(error)


def raise_lost_interrupt() -> None:
    """Raise the KeyboardInterrupt that was lost on its way; called between blocks and between trials.

    Python swallows an exception that is raised while a finalizer or a callback of the garbage collector runs: it would
    print "Exception ignored in" with a traceback, and the command would go on to its end.
    """
    if _interrupted:
        raise KeyboardInterrupt


def ignore_hang_ups() -> None:
    """Let a SIGHUP do no more than discard the streams of a lost terminal: the command ends already.

    A closed terminal sends two signals, and a session that ends SIGTERM and SIGHUP: the second must not break off what
    the first began to put away. SIGHUP that is ignored already (nohup) stays ignored.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: discard_lost_terminal())
