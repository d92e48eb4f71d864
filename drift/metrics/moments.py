"""Moments of numbers: sums of parts that merge to those of the whole. Used by metrics and by profiles of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Finite numbers, summed up so that nothing cancels (Chan, Golub and LeVeque 1983).

    Attributes:
        count: of the values.
        mean: in the column's units.
        squares: sum of squared distances from the mean.
        low: the smallest; None without numbers.
        high: the largest value.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float | None = None
    high: float | None = None

    @property
    def total(self) -> float:
        """The sum."""
        return self.count * self.mean

    def merge(self, other: Moments) -> Moments:
        """Those of both parts."""
        if not (self.count and other.count):
            return self if self.count else other
        count, apart = self.count + other.count, other.mean - self.mean
        return Moments(
            count,
            (self.count * self.mean + other.count * other.mean) / count,
            self.squares + other.squares + apart**2 * self.count * other.count / count,
            min(self.low, other.low),  # type: ignore[type-var]
            max(self.high, other.high),  # type: ignore[type-var]
        )


def moments_of(finite: NDArray[np.floating[Any]]) -> Moments:
    """Those of an array in double precision."""
    if not len(finite):
        return Moments()
    low, high = float(finite.min()), float(finite.max())
    doubles = finite.astype(np.float64)
    mean = float(doubles.mean())
    doubles -= mean
    squares = np.square(doubles, out=doubles)  # no product of vectors: BLAS would start threads for each chunk
    return Moments(len(finite), mean, float(squares.sum()), low, high)
