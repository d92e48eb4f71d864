"""Arrays kept in files of their own: caches of what was computed once. Used by images and replays."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.system.disk import write_at_once, write_errors


def read_array(path: Path) -> NDArray[Any] | None:
    """The array in a file (.npy); None if there is no such file, or half of one."""
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array


def write_array(path: Path, array: NDArray[Any], *, failure: str) -> None:
    """Write an array to a file (.npy), whole or not at all.

    Args:
        path: of the file; folders above it are made.
        array: of numbers.
        failure: what cannot be done if this fails, in words.

    Raises:
        StateError: the file cannot be written.
    """
    content = BytesIO()
    np.save(content, array, allow_pickle=False)
    with write_errors(failure):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, content.getvalue())
