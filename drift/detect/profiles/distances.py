"""Distances between histograms on the same cells: arrays of shares in, numbers out. No state, no null."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Shares: TypeAlias = NDArray[np.float64]  # (cells, ...), at least 0; every histogram sums to 1 over the first axis
CELL_DISTANCES = ("jensen_shannon", "hellinger", "psi", "kl", "reverse_kl")  # those that need no positions


def smoothed(shares: Shares, rows: int) -> Shares:
    """Shares without zeros: the same share, half a row of the smaller sample, is added to every cell.

    Both histograms of a comparison are smoothed alike, so equal ones stay equal and a cell that is empty in both adds
    nothing. For the smaller sample it is Jeffreys' half a row.

    Args:
        shares: (cells, ...).
        rows: of the smaller of the two samples, 1 or more.
    """
    half = 0.5 / rows
    return (shares + half) / (1 + half * len(shares))


def jensen_shannon(p: Shares, q: Shares) -> NDArray[np.float64]:
    """Mean KL of p and of q from their mean, in nats: from 0 to ln 2; zeros are welcome (Lin 1991).

    The square of `scipy.spatial.distance.jensenshannon`.
    """
    return np.asarray(np.maximum(_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2, 0.0))


def hellinger(p: Shares, q: Shares) -> NDArray[np.float64]:
    """√(½ Σ (√p - √q)²): from 0 to 1; zeros are welcome."""
    return np.asarray(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=0) / 2))


def wasserstein(p: Shares, q: Shares, lows: NDArray[np.float64], highs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wasserstein-1, in the column's units: the area between two distribution functions.

    A cell's share is spread evenly between the reference's smallest and largest value in it; what is below or above
    the range is taken at the range's end, so that far outliers count as rows and not by how far out they are.

    Args:
        p: (k + 2, ...) shares below the range, in k cells, and above it.
        q: (k + 2, ...).
        lows: (k,) where each cell's share begins, increasing; k >= 1.
        highs: (k,) where it ends, at least `lows` and at most the next of them.
    """
    apart = np.cumsum(p - q, axis=0)  # of the distribution functions
    left, right = np.abs(apart[:-2]), np.abs(apart[1:-1])  # at both ends of each cell
    both = left + right
    crossing = apart[:-2] * apart[1:-1] < 0
    triangles = (left**2 + right**2) / np.where(crossing, 2 * both, 1.0)
    inside = np.einsum("k,k...->...", highs - lows, np.where(crossing, triangles, both / 2))
    between = np.einsum("k,k...->...", lows[1:] - highs[:-1], right[:-1])
    return np.asarray(inside + between)


def cell_distances(p: Shares, q: Shares, rows: int) -> NDArray[np.float64]:
    """All distances that need no positions, in the order of `CELL_DISTANCES`; `rows` as in `smoothed`.

    Returns:
        (distances, ...).
    """
    reference, current = smoothed(p, rows), smoothed(q, rows)
    ratio = np.log(reference / current)
    forward, backward = (reference * ratio).sum(axis=0), -(current * ratio).sum(axis=0)
    distances = [jensen_shannon(p, q), hellinger(p, q), forward + backward, forward, backward]
    return np.asarray(np.maximum(np.stack(distances), 0.0))


def _entropy(shares: Shares) -> NDArray[np.float64]:
    """In nats; the sum over cells of -p ln p, where 0 ln 0 is 0."""
    return np.asarray(-(shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum(axis=0))
