"""What a perturbation is, and what all of them share: images in, images out. No models, no files."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels, checked
from drift.errors import UsageError

VALUES_AT_ONCE = 1 << 20  # how many values of pixels are worked on together: what a core's cache holds


class Perturbation(Protocol):
    """Changes images as a camera, the light or a hand might; at a severity, and the same way with the same seed."""

    @property
    def name(self) -> str:
        """By which the registry and the reports call it."""
        ...

    def __call__(self, pixels: Pixels, severity: float, *, seed: int) -> Pixels:
        """Perturbed images; the given ones stay as they are.

        Args:
            pixels: (n, height, width, channels) uint8.
            severity: in [0, 1]. 0 changes nothing, bit for bit; 1 is the strongest.
            seed: 0 or more. With the same seed, image i is perturbed in the same way whatever images stand beside it,
                and at another severity in the same direction or with the same noise: a ramp of severities degrades
                every image smoothly.

        Returns:
            (n, height, width, channels) uint8, new memory.

        Raises:
            BlockError: pixels of another shape or type.
            UsageError: severity or seed out of range.
        """
        ...


class Seeded(ABC):
    """A perturbation that draws all its randomness from one generator, image after image."""

    @property
    @abstractmethod
    def name(self) -> str:
        """By which the registry and the reports call it."""

    @abstractmethod
    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """Perturbed images, for severity in (0, 1] and at least one image.

        Draws from `rng` once, an array whose first axis is n, and no other number of values for another severity:
        that is what makes image i depend on the seed and on i alone.
        """

    def __call__(self, pixels: Pixels, severity: float, *, seed: int) -> Pixels:
        """See `Perturbation`."""
        pixels = checked(pixels)
        rng = generator(self.name, severity, seed)
        if severity == 0 or len(pixels) == 0:
            return pixels.copy()
        changed = np.empty_like(pixels)
        step = max(1, VALUES_AT_ONCE // pixels[0].size)
        for start in range(0, len(pixels), step):
            part = slice(start, start + step)
            changed[part] = self.perturbed(pixels[part], severity, rng)
        return changed


def generator(name: str, severity: float, seed: int) -> np.random.Generator:
    """Random numbers of a perturbation: of the seed and its name, so that two in a row do not draw the same.

    Raises:
        UsageError: severity outside [0, 1], or a negative seed.
    """
    if not 0 <= severity <= 1:  # NaN too
        raise UsageError(f"expected a severity from 0 (nothing) to 1 (strongest), got {severity}")
    if seed < 0:
        raise UsageError(f"expected a seed of 0 or more, got {seed}")
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def amounts(uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Uniforms in [0, 1) to amounts in [1/2, 1): images differ, and none is left as it was."""
    return (1 + uniforms) / 2


def signed_amounts(uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Uniforms in [0, 1) to amounts of either sign, 1/2 to 1 in size."""
    return uniforms - (uniforms < 0.5)
