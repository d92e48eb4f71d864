"""Maximum mean discrepancy (MMD): do two samples come from one distribution, in whatever way they might differ?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from drift.detect.permutation.kernel_sums import KernelSums
from drift.detect.permutation.sampler import PermutationSampler
from drift.detect.permutation.tests import PermutationTest, PermutedStatistics, draw_until_decided, permutation_result
from drift.detect.two_sample.kernel_matrix import ScaledKernel, bandwidth_grid, distance_sample, median_bandwidth
from drift.detect.two_sample.kernels import KERNELS, Gaussian, Kernel, Laplacian
from drift.detect.two_sample.samples import TwoSamples, two_samples
from drift.errors import BlockError
from drift.system.threads import one_thread

if TYPE_CHECKING:
    from drift.detect.two_sample.kernel_matrix import KernelFunction
    from drift.detect.two_sample.samples import Sample

FUSED = (Gaussian(), Laplacian())
WEIGHT = 1.5  # of how much a kernel's values vary, against how surprising its statistic is; over its degrees of freedom
MOST_WEIGHT = 0.5
LEAST_SPREAD = 8  # of a statistic, in its rounding
MOST_ROUNDING = 0.05  # of a fused score
LEAST_SKEWNESS = 1e-3  # below it a statistic is as good as normal


@dataclass(frozen=True)
class MMDTest(PermutationTest):
    """An MMD test; the statistic is MMD², or, fused, in standard deviations of a normal distribution.

    Attributes:
        kernel: its name.
        bandwidths: in units of the kernel's distance.
    """

    kernel: str
    bandwidths: tuple[float, ...]


@one_thread()
def mmd_test(
    reference: Sample,
    current: Sample,
    *,
    kernel: str | Kernel | KernelFunction = "fused",
    bandwidth: float | Sequence[float] | None = None,
    permutations: int = 1000,
    scheme: Literal["auto", "rows", "bins"] = "auto",
    estimator: Literal["unbiased", "biased"] = "unbiased",
    stop_after: int | None = None,
    level: float = 0.05,
    seed: int = 0,
) -> MMDTest:
    """Test whether two samples come from one distribution; exact at any sample size.

    The statistic is MMD² of Gretton et al. (2012), or, with the default kernel, fused as in MMD-FUSE (Biggs, Schrab and
    Gretton 2023): the most surprising of ten bandwidths of a Gaussian and a Laplacian kernel, so that there is no
    bandwidth to choose. See `fuse` for how they are compared.

    Args:
        reference: (n, d) rows, array or tensor on any device. In float32 all runs in float32, but for sums.
        current: (m, d) rows.
        kernel: "fused"; a name in `drift.detect.two_sample.kernels.KERNELS` or a kernel of one's own; or a function
            that maps tensors (r, d) and (c, d) to values (r, c).
        bandwidth: the kernel's length scale, or several to sum over; by default the median distance.
        permutations: B, of which the p-value is (1 + count) / (1 + B).
        scheme: permute single `rows`, or equal `bins` of shuffled rows (32 to 128 of them; up to 1,024 where one sample
            is much smaller), which costs the same for any B. `auto` takes rows up to 1,000 rows in all, and above where
            the smaller sample fills no 8 bins.
        estimator: of MMD².
        stop_after: draw no more permutations once so many reach the observed statistic (Besag and Clifford 1991): a
            clear "no drift" then costs a few of them. For a single kernel; `fused` compares all at once.
        level: for `threshold` and `rejected`.
        seed: of shuffle and permutations; the same seed gives the same numbers.

    Raises:
        BlockError: samples that cannot be compared, or too few rows or permutations for the level.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mmd_test(rng.normal(size=(100, 3)), rng.normal(size=(80, 3))).rejected
    False
    >>> mmd_test(rng.normal(size=(100, 3)), rng.normal(0.7, size=(80, 3))).rejected
    True
    """
    samples = two_samples(reference, current)
    rng = np.random.default_rng(seed)
    if estimator not in ("unbiased", "biased"):
        raise BlockError(f"expected estimator unbiased or biased, got {estimator!r}")
    if stop_after is not None and (stop_after < 1 or kernel == "fused"):
        raise BlockError(f"expected stop_after of 1 or more and a single kernel, got {stop_after} and {kernel!r}")
    name, terms = _terms(kernel, bandwidth, samples, rng)
    sampler = PermutationSampler(samples, terms, scheme=scheme, permutations=permutations, level=level, rng=rng)

    def draw(count: int) -> PermutedStatistics:
        sums = sampler.draw(count)
        by_kernel = sums.unbiased() if estimator == "unbiased" else sums.biased()
        rounding = sums.rounding(sampler.gram.precision)
        if name == "fused":
            return fuse(by_kernel, sums, rounding)
        return PermutedStatistics(by_kernel.mean(axis=0), rounding.mean())

    result = permutation_result(draw_until_decided(draw, permutations, stop_after), level=level, stop_after=stop_after)
    return MMDTest(
        **vars(result),
        level=level,
        kernel=name,
        bandwidths=() if callable(terms) else tuple(term.bandwidth for term in terms),
        scheme=sampler.scheme,
        rows=sampler.rows,
    )


def fuse(statistics: NDArray[np.float64], sums: KernelSums, rounding: NDArray[np.float64]) -> PermutedStatistics:
    """The most surprising of several statistics, each in standard deviations of a normal distribution.

    A kernel's MMD² is right-skewed under permutations, the more so the larger its bandwidth; taken for a shifted
    chi-squared variable of that mean, variance and skewness, it becomes normal by a cube root (Wilson and Hilferty
    1931), and kernels can be compared. In few dimensions kernels that are nearly constant, the wide ones, see little
    but the means, and see it all alike: each score is lowered by a weight times minus the logarithm of the part of the
    kernel's values that varies, a little of what MMD-FUSE's division by the size of all values does. A kernel that sees
    few directions has few degrees of freedom; the weight is `WEIGHT` over these, and at most `MOST_WEIGHT`: in many
    dimensions all rows are about equally far apart, and a kernel is nearly constant whatever it sees. All these
    quantities are the same for every assignment, so the maximum over kernels is exchangeable and the test exact.

    Args:
        statistics: (matrices, 1 + permutations) MMD², larger means further apart.
        sums: that they come from.
        rounding: (matrices,) of the statistics; a kernel whose statistic varies by little more says nothing.

    Returns:
        The maxima over matrices, with their rounding.
    """
    speaking = statistics.std(axis=1) > LEAST_SPREAD * rounding
    if not speaking.any():
        return PermutedStatistics(np.zeros(statistics.shape[1]), 0.0)
    statistics, totals, rounding = statistics[speaking], sums.totals()[speaking], rounding[speaking]
    centred = statistics - statistics.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    scores = centred / spread
    skewness = np.maximum((scores**3).mean(axis=1, keepdims=True), LEAST_SKEWNESS)
    freedom = 8 / skewness**2  # degrees of freedom of the chi-squared variable of that skewness
    ratio = np.maximum(scores * np.sqrt(2 / freedom) + 1, 0)  # to its mean
    normal = (np.cbrt(ratio) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom))
    varying = spread / (np.sqrt(2) * (1 / sums.n + 1 / sums.m))  # root mean square of the centred kernel's values
    constant = totals[:, None] / ((sums.n + sums.m) * (sums.n + sums.m - 1))
    handicap = np.minimum(MOST_WEIGHT, WEIGHT / freedom) * np.log(varying / np.hypot(varying, constant))
    tolerance = min(MOST_ROUNDING, 2 * float((rounding / spread[:, 0]).max()))
    return PermutedStatistics((normal + handicap).max(axis=0), tolerance)


def _terms(
    kernel: str | Kernel | KernelFunction,
    bandwidth: float | Sequence[float] | None,
    samples: TwoSamples,
    rng: np.random.Generator,
) -> tuple[str, Sequence[ScaledKernel] | KernelFunction]:
    """The kernel's name, and its terms with bandwidths from the data where none are given."""
    if kernel == "fused":
        if bandwidth is not None:
            raise BlockError("expected no bandwidth with the fused kernel, which searches its own: name one kernel")
        terms = []
        for candidate in FUSED:
            distances = distance_sample(samples.pooled, candidate.metric, rng)
            terms += [ScaledKernel(candidate, step) for step in bandwidth_grid(candidate, distances)]
        return "fused", terms
    if isinstance(kernel, str):
        if kernel not in KERNELS:
            raise BlockError(f"expected kernel fused, {', '.join(sorted(KERNELS))} or a function, got {kernel!r}")
        kernel = KERNELS[kernel]
    if callable(kernel):
        return getattr(kernel, "__name__", "function"), kernel
    if bandwidth is None:
        bandwidth = median_bandwidth(distance_sample(samples.pooled, kernel.metric, rng))
    several = sorted(np.atleast_1d(np.asarray(bandwidth, np.float64)).tolist(), reverse=True)
    if not several or not all(0 < candidate < float("inf") for candidate in several):
        raise BlockError(f"expected bandwidths above 0, got {bandwidth}")
    return kernel.name, [ScaledKernel(kernel, candidate) for candidate in several]
