"""Another place or another angle of the camera: rotation, shift, zoom. Beyond the edge is the nearest pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from drift.datasets.images.pixels import Pixels
from drift.images.perturbations.opencv import matrices, moved
from drift.images.perturbations.protocol import Seeded, signed_amounts


@dataclass(frozen=True)
class Rotation(Seeded):
    """Turned about the centre, each image to its own side, by half to all of `severity * degrees`."""

    name: ClassVar[str] = "rotation"
    degrees: float = 90.0

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        angles = np.deg2rad(severity * self.degrees * signed_amounts(rng.random(len(pixels))))
        cosines, sines = np.cos(angles), np.sin(angles)
        return moved(pixels, matrices(cosines, -sines, sines, cosines))


@dataclass(frozen=True)
class Shift(Seeded):
    """Moved down or up and across, by half to all of `severity * share` of the height and of the width."""

    name: ClassVar[str] = "shift"
    share: float = 0.3

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        offset = severity * self.share * signed_amounts(rng.random((len(pixels), 2))) * np.array(pixels.shape[1:3])
        return moved(pixels, np.broadcast_to(np.eye(2), (len(pixels), 2, 2)), offset)


@dataclass(frozen=True)
class Zoom(Seeded):
    """Nearer or farther by a factor; its logarithm is half to all of `severity * log(factor)`, of either sign."""

    name: ClassVar[str] = "zoom"
    factor: float = 3.0

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        factors = self.factor ** (severity * signed_amounts(rng.random(len(pixels))))
        return moved(pixels, np.eye(2) / factors[:, None, None])
