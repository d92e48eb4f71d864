"""The record of labelled images. NumPy only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels

Split = Literal["train", "test"]
Labels = NDArray[np.int64]  # (n,)


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
