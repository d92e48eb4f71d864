"""Files of arrays (.npz) that may come from anybody: their size is bounded before they are read."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from drift.errors import BlockError

LARGEST_REFERENCE = 1 << 30  # bytes of all its arrays
MOST_ARRAYS = 16  # in its file
MOST_NAMES = 10_000_000  # of features or of classes, named or counted


def require_small(path: Path) -> None:
    """Refuse a file of arrays (.npz) that would fill the memory: some kilobytes of zeros can unpack to any size.

    Only the directory of the archive and the first bytes of each array are read.

    Raises:
        BlockError: the arrays are larger than any reference, or than what memory there is.
        zipfile.BadZipFile, ValueError: it is no file of arrays.
    """
    import psutil

    most = min(LARGEST_REFERENCE, int(psutil.virtual_memory().available))
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        size = sum(part.file_size for part in parts)
        if size > most or len(parts) > MOST_ARRAYS:
            raise BlockError(f"expected up to {MOST_ARRAYS} arrays and {most:,} bytes, got {len(parts)} and {size:,}")
        for part in parts:
            with archive.open(part) as file:
                shape, dtype = _header(file)
            # texts of no letters take no bytes, and neither do the columns of an array without rows
            count = math.prod(shape)
            names = count if part.filename.startswith(("feature_names", "classes")) else math.prod(shape[1:])
            if count * max(dtype.itemsize, 1) > part.file_size or names > MOST_NAMES:
                raise BlockError(f"shape {shape} in a file of {part.file_size:,} bytes")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array that a file begins with."""
    if np.lib.format.read_magic(file) == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype
