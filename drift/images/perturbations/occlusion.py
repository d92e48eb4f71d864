"""Something before the lens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels
from drift.images.perturbations.protocol import Seeded, amounts


@dataclass(frozen=True)
class Occlusion(Seeded):
    """Behind a grey rectangle of the image's proportions, which covers half to all of `severity * share` of it.

    It lies wholly within the image, and at a higher severity covers what it covered at a lower one.
    """

    name: ClassVar[str] = "occlusion"
    share: float = 0.5
    grey: int = 127  # 0 to 255

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        across, down, size = rng.random((len(pixels), 3)).T
        sides = np.sqrt(severity * self.share * amounts(size))
        height, width = pixels.shape[1:3]
        covered = _covered(height, sides, down)[:, :, None] & _covered(width, sides, across)[:, None, :]
        return np.where(covered[..., None], np.uint8(self.grey), pixels)


def _covered(length: int, sides: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of `length` pixels a side covers: (n, length), for sides and places (n,) in [0, 1]."""
    starts = places * (1 - sides)
    middles = (np.arange(length) + 0.5) / length
    return (middles >= starts[:, None]) & (middles < (starts + sides)[:, None])
