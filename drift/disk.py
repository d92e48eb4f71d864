"""Files that are there whole or not at all, and one process at a time where several would make the same one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

MAKE_SECONDS = 120.0  # MLflow makes its tables in 5 to 20


@contextmanager
def at_once(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes its place when the block ends well, and is removed when not."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_at_once(path: Path, content: bytes) -> None:
    """Write a file beside `path`, and put it in its place when it is complete; OSError as it comes."""
    with at_once(path) as beside:
        beside.write_bytes(content)


@contextmanager
def alone_in(folder: Path, *, seconds: float = MAKE_SECONDS) -> Iterator[None]:
    """One process at a time in here, for each folder; goes on without the lock after `seconds`, or where none is had.

    The folder itself is locked, so nothing is left behind, and the lock goes with the process, however it ends.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                sleep(0.1)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(handle)
