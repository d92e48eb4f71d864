"""From permuted statistics to a p-value and a threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, comb

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError

MANY = 60  # rows in both samples can be chosen in more ways than any level needs; counting them all takes long
FIRST_BATCH = 4  # permutations drawn first, for each that must reach the observed statistic: most nulls are decided


@dataclass(frozen=True)
class PermutationTest:
    """A two-sample test by permutations.

    Attributes:
        statistic: larger means further apart.
        p_value: in [1 / (1 + permutations), 1].
        threshold: the null is rejected at `level` just if the statistic is above it.
        level: of the test, in (0, 1).
        scheme: what was permuted, rows or bins of rows.
        permutations: that counted.
        rows: that were used, of the reference and of the current sample.
    """

    statistic: float
    p_value: float
    threshold: float
    level: float
    scheme: str
    permutations: int
    rows: tuple[int, int]

    @property
    def rejected(self) -> bool:
        """Whether the samples differ beyond what chance explains."""
        return self.p_value <= self.level


@dataclass(frozen=True)
class PermutationResult:
    """An observed statistic against permuted ones.

    Attributes:
        statistic: the observed one.
        p_value: in [1 / (1 + permutations), 1].
        threshold: p_value <= level just if the statistic is above it; infinite if no p-value can be so small.
        permutations: that counted.
    """

    statistic: float
    p_value: float
    threshold: float
    permutations: int


@dataclass(frozen=True)
class PermutedStatistics:
    """An observed statistic and permuted ones.

    Attributes:
        statistics: (1 + permutations,), the observed one first, the others in the order drawn.
        rounding: differences up to this are ties.
    """

    statistics: NDArray[np.float64]
    rounding: float


def permutation_result(drawn: PermutedStatistics, *, level: float, stop_after: int | None = None) -> PermutationResult:
    """Compare an observed statistic with permuted ones: p = (1 + count(permuted >= observed)) / (1 + permutations).

    With `stop_after`, only the permutations up to the one that is the `stop_after`-th to reach the observed statistic
    count, and p = stop_after / their number (Besag and Clifford 1991); if there is none, all count as above.

    Args:
        drawn: larger means further apart.
        level: in (0, 1).
        stop_after: 1 or more.

    Raises:
        BlockError: statistics that are not finite.
    """
    statistics, tolerance = drawn.statistics, drawn.rounding
    if not np.isfinite(statistics).all():
        raise BlockError(
            f"expected finite statistics, got {int((~np.isfinite(statistics)).sum())} of {len(statistics)} that are"
            " not: scale the features, or look at the kernel's values"
        )
    observed, null = float(statistics[0]), statistics[1:]
    reached = np.flatnonzero(null >= observed - tolerance)
    allowed = int(level * len(statistics) + 1e-9)  # the p-value is at most the level if fewer than this are above
    p_value = (1 + len(reached)) / len(statistics)
    counted = null
    if stop_after is not None:
        if len(reached) >= stop_after:
            counted = null[: reached[stop_after - 1] + 1]
            p_value = stop_after / len(counted)
        if stop_after <= allowed:  # then, if fewer than stop_after of the first stop_after / level are
            allowed, null = stop_after, counted[: ceil(stop_after / level - 1e-9) - 1]
    threshold = float(np.sort(null)[-allowed]) + tolerance if allowed >= 1 else float("inf")
    return PermutationResult(observed, p_value, threshold, len(counted))


def draw_until_decided(
    draw: Callable[[int], PermutedStatistics], permutations: int, stop_after: int | None
) -> PermutedStatistics:
    """Observed and permuted statistics, drawn in growing batches until `stop_after` permuted ones reach the observed.

    Args:
        draw: gives the observed statistic and a count of newly permuted ones.
        permutations: the most to draw; all at once if `stop_after` is None.
        stop_after: 1 or more.
    """
    if stop_after is None:
        return draw(permutations)
    drawn = draw(min(permutations, FIRST_BATCH * stop_after))
    while (left := permutations - len(drawn.statistics) + 1) > 0:
        if (drawn.statistics[1:] >= drawn.statistics[0] - drawn.rounding).sum() >= stop_after:
            break
        more = draw(min(left, len(drawn.statistics)))
        drawn = PermutedStatistics(np.concatenate([drawn.statistics, more.statistics[1:]]), drawn.rounding)
    return drawn


def require_reachable(level: float, permutations: int, first: int, second: int, *, of: str) -> None:
    """Refuse a test that could not reject whatever the samples were.

    Args:
        level: in (0, 1).
        permutations: how many are drawn.
        first: units that are permuted, of the reference.
        second: and of the current sample.
        of: what the units are.

    Raises:
        BlockError: saying how many permutations or rows are needed.
    """
    if not 0 < level < 1:
        raise BlockError(f"expected a level between 0 and 1, got {level}")
    if 1 / (1 + permutations) > level:
        least = int(np.ceil(1 / level - 1e-9)) - 1
        raise BlockError(
            f"expected at least {least} permutations for level {level}, got {permutations}: no p-value is as small"
        )
    if min(first, second) < MANY and 1 / comb(first + second, min(first, second)) > level:
        needed = next(size for size in range(1, 10_000) if comb(2 * size, size) * level >= 1)
        raise BlockError(
            f"expected at least {needed} {of} in each sample for level {level}, got {first} and {second}:"
            f" there are only {comb(first + second, first)} ways to choose them"
        )
