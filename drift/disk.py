"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_at_once(path: Path, content: bytes) -> None:
    """Write a file beside `path`, and put it in its place when it is complete; OSError as it comes."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
