"""Noise of the sensor: Gaussian, shot and impulse. A higher severity scales or widens the same draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, pdtr

from drift.datasets.images.pixels import Pixels, as_bytes
from drift.images.perturbations.protocol import Seeded

WORDS = 1 << 16  # values of a random word of 16 bits
QUANTILES = 1 << 12  # at how many probabilities shot noise knows its quantiles
MANY_PHOTONS = 400.0  # above, 3 in 1,000 Cornish-Fisher quantiles are a photon off


@dataclass(frozen=True)
class GaussianNoise(Seeded):
    """Plus independent normal noise on every value, of standard deviation `severity * share` of 255."""

    name: ClassVar[str] = "gaussian_noise"
    share: float = 0.5

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        noise = rng.standard_normal(pixels.shape, dtype=np.float32)
        noise *= np.float32(255 * severity * self.share)
        noise += pixels
        return as_bytes(noise)


@dataclass(frozen=True)
class ShotNoise(Seeded):
    """Of few photons: every value is a Poisson count, scaled back to the mean it had.

    White is `photons / severity ** 2` expected photons, so that the standard deviation grows in proportion to the
    severity; of a value v it is `severity * sqrt(255 * v / photons)` before what exceeds 255 is cut off.
    """

    name: ClassVar[str] = "shot_noise"
    photons: float = 1.0  # that white is expected to give at severity 1

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        words = rng.integers(0, WORDS, size=pixels.shape, dtype=np.uint16)
        places = (pixels.astype(np.int32) << 12) | (words >> 4)
        return shot_values(self.photons / severity**2).take(places)


@dataclass(frozen=True)
class ImpulseNoise(Seeded):
    """With a share `severity * share` of the pixels black or white at even odds, all channels alike."""

    name: ClassVar[str] = "impulse_noise"
    share: float = 0.5

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        words = rng.integers(0, WORDS, size=(*pixels.shape[:3], 1), dtype=np.uint16)
        cut = round(WORDS * severity * self.share / 2)
        changed = np.where(words < cut, np.uint8(0), pixels)
        return np.where(words >= WORDS - cut, np.uint8(255), changed)


@lru_cache(maxsize=8)  # a stream asks for the same few severities; each table is 1 MB and takes 20 ms
def shot_values(photons: float) -> NDArray[np.uint8]:
    """What a value becomes at each quantile of its Poisson noise: (256 * QUANTILES,) uint8, value by value.

    Args:
        photons: expected of white, above 0.
    """
    probabilities = (np.arange(QUANTILES) + 0.5) / QUANTILES
    values = np.zeros((256, QUANTILES))
    for value in range(1, 256):
        values[value] = poisson_quantiles(probabilities, photons * value / 255)
    return as_bytes(values * (255 / photons)).ravel()


def poisson_quantiles(probabilities: NDArray[np.float64], expected: float) -> NDArray[np.float64]:
    """Smallest counts whose distribution function reaches the probabilities (in (0, 1)), for an expected count above 0.

    Exact up to 400 expected, for probabilities within six sigmas; above, the first Cornish-Fisher correction of the
    normal quantile, z -> m + sqrt(m) z + (z^2 - 1) / 6, rounded.
    """
    if expected > MANY_PHOTONS:
        z = ndtri(probabilities)
        return np.asarray(np.rint(expected + np.sqrt(expected) * z + (z**2 - 1) / 6))
    counts = np.arange(np.ceil(expected + 6 * np.sqrt(expected) + 10))
    return counts[np.searchsorted(pdtr(counts, expected), probabilities)]
