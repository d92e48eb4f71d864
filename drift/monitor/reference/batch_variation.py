"""Between-batch variance of a reference beyond sampling variance: days that differ, rows that come in runs.

Counts of batches in the cells of a signal go in; out comes what further batches are drawn with. Batches are compared
in the metric of chi-squared, in which sampling variance is the same in all directions. Along each direction in which
they differ (an eigenvector of their covariance), the variance of rows in random order is subtracted (parallel
analysis, Horn 1965). The rest was seen in a few batches only, so it is drawn from its posterior: that of a normal
variance after two more batches without any excess. Days that move a signal one way make a long tail along one
direction, which a wider spread in all directions would not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counted = NDArray[np.int64]  # rows of each group in each cell, (groups, cells)
Numbers = NDArray[np.float64]

LEAST_GROUPS = 5  # that say how much batches differ
MOST_GROUPS = 64
SHUFFLES = 40
PRIOR = 2  # batches with sampling variance alone that count as seen, too
LEVELS = 0.2, 0.5  # lenient: a missed effect breaks the false-alarm rate, a spurious one only widens the limit


@dataclass(frozen=True)
class BetweenBatchVariance:
    """Between-batch variance beyond sampling variance, along directions of the cells' shares.

    Attributes:
        directions: (directions, cells), of length 1 in the metric of chi-squared.
        variances: of batches along each direction, (directions,).
        sampling: sampling variance along each direction, the mean over rows in random order, (directions,).
        groups: batches that were seen.
    """

    directions: Numbers
    variances: Numbers
    sampling: Numbers
    groups: int

    @property
    def excess(self) -> float:
        """Mean chi-squared distance of a batch from all of them beyond sampling variance."""
        return float(np.maximum(self.variances - self.sampling, 0).sum())

    def draw(self, draws: int, rng: np.random.Generator) -> Numbers:
        """Posterior draws of the standard deviations beyond sampling variance, (draws, directions)."""
        degrees = self.groups - 1
        squares = self.variances * degrees + self.sampling * PRIOR
        variances = squares / rng.chisquare(degrees + PRIOR, size=(draws, len(self.variances)))
        return np.asarray(np.sqrt(np.maximum(variances - self.sampling, 0)))

    def move(self, chances: Numbers, deviations: Numbers, batches: int, rng: np.random.Generator) -> Numbers:
        """Chances of the cells in each of some batches, (batches, cells), drawn around those of a typical batch.

        The reference is the mean of its own batches, so all others are also moved by what its mean is off.

        Args:
            chances: of a typical batch, (cells,); cells beyond those of the directions are left as they are.
            deviations: one row of `draw`.
            batches: how many.
            rng: generator.
        """
        own = rng.standard_normal((batches, len(deviations)))
        shared = rng.standard_normal(len(deviations)) / np.sqrt(self.groups)
        moved = np.tile(chances, (batches, 1))
        moved[:, : self.directions.shape[1]] += ((own + shared) * deviations) @ self.directions
        np.maximum(moved, 0, out=moved)
        return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def between_batch_variance(counts: Counted) -> BetweenBatchVariance | None:
    """Of groups of rows; None if there are fewer than five, or only one cell has rows."""
    counts = counts[counts.sum(axis=1) > 0]
    groups, cells = counts.shape
    whole = counts.sum(axis=0)
    filled = whole > 0
    if groups < LEAST_GROUPS or filled.sum() < 2:
        return None
    shares = whole[filled] / whole.sum()
    standing = _standing(counts[:, filled], shares)
    _, values, directions = np.linalg.svd(standing, full_matrices=False)
    rank = min(groups, len(shares)) - 1  # centred groups, and shares that sum to 1
    spread = np.zeros((rank, cells))
    spread[:, filled] = directions[:rank] * np.sqrt(shares)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(counts.sum(axis=1), shares, size=(SHUFFLES, groups))
    shuffled = np.linalg.svd(np.stack([_standing(sample, shares) for sample in drawn]), compute_uv=False)
    variances, sampling = values[:rank] ** 2 / (groups - 1), shuffled[:, :rank] ** 2 / (groups - 1)
    level = np.clip(4 / groups, *LEVELS)  # few groups show little
    seen = np.cumprod(variances > np.quantile(sampling, 1 - level, axis=0)).astype(bool)
    return BetweenBatchVariance(spread[seen], variances[seen], sampling.mean(axis=0)[seen], groups)


def _standing(counts: Counted, shares: Numbers) -> Numbers:
    """Groups as deviations from their mean, in the metric of chi-squared, (groups, cells)."""
    apart = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray((apart - apart.mean(axis=0)) / np.sqrt(shares))


def merge_adjacent(counts: Counted, rows: float) -> Counted:
    """Adjacent groups put together until each has so many rows, or a fifth of all if that is less."""
    sizes = counts.sum(axis=1)
    wanted = min(rows, sizes.sum() / LEAST_GROUPS)
    merged: list[Counted] = []
    open_rows = wanted
    for group, size in zip(counts, sizes, strict=True):
        if open_rows >= wanted:
            merged.append(group.copy())
            open_rows = size
        else:
            merged[-1] += group
            open_rows += size
    if len(merged) > 1 and open_rows < wanted:
        last = merged.pop()
        merged[-1] += last
    return np.stack(merged)


def cut_evenly(rows: int, parts: int) -> list[int]:
    """Sizes of so many stretches of as many rows each as can be."""
    return [len(part) for part in np.array_split(np.arange(rows), max(1, min(parts, rows)))]


def spread_ranges(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where at most 64 of the batches begin and end, spread over all."""
    ends = np.cumsum(sizes)
    chosen = np.unique(np.linspace(0, len(sizes) - 1, min(MOST_GROUPS, len(sizes))).round().astype(int))
    return [(int(ends[at] - sizes[at]), int(ends[at])) for at in chosen]
