"""Has accuracy dropped? Exact tests of one block: binomial against an accepted accuracy, Fisher against a reference."""

from __future__ import annotations


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
