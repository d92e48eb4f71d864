"""One thread for small work: handing out pieces of a microsecond's work costs more than it gives. All for images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_outside: ContextVar[int | None] = ContextVar("threads outside", default=None)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in this thread alone.

    Batches of a small network are fitted half again as fast on one thread as on two; where other processes keep the
    cores busy, threads that wait for one another make Ax's suggestions take a minute instead of a second; and threads
    that wait for more work keep a core busy, too: a small two-sample test spent several times its own time so.
    """
    with _this_many(1):
        yield


@contextmanager
def all_threads() -> Iterator[None]:
    """Let torch compute in as many threads as it may, also within `one_thread`: convolutions are large work."""
    with _this_many(threads()):
        yield


def threads() -> int:
    """How many threads torch may use, as it was before `one_thread`: for those who divide the work themselves."""
    import torch

    return _outside.get() or torch.get_num_threads()


@contextmanager
def _this_many(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    token = _outside.set(_outside.get() or before)
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _outside.reset(token)
