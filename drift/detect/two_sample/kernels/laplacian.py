"""The Laplacian (exponential) kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernels.protocol import KernelDistance

if TYPE_CHECKING:
    import torch


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
