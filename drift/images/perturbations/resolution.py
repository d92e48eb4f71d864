"""Less detail: out of focus, or too few pixels. Both are relative to the size of the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels, as_bytes
from drift.images.perturbations.opencv import blurred
from drift.images.perturbations.protocol import Seeded, amounts


@dataclass(frozen=True)
class GaussianBlur(Seeded):
    """Under a Gaussian whose sigma is half to all of `severity * share` of the shorter side."""

    name: ClassVar[str] = "gaussian_blur"
    share: float = 0.1

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        shorter = min(pixels.shape[1:3])
        return blurred(pixels, severity * self.share * shorter * amounts(rng.random(len(pixels))))


@dataclass(frozen=True)
class Pixelation(Seeded):
    """Of larger cells, each of the mean colour beneath it.

    A cell's sides grow from 1 pixel, by half to all of `severity`, towards `share` of the image's, or towards 2 pixels
    where the image is small. They need not be whole pixels, so that a ramp of severities goes smoothly.
    """

    name: ClassVar[str] = "pixelation"
    share: float = 0.15

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        n, height, width, channels = pixels.shape
        grown = severity * amounts(rng.random((n,)))
        down = cell_means(height, 1 + grown * max(self.share * height - 1, 1))
        across = cell_means(width, 1 + grown * max(self.share * width - 1, 1))
        rows = down @ pixels.reshape(n, height, width * channels).astype(np.float32)
        turned = rows.reshape(pixels.shape).swapaxes(1, 2).reshape(n, width, height * channels)
        return as_bytes(across @ turned).reshape(n, width, height, channels).swapaxes(1, 2)


def cell_means(length: int, sides: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weights of the pixels along one axis in the cell that each of them belongs to.

    Cells are laid out from the middle of the axis: a border of two lies there if the length is even, a cell's own
    middle if it is odd, so that at a side of 1 cells are pixels. Those at the ends are cut off. A pixel belongs to the
    cell that its own middle is in.

    Args:
        length: of the axis, in pixels.
        sides: (n,) of a cell, in pixels, 1 or more.

    Returns:
        (n, length, length): rows sum to 1.
    """
    edges = np.arange(length + 1) - length / 2
    widths = sides[:, None]
    cells = np.floor((edges[:-1] + 0.5) / widths + 0.5 * (length % 2))
    first = (cells - 0.5 * (length % 2)) * widths
    covered = np.minimum((first + widths)[:, :, None], edges[1:]) - np.maximum(first[:, :, None], edges[:-1])
    weights = np.maximum(covered, 0)
    return np.asarray(weights / weights.sum(axis=2, keepdims=True), dtype=np.float32)
