"""The kernels that are functions of a distance: Gaussian, Laplacian, inverse multiquadric, rational quadratic."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernels.protocol import Kernel, KernelDistance

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


@dataclass(frozen=True)
class Laplacian:
    """exp(-|x - y|₁ / h), with the city block distance: pointed at 0, and so sensitive to fine structure."""

    name: ClassVar[str] = "laplacian"
    metric: ClassVar[KernelDistance] = KernelDistance.CITY_BLOCK
    shrink: ClassVar[float | None] = 0.5

    def factor(self, bandwidth: float) -> float:
        """See `Kernel.factor`."""
        return -1 / bandwidth

    def apply(self, scaled: torch.Tensor) -> None:
        """See `Kernel.apply`."""
        scaled.exp_()

    def frequencies(
        self, count: int, dimensions: int, bandwidth: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Cauchy with scale 1 / h, independent in every dimension (Rahimi and Recht 2007)."""
        return rng.standard_cauchy(size=(dimensions, count)) / bandwidth


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
