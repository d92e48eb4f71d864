"""Another light: brightness and contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels, as_bytes
from drift.images.perturbations.protocol import Seeded, amounts, signed_amounts

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True)
class Brightness(Seeded):
    """Lighter or darker by half to all of `severity * share` of the range of 255, and held to it."""

    name: ClassVar[str] = "brightness"
    share: float = 0.6

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        added = 255 * severity * self.share * signed_amounts(rng.random((len(pixels), 1, 1, 1)))
        return as_bytes(pixels + added.astype(np.float32))


@dataclass(frozen=True)
class Contrast(Seeded):
    """Nearer to the image's mean grey: distances from it lose half to all of `severity * share`."""

    name: ClassVar[str] = "contrast"
    share: float = 0.9

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        kept = (1 - severity * self.share * amounts(rng.random((len(pixels), 1, 1, 1)))).astype(np.float32)
        grey = mean_grey(pixels)
        return as_bytes(grey + kept * (pixels - grey))


def mean_grey(pixels: Pixels) -> NDArray[np.float32]:
    """Mean luminance of every image, (n, 1, 1, 1), in [0, 255]."""
    means = pixels.mean(axis=(1, 2), dtype=np.float32)
    grey = means @ LUMINANCE if pixels.shape[3] == 3 else means
    return np.asarray(grey, dtype=np.float32).reshape(-1, 1, 1, 1)
