"""From permuted statistics to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError


@dataclass(frozen=True)
class PermutationTest:
    """A two-sample test by permutations."""

    statistic: float  # larger means further apart
    p_value: float  # in [1 / (1 + permutations), 1]
    threshold: float  # the null is rejected at `level` just if the statistic is above
    level: float
    scheme: str  # what was permuted
    permutations: int
    rows: tuple[int, int]  # that were used, of the reference and of the current sample

    @property
    def rejected(self) -> bool:
        """Whether the samples differ beyond what chance explains."""
        return self.p_value <= self.level


@dataclass(frozen=True)
class Verdict:
    """What permutations say of an observed statistic."""

    statistic: float
    p_value: float  # in [1 / (1 + permutations), 1]
    threshold: float  # p_value <= level just if the statistic is above; infinite if no p-value can be so small


def judge(statistics: NDArray[np.float64], *, level: float, tolerance: float = 0.0) -> Verdict:
    """Compare an observed statistic with permuted ones: p = (1 + count(permuted >= observed)) / (1 + permutations).

    Args:
        statistics: (1 + permutations,), the observed one first; larger is stranger.
        level: in (0, 1).
        tolerance: differences up to this are rounding, and count as ties.
    """
    observed, null = float(statistics[0]), np.sort(statistics[1:])[::-1]
    above = int((null >= observed - tolerance).sum())
    allowed = int(level * len(statistics) + 1e-9)  # the p-value is at most the level if fewer than this are above
    threshold = float(null[allowed - 1]) + tolerance if allowed >= 1 else float("inf")
    return Verdict(observed, (1 + above) / len(statistics), threshold)


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
    if 1 / comb(first + second, first) > level:
        needed = next(size for size in range(1, 10_000) if comb(2 * size, size) * level >= 1)
        raise BlockError(
            f"expected at least {needed} {of} in each sample for level {level}, got {first} and {second}:"
            f" there are only {comb(first + second, first)} ways to choose them"
        )
