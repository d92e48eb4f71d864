"""What chance does to histograms: counts of two samples from one distribution, and of two samples drawn again.

Two nulls, because cells that were learned from one of the samples do not treat both alike: the reference never has a
row outside its own range, and its rows are spread evenly by construction.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Integers
from drift.detect.profiles.distances import Shares, cell_distances

MOST_KEPT = 40_000  # numbers in a null that is kept: under a megabyte


def rank_null(
    reference: tuple[int, ...], weights: tuple[float, ...], missing: tuple[int, int], rows: int, draws: int, seed: int
) -> tuple[Shares, Shares, NDArray[np.float64]]:
    """The null of cells between the reference's own order statistics, whatever the distribution.

    A new row falls into each gap between the reference's values equally likely, and rows after it into the gaps that
    it makes: counts are Dirichlet-multinomial with the gaps in each cell as weights. That is exact without ties, and
    with them very nearly so; for Wasserstein-1 only as far as the widths of the cells are not chance themselves. First,
    which rows are missing is permuted: their number in the current sample is hypergeometric, and the reference's cells
    give or take rows in proportion.

    Columns with the same cells (all those without ties) share one null, and so do blocks of the same size: it is kept.

    Args:
        reference: (k + 2,) its rows below the range, in the cells and above.
        weights: (k + 2,) gaps in each.
        missing: rows without a value, of the reference and of the current sample.
        rows: of the current sample, missing ones included.
        draws: how many.
        seed: of the draws.

    Returns:
        Shares of the reference (k + 3, 1 or draws) and of the current sample (k + 3, draws), of which the last cell is
        the missing one, and those of their distances that need no positions, (distances, draws).
    """
    draw = _kept_rank_null if draws * len(weights) <= MOST_KEPT else _kept_rank_null.__wrapped__
    return draw(reference, weights, sum(reference) + missing[0], sum(missing), rows, draws, seed)


def permutation_null(reference: Integers, current: Integers, draws: int, seed: int) -> tuple[Shares, Shares]:
    """The null of cells that treat both samples alike: all rows permuted, so counts are multivariate hypergeometric.

    Exact for categories and single values (every one that either sample has is a cell), and for cells that were learned
    from a third sample.

    Args:
        reference: (cells,) counts.
        current: (cells,).
        draws: how many.
        seed: of the draws.

    Returns:
        Shares of the reference and of the current sample, (cells, draws) each.
    """
    rng, pooled = np.random.default_rng(seed), reference + current
    n, m = int(reference.sum()), int(current.sum())
    drawn = rng.multivariate_hypergeometric(pooled, m, size=draws, method="marginals").T
    return (pooled[:, None] - drawn) / n, drawn / m


def bootstrap(reference: Integers, current: Integers, draws: int, seed: int) -> tuple[Shares, Shares]:
    """Shares of both samples drawn again, (cells, draws) each, by the Bayesian bootstrap (Rubin 1981).

    Rows get exponential weights, so those of a cell have a gamma distribution: the mean and the variance are those of
    drawing rows with replacement, for a quarter of the time.
    """
    rng = np.random.default_rng(seed)
    first, second = (_shares(rng, counts, draws) for counts in (reference, current))
    return first, second


@lru_cache(maxsize=64)
def _kept_rank_null(
    reference: tuple[int, ...], weights: tuple[float, ...], n: int, missing: int, rows: int, draws: int, seed: int
) -> tuple[Shares, Shares, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    present = sum(reference)
    if missing:
        absent = rng.hypergeometric(missing, n + rows - missing, rows, size=draws)
        fewer = (n - missing + absent + 1) / (present + 1)  # values know less of the distribution
    else:
        absent, fewer = np.zeros(1, np.int64), np.ones(1)
    chances = _shares(rng, np.asarray(weights)[:, None] * fewer, draws)
    counts = rng.multinomial(rows - absent, chances.T, size=draws).T
    without = (missing - absent) / n
    inside = np.asarray(reference, np.float64)[:, None] / max(present, 1) * (1 - without)
    shares = np.concatenate([inside, without[None]])
    current = np.concatenate([counts, np.broadcast_to(absent, (1, draws))]) / rows
    null = shares, current, cell_distances(shares, current, min(n, rows))
    for array in null:
        array.setflags(write=False)  # others get the same one
    return null


def _shares(rng: np.random.Generator, weights: NDArray[Any], draws: int) -> Shares:
    """Dirichlet shares, (cells, draws); `weights` are (cells,), or (cells, 1 or draws)."""
    tall = weights[:, None] if weights.ndim == 1 else weights
    gammas = rng.standard_gamma(tall, size=(len(tall), draws))
    return np.asarray(gammas / gammas.sum(axis=0))
