"""Three two-sample tests of one column. Where SciPy's p-value does not hold its level, one by permutations does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from drift.detect.columns.ks_with_ties import chosen_edges, tied_p_value
from drift.detect.columns.two_sample_columns import TwoSampleColumn
from drift.errors import BlockError

EXACT_PAIRS = 4_000_000  # n m, up to which SciPy's exact KS p-value takes 40 ms at most; it grows with n m
ROWS_TO_A_TIE = 1_000  # a value with fewer than one row in 1,000 changes the p-value by less than a tenth
CERTAIN = 1e-12  # p-value below which ties need not be looked at
EXACT_ROWS = 20  # of each sample, up to which SciPy's Cramér-von Mises p-value is exact
LEAST_EXPECTED = 5.0  # rows in a cell, for the chi-squared distribution to be good enough (Cochran 1954)
MOST_CATEGORIES = 10_000
MOST_CELLS = 1_000_000  # to draw for one column where there is a choice, in a quarter of a second
ENOUGH = 50  # draws as extreme as what was observed
AT_ONCE = 100  # draws

TestOutcome: TypeAlias = tuple[float, float]  # statistic and p-value
ColumnTest: TypeAlias = Callable[[TwoSampleColumn, int, np.random.Generator], TestOutcome]
"""Of a column, the number of draws, and their random numbers."""


def ks(column: TwoSampleColumn, draws: int, rng: np.random.Generator) -> TestOutcome:
    """The largest difference of the distribution functions, and its p-value.

    Without ties, the p-value is that of SciPy's `ks_2samp`; above 4,000,000 pairs the asymptotic one, that of a single
    sample of n m / (n + m) rows. If some value comes more than once, in one row of 1,000 or more of both samples
    together, the p-value is exact given the ties (`ks_with_ties`), unless the one without ties, which is larger, is
    below 1e-12: then it is that one.
    """
    from scipy.stats import ks_2samp, kstwo

    n, m = len(column.reference), len(column.current)
    pooled = np.concatenate([np.sort(column.reference), np.sort(column.current)])
    order = pooled.argsort(kind="stable")  # merges two runs, which takes less than SciPy's searches
    steps = np.where(order < n, m, -n).cumsum()  # n m times the difference of the distribution functions
    pooled = pooled[order]
    last = np.append(pooled[1:] != pooled[:-1], True)  # of the rows with one value
    steps = abs(steps[last])
    statistic = float(steps.max()) / (n * m)
    if not last.all():
        ends = np.flatnonzero(last) + 1
        ties = np.diff(ends, prepend=0)
        p_value = float(kstwo.sf(statistic, max(1, round(n * m / (n + m)))))
        if ties.max() * ROWS_TO_A_TIE >= n + m and p_value >= CERTAIN:
            edges = chosen_edges(ties)
            apart = int(steps[edges].max()) if len(edges) else 0
            return statistic, tied_p_value((n, m), ends[edges], apart)
    if n * m <= EXACT_PAIRS:
        with catch_warnings():  # SciPy says when it has to fall back on the asymptotic p-value, which is fine
            simplefilter("ignore", RuntimeWarning)
            result = ks_2samp(column.reference, column.current)
        return result.statistic, result.pvalue
    return statistic, kstwo.sf(statistic, round(n * m / (n + m)))


def cramer_von_mises(column: TwoSampleColumn, draws: int, rng: np.random.Generator) -> TestOutcome:
    """The squared difference of the distribution functions, its mean over all rows times n m / (n + m)."""
    from scipy.stats import cramervonmises_2samp

    n, m = len(column.reference), len(column.current)
    pooled = np.concatenate([column.reference, column.current])
    values, codes = np.unique(pooled, return_inverse=True)
    if len(values) < n + m and draws * len(values) <= MOST_CELLS:

        def statistic(counts: NDArray[np.int64], totals: NDArray[np.int64]) -> NDArray[np.float64]:
            gaps = counts.cumsum(axis=1) * (n + m) - totals.cumsum() * n  # n m times the difference
            return np.asarray(gaps.astype(np.float64) ** 2 @ totals) / (float(n) * m * (n + m) ** 2)

        return _permuted(np.bincount(codes[:n], minlength=len(values)), np.bincount(codes), statistic, draws, rng)
    ranks = np.empty(n + m)
    ranks[np.lexsort((rng.random(n + m), pooled))] = np.arange(n + m)
    result = cramervonmises_2samp(ranks[:n], ranks[n:])
    return result.statistic, result.pvalue


def chi_squared(column: TwoSampleColumn, draws: int, rng: np.random.Generator) -> TestOutcome:
    """Pearson's statistic of the samples' table of categories."""
    counts = [np.bincount(codes) for codes in (column.reference, column.current)]
    categories = max(map(len, counts))
    if categories > MOST_CATEGORIES:
        raise BlockError(
            f"expected at most {MOST_CATEGORIES:,} categories in column {column.name!r}, got {categories:,}: leave an"
            " identifier out, and test numbers by ks"
        )
    return chi_squared_of_counts(
        np.stack([np.pad(counted, (0, categories - len(counted))) for counted in counts]), draws, rng
    )


def chi_squared_of_counts(counts: NDArray[np.int64], draws: int, rng: np.random.Generator) -> TestOutcome:
    """Pearson's statistic of homogeneity, without continuity correction, and its p-value, in (0, 1].

    It is the chi-squared distribution's where every cell is expected to hold 5 rows or more of either sample (Cochran
    1954), and elsewhere by permutations of all rows, so that it is at least 1 / (1 + draws).

    Args:
        counts: (2, cells) rows; cells that are empty in both count for nothing.
        draws: most permutations.
        rng: of permutations.
    """
    from scipy.stats import chi2_contingency

    there = counts[:, counts.sum(axis=0) > 0]
    n, m = (int(rows) for rows in there.sum(axis=1))
    if there.shape[1] < 2 or not (n and m):
        return 0.0, 1.0
    totals = there.sum(axis=0)
    if totals.min() * min(n, m) / (n + m) >= LEAST_EXPECTED:
        result = chi2_contingency(there, correction=False)
        return float(result.statistic), max(float(result.pvalue), float(np.finfo(np.float64).tiny))

    def statistic(first: NDArray[np.int64], totals: NDArray[np.int64]) -> NDArray[np.float64]:
        expected = totals * (n / (n + m))
        return np.asarray(((first - expected) ** 2 / expected).sum(axis=1)) * ((n + m) / m)

    return _permuted(there[0], totals, statistic, draws, rng)


def _permuted(
    first: NDArray[np.int64],
    totals: NDArray[np.int64],
    statistic: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]],
    draws: int,
    rng: np.random.Generator,
) -> TestOutcome:
    """A statistic of how often each of k values comes in the first sample, and its p-value by permutations of the rows.

    Under permutations, those counts are multivariate hypergeometric. Drawing ends early once 50 draws were as extreme,
    with p = 50 / draws (Besag and Clifford 1991), which saves most of the time where nothing has changed.
    """
    n = int(first.sum())
    observed = float(statistic(first[None], totals)[0])
    least = observed - 1e-9 * (1 + observed)  # what differs by rounding alone is as extreme
    count = done = 0
    while done < draws:
        size = min(AT_ONCE, draws - done)
        drawn = rng.multivariate_hypergeometric(totals, n, size, method="marginals")
        counts = count + (statistic(drawn, totals) >= least).cumsum()
        if counts[-1] >= ENOUGH:
            return observed, ENOUGH / (done + int(counts.searchsorted(ENOUGH)) + 1)
        count, done = int(counts[-1]), done + size
    return observed, (1 + count) / (1 + draws)


TESTS: dict[str, ColumnTest] = {"ks": ks, "cramer_von_mises": cramer_von_mises, "chi_squared": chi_squared}
