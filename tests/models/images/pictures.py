"""Small pictures for tests: handwritten digits of 8 x 8 pixels, twice as large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drift.data.blocks import Integers
from drift.datasets.images.pixels import Pixels

CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class Pictures:
    pixels: Pixels
    labels: Integers


def digits(rows: slice, *, channels: int = 1) -> Pictures:
    from sklearn.datasets import load_digits

    known = load_digits()
    grey = (known.images[rows] * 15.9).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)[..., None]
    return Pictures(grey.repeat(channels, axis=3), known.target[rows].astype(np.int64))


TRAIN, VALIDATION = slice(0, 1_000), slice(1_000, 1_300)
