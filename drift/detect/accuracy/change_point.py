"""The most likely change of a rate of right answers. Used by policies and by the loop's dating of falls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def change_point(right: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[int, float]:
    """The most likely change of a rate, by maximum likelihood of binomial counts.

    Args:
        right: right answers, shape (n,), n at least 2.
        rows: answers, shape (n,), each at least 1.

    Returns:
        The position, from 1 to n - 1, of the first count after the change, and the logarithm of the likelihood of two
        rates over that of one.
    """
    right, rows = np.cumsum(right), np.cumsum(rows)
    two = _log_likelihood(right[:-1], rows[:-1]) + _log_likelihood(right[-1] - right[:-1], rows[-1] - rows[:-1])
    at = int(np.argmax(two))
    return at + 1, float(two[at] - _log_likelihood(right[-1:], rows[-1:])[0])


def _log_likelihood(right: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of counts at the rate that makes them most likely."""
    from scipy.special import xlogy

    return np.asarray(xlogy(right, right / rows) + xlogy(rows - right, 1 - right / rows))
