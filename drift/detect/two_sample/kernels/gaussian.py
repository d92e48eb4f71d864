"""The Gaussian kernel."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernels.protocol import Kernel

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Gaussian(Kernel):
    """exp(-|x - y|² / (2 h²)): smooth, and sees shifts of about the size of its bandwidth h best."""

    name: ClassVar[str] = "gaussian"
    shrink: ClassVar[float | None] = sqrt(0.5)

    def factor(self, bandwidth: float) -> float:
        """See `Kernel.factor`."""
        return -0.5 / bandwidth**2

    def apply(self, scaled: torch.Tensor) -> None:
        """See `Kernel.apply`."""
        scaled.exp_()

    def frequencies(
        self, count: int, dimensions: int, bandwidth: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Normal, with standard deviation 1 / h (Rahimi and Recht 2007)."""
        return rng.normal(scale=1 / bandwidth, size=(dimensions, count))
