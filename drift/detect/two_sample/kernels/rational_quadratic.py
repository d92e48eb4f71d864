"""The rational quadratic kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernels.protocol import Kernel

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RationalQuadratic(Kernel):
    """(1 + |x - y|² / (2 a h²))^-a: a mixture of Gaussian kernels of many bandwidths around h.

    Attributes:
        alpha: above 0; the smaller, the longer the tail.
    """

    name: ClassVar[str] = "rational_quadratic"
    alpha: float = 1.0

    def factor(self, bandwidth: float) -> float:
        """See `Kernel.factor`."""
        return 0.5 / (self.alpha * bandwidth**2)

    def apply(self, scaled: torch.Tensor) -> None:
        """See `Kernel.apply`."""
        scaled.add_(1)
        if self.alpha == 1:
            scaled.reciprocal_()
        else:
            scaled.pow_(-self.alpha)

    def frequencies(
        self, count: int, dimensions: int, bandwidth: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Normal, with a precision drawn from a Gamma distribution for each frequency."""
        precisions = rng.gamma(self.alpha, 1 / (self.alpha * bandwidth**2), size=count)
        return rng.normal(size=(dimensions, count)) * np.sqrt(precisions)
