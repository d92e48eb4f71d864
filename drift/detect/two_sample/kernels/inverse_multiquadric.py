"""The inverse multiquadric kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernels.protocol import Kernel

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class InverseMultiquadric(Kernel):
    """(1 + |x - y|² / h²)^-b: falls slowly, so that far rows count, too.

    Attributes:
        beta: above 0.
    """

    name: ClassVar[str] = "inverse_multiquadric"
    beta: float = 0.5

    def factor(self, bandwidth: float) -> float:
        """See `Kernel.factor`."""
        return 1 / bandwidth**2

    def apply(self, scaled: torch.Tensor) -> None:
        """See `Kernel.apply`."""
        scaled.add_(1)
        if self.beta == 0.5:
            scaled.rsqrt_()
        else:
            scaled.pow_(-self.beta)

    def frequencies(
        self, count: int, dimensions: int, bandwidth: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Normal, with a variance drawn from a Gamma distribution for each frequency."""
        variances = 2 * rng.gamma(self.beta, size=count) / bandwidth**2
        return rng.normal(size=(dimensions, count)) * np.sqrt(variances)
