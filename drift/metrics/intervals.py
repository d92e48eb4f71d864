"""Intervals of measures: of shares, of means, and from bootstrap draws."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from drift.metrics.protocol import LEVEL


def wilson(count: float, rows: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share (1927).

    Args:
        count: rows that count, from 0 to `rows`.
        rows: 1 or more.
        level: the interval is at confidence 1 - level.

    Returns:
        Its ends, in [0, 1].

    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]
    """
    z, share = z_value(level), count / rows
    centre, half = share + z**2 / (2 * rows), z * sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    low, high = ((centre + sign * half) / (1 + z**2 / rows) for sign in (-1, 1))
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def z_value(level: float) -> float:
    """Quantile of the normal distribution for a two-sided interval at confidence 1 - level."""
    return NormalDist().inv_cdf(1 - level / 2)


def drawn_ends(drawn: NDArray[np.float64], value: float, level: float) -> tuple[float, float]:
    """Ends of a bootstrap interval of `value`, from the values (draws,) of resamples."""
    low, high = np.quantile(drawn, [level / 2, 1 - level / 2])
    return min(float(low), value), max(float(high), value)
