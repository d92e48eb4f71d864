"""Images as arrays of bytes: what they look like, and how values become bytes again."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError

Pixels: TypeAlias = NDArray[np.uint8]
"""(n, height, width, channels), 0 to 255, with 1 channel (grey) or 3 (red, green, blue)."""


def checked(
    pixels: NDArray[Any],
    *,
    height: int | None = None,
    width: int | None = None,
    channels: tuple[int, ...] = (1, 3),
    whose: str = "",
) -> Pixels:
    """The pixels, contiguous in memory, if they are of that height and width (None for any) and so many channels.

    Raises:
        BlockError: they are not, or no bytes; `whose` says what wants them so.
    """
    expected = f"(n, {height or 'height'}, {width or 'width'}, {' or '.join(map(str, channels))})"
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        got = f"{pixels.dtype}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise BlockError(
            f"expected pixels {expected} of uint8, 0 to 255, got {got}: give the images as they are before they are"
            " scaled"
        )
    fits = pixels.ndim == 4 and pixels.shape[3] in channels and 0 not in pixels.shape[1:]
    if not fits or height not in (None, pixels.shape[1]) or width not in (None, pixels.shape[2]):
        raise BlockError(
            f"expected pixels {expected}{whose}, got {pixels.shape}: grey images have an axis of one channel, too,"
            " and it is the last"
        )
    return np.ascontiguousarray(pixels)


def as_bytes(values: NDArray[Any]) -> Pixels:
    """Values rounded to whole numbers and held to 0 to 255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
