"""Has accuracy dropped? Exact tests of one block, binomial and Fisher's; and where a rate of right answers changed."""

from __future__ import annotations

from math import floor

import numpy as np
from numpy.typing import NDArray


def chance_of_at_most(correct: int, rows: int, accuracy: float) -> float:
    """P(X <= correct) for X ~ Binomial(rows, accuracy): how likely so few right answers are by chance alone.

    Exact when rows are independent; errors that come in runs make low counts likelier than this says.

    >>> round(chance_of_at_most(10, 20, 0.7), 4)
    0.048
    """
    from scipy.special import bdtr

    return float(bdtr(correct, rows, accuracy))


def chance_band(rows: int, accuracy: float, level: float = 0.05) -> tuple[float, float]:
    """Central band of block accuracies, in [0, 1]: chance alone leaves it with probability `level` at most."""
    from scipy.stats import binom

    low, high = (float(binom.ppf(share, rows, accuracy)) for share in (level / 2, 1 - level / 2))
    return low / rows, high / rows


def drop_p_value(correct: int, rows: int, reference_correct: int, reference_rows: int) -> float:
    """How likely so few right answers are if the block is as easy as the reference was: Fisher's exact test, one-sided.

    Unlike `chance_of_at_most` it does not take the accepted accuracy for exact: that was measured on a limited number
    of rows, too. Given all right answers together, those in the block are hypergeometric (Fisher 1935).
    """
    from scipy.stats import hypergeom

    together = correct + reference_correct
    p_value = float(hypergeom.cdf(correct, rows + reference_rows, together, rows))
    return min(1.0, max(p_value, 5e-324))


def flag_probability(threshold: float, rows: int, accuracy: float) -> float:
    """P(X / rows < threshold) for X ~ Binomial(rows, accuracy): share of blocks that a threshold flags without drift.

    Args:
        threshold: in [0, 1]; a block whose accuracy is below it is flagged.
        rows: of a block, 1 or more; they are taken as independent.
        accuracy: of the model, in [0, 1].

    >>> round(flag_probability(0.55, 20, 0.7), 4)
    0.048
    """
    right = int((np.arange(rows + 1) / rows < threshold).sum())  # counts of right answers that are flagged
    return chance_of_at_most(right - 1, rows, accuracy) if right else 0.0


def threshold_flagging(share: float, rows: int, accuracy: float) -> float | None:
    """The highest threshold that flags at most `share` of blocks without drift: a binomial quantile.

    Args:
        share: of blocks, in (0, 1).
        rows: of a block, 1 or more; they are taken as independent.
        accuracy: of the model, in [0, 1].

    Returns:
        A threshold in (0, 1] with as few decimals as flag the same blocks, 2 at least; None if blocks are so small
        that any threshold flags more.

    >>> threshold_flagging(0.01, 336, 0.734)
    0.675
    """
    from scipy.stats import binom

    right = int(binom.ppf(share, rows, accuracy))  # the smallest count whose distribution function reaches the share
    if right == 0:
        return None
    for decimals in range(2, 12):
        shown = floor(right / rows * 10.0**decimals + 1e-9) / 10.0**decimals
        if (right - 1) / rows < shown <= right / rows:
            return shown
    return float(right / rows)


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
