"""Images as arrays of bytes, and the record of labelled ones. NumPy only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError

Split = Literal["train", "test"]
Labels = NDArray[np.int64]  # (n,)
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


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images of one size.

    Attributes:
        name: of the set.
        pixels: (n, height, width, channels), 1 channel (grey) or 3 (red, green, blue); may be read-only.
        labels: (n,), codes into `classes`.
        classes: names of the classes, by code.
        left_out: files of a folder that could not be read, each with the reason.
    """

    name: str
    pixels: Pixels
    labels: Labels
    classes: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def part(self, rows: NDArray[np.int64] | slice) -> Images:
        """Some of them, in the order of `rows`."""
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows])

    def digest(self) -> str:
        """SHA-256 of shape, classes, pixels and labels: one for the same contents, whatever their source."""
        digest = hashlib.sha256(json.dumps([self.pixels.shape, self.classes]).encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return digest.hexdigest()
