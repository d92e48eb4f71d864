"""Null distribution of the Kolmogorov-Smirnov statistic of two samples with ties, given the ties.

With ties, the difference of the distribution functions is looked at between different values only, so that the usual
null distribution, which lets it be looked at everywhere, is conservative: for a column of zeros with few other values,
so much that it finds nothing. Here all rows are permuted, exactly, by a recursion over the edges between values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_EDGES = 500  # at which the difference is looked at
DIRECT = 100_000  # multiplications of a convolution, above which it goes by Fourier transforms
DEVIATIONS = 12.0  # of a step's distribution that are kept on either side: what is beyond has probability below 1e-30
SMALLEST = 1e-30  # p-value that is told apart from smaller ones; 1e-13 once transforms were needed, by their rounding
SMALLEST_BY_TRANSFORM = 1e-13


def chosen_edges(ties: NDArray[np.int64], most: int = MOST_EDGES) -> NDArray[np.int64]:
    """Indices of the different values after which the distribution functions are compared, increasing.

    All but the last value's where those are at most `most`. Otherwise about `most` of them: before and after each value
    with as many rows as a cell, and between cells of about equally many rows. They depend on the pooled sample alone,
    so that a permutation test with them is exact.

    Args:
        ties: (k,) rows of both samples together with each value, in the order of values.
        most: edges, 4 or more.
    """
    if len(ties) - 1 <= most:
        return np.arange(len(ties) - 1)
    rows = ties.sum()
    upto = ties.cumsum()
    cell = 2 * rows / most
    heavy = np.flatnonzero(ties >= cell)
    even = np.searchsorted(upto, np.arange(cell, rows, cell))
    edges = np.unique(np.concatenate([even, heavy - 1, heavy]))
    return edges[(edges >= 0) & (edges < len(ties) - 1)]


def tied_p_value(rows: tuple[int, int], edges: NDArray[np.int64], apart: int) -> float:
    """Probability that |F - G| reaches `apart` / (n m) at some edge, if all rows are permuted; in (0, 1].

    The number of the first sample's rows among the first t of all is followed from edge to edge, as a sum of
    independent binomial steps that is in the end conditioned on its total (the lattice paths of Schröer and Trenkler
    1995, Computational Statistics & Data Analysis 20, 185-202, for randomly many rows at once).

    Args:
        rows: n and m.
        edges: (k,) rows of both samples up to each edge, increasing, from 1 to n + m - 1.
        apart: n m times the statistic, an integer.
    """
    n, m = min(rows), max(rows)
    total = n + m
    if apart <= 0 or not len(edges):
        return 1.0 if apart <= 0 else SMALLEST
    times = np.asarray(edges, np.int64)
    low = np.maximum((times * n - apart) // total + 1, np.maximum(0, times - m))
    high = np.minimum(-((-times * n - apart) // total) - 1, np.minimum(n, times))
    # Counts never fall, so that of edges with one upper bound the last is enough, and of one lower bound the first.
    kept = np.append(high[1:] != high[:-1], True) | np.append(True, low[1:] != low[:-1])
    return _crossing(n, total, times[kept], low[kept], high[kept])


def _crossing(n: int, total: int, times: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> float:
    """Probability that the number of first rows, n in the end, is outside low to high at some time."""
    from scipy.signal import fftconvolve
    from scipy.special import gammaln

    share = n / total
    odds = np.log(share), np.log1p(-share)

    def binomial(count: int, first: int, last: int) -> NDArray[np.float64]:
        """Logarithms of the probabilities of first to last successes."""
        successes = np.arange(first, last + 1)
        ways = gammaln(count + 1.0) - gammaln(successes + 1.0) - gammaln(count - successes + 1.0)
        return np.asarray(ways + successes * odds[0] + (count - successes) * odds[1])

    whole = float(binomial(total, n, n)[0])
    alive, start, time, crossed, smallest = np.ones(1), 0, 0, 0.0, SMALLEST
    steps: dict[tuple[int, int], tuple[int, NDArray[np.float64]]] = {}
    for now, lowest, highest in zip(times.tolist(), low.tolist(), high.tolist(), strict=True):
        step = now - time
        spread = DEVIATIONS * np.sqrt(step * share * (1 - share)) + DEVIATIONS**2 / 2
        most = min(step, n - start, int(step * share + spread))
        first = min(most, max(0, int(step * share - spread)))
        if (step, most) not in steps:
            steps[step, most] = first, np.exp(binomial(step, first, most))
        first, chances = steps[step, most]
        if len(alive) * len(chances) <= DIRECT:
            reached = np.convolve(alive, chances)
        else:
            reached, smallest = np.maximum(fftconvolve(alive, chances), 0), SMALLEST_BY_TRANSFORM
        begin = start + first
        # Outside by now, and still possible: the rows left are as many as can come.
        possible = max(begin, n - (total - now)), min(begin + len(reached) - 1, n)
        below, above = (possible[0], min(possible[1], lowest - 1)), (max(possible[0], highest + 1), possible[1])
        for least, largest in (below, above):
            if least <= largest:
                ends = binomial(total - now, n - largest, n - least)[::-1]
                crossed += float(reached[least - begin : largest - begin + 1] @ np.exp(ends - whole))
        bottom = max(lowest, begin)
        alive = reached[bottom - begin : max(0, highest - begin + 1)]
        start, time = bottom, now
        if not len(alive) or crossed >= 1 - 1e-12:
            break
    return min(1.0, max(crossed, smallest))
