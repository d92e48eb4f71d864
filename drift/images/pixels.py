"""Images as arrays of bytes: what they look like, and how values become bytes again."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError

Pixels: TypeAlias = NDArray[np.uint8]  # (n, height, width, channels), 0 to 255, with 1 channel (grey) or 3 (RGB)


def checked(pixels: NDArray[Any]) -> Pixels:
    """The pixels, contiguous in memory.

    Raises:
        BlockError: not (n, height, width, 1 or 3) of uint8.
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        got = f"{pixels.dtype}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise BlockError(
            f"expected pixels of uint8 from 0 to 255, got {got}: give the images as they are before they are scaled"
        )
    if pixels.ndim != 4 or pixels.shape[3] not in {1, 3} or 0 in pixels.shape[1:]:
        raise BlockError(
            f"expected pixels of shape (n, height, width, 1 or 3), got {pixels.shape}:"
            " add the axis of channels to grey images, and move it to the end"
        )
    return np.ascontiguousarray(pixels)


def as_bytes(values: NDArray[Any]) -> Pixels:
    """Values rounded to whole numbers and held to 0 to 255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
