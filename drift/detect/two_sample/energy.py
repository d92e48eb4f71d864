"""Energy distance: how much further apart rows of two samples are than rows of one; no bandwidth to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from drift.detect.permutation.sampler import PermutationSampler
from drift.detect.permutation.tests import PermutationTest, PermutedStatistics, permutation_result
from drift.detect.two_sample.kernel_matrix import ScaledKernel
from drift.detect.two_sample.kernels import Kernel
from drift.detect.two_sample.samples import two_samples
from drift.system.threads import one_thread

if TYPE_CHECKING:
    import torch

    from drift.detect.two_sample.samples import Sample


@dataclass(frozen=True)
class _MinusDistance(Kernel):
    """-|x - y|: with it, MMD² is the energy distance (Sejdinovic et al. 2013, theorem 22)."""

    name: ClassVar[str] = "energy"

    def factor(self, bandwidth: float) -> float:
        return 1.0

    def apply(self, scaled: torch.Tensor) -> None:
        scaled.clamp_(min=0).sqrt_().neg_()

    def frequencies(
        self, count: int, dimensions: int, bandwidth: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        raise NotImplementedError("a distance has no spectral density")


@one_thread()
def energy_test(
    reference: Sample,
    current: Sample,
    *,
    permutations: int = 1000,
    scheme: Literal["auto", "rows", "bins"] = "auto",
    level: float = 0.05,
    seed: int = 0,
) -> PermutationTest:
    """Test whether two samples come from one distribution, by their energy distance; exact at any sample size.

    The statistic is 2 E|X - Y| - E|X - X'| - E|Y - Y'| over all pairs, those of a row with itself (0) among them
    (Székely and Rizzo 2013), so at least 0. Scale the features first: one in large units drowns the others.

    Args:
        reference: (n, d) rows, array or tensor.
        current: (m, d) rows.
        permutations: B, of which the p-value is (1 + count) / (1 + B).
        scheme: as in `mmd_test`.
        level: for `threshold` and `rejected`.
        seed: of shuffle and permutations.

    Raises:
        BlockError: samples that cannot be compared, or too few rows or permutations for the level.
    """
    terms = [ScaledKernel(_MinusDistance(), 1.0)]
    samples, rng = two_samples(reference, current), np.random.default_rng(seed)
    sampler = PermutationSampler(samples, terms, scheme=scheme, permutations=permutations, level=level, rng=rng)
    sums = sampler.draw(permutations)
    statistics = sums.within_n / sums.n**2 + sums.within_m / sums.m**2 - 2 * sums.between / (sums.n * sums.m)
    rounding = float(sums.rounding(sampler.gram.precision)[0])
    result = permutation_result(PermutedStatistics(statistics[0], rounding), level=level)
    return PermutationTest(**vars(result), level=level, scheme=sampler.scheme, rows=sampler.rows)
