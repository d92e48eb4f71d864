"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
