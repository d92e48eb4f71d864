"""Where a difference lies: in which features, in which pairs of them, and in which rows.

Features are tested one by one, pairs by how they go together, and rows by how dense the reference is around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan
from typing import TYPE_CHECKING, TypeAlias
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import column_names, require_different_names
from drift.detect.columns.univariate import adjusted, feature_tests
from drift.detect.two_sample.kernel_matrix import distance_sample, median_bandwidth
from drift.detect.two_sample.kernels import KernelDistance
from drift.detect.two_sample.samples import two_samples
from drift.errors import BlockError

if TYPE_CHECKING:
    from drift.detect.two_sample.samples import Sample, TwoSamples

ROWS_AGAINST = 5_000  # of the reference, drawn at random: a density of so many rows is smooth
ROWS_AT_ONCE = 1_000
MOST_PAIRED = 60  # features; pairs grow with their square
FEWEST_OF_A_VALUE = 20  # rows with the rarer of two values: with fewer, pairs are found too often where nothing changed
FEWEST_OF_BOTH = 5  # rows with the rarer values of two such features, were these independent

Pair: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Rows of the reference (n, d), and current rows (m, d)."""


@dataclass(frozen=True)
class FeatureShare:
    """What one feature has to do with the difference.

    Attributes:
        feature: its name.
        share: of all features' energy distances, in [0, 1]; each in the feature's own standard deviations.
        shift: of the mean, in standard deviations of both samples together.
        spread: standard deviation of the current sample over the reference's; infinite if that was constant.
        p_value: Kolmogorov-Smirnov, in (0, 1].
        adjusted: for the number of features (Holm).
    """

    feature: str
    share: float
    shift: float
    spread: float
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class PairChange:
    """How differently two features go together, whatever each does alone.

    Attributes:
        features: names of the two.
        before: rank correlation in the reference, in [-1, 1].
        after: in the current sample.
        p_value: of no change, in (0, 1].
        adjusted: for the number of pairs (Holm).
    """

    features: tuple[str, str]
    before: float
    after: float
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class LowDensityRow:
    """A current row from where the reference is thin.

    Attributes:
        row: in the current sample, from 0.
        p_value: conformal: share of the reference's rows that are as unlike its other rows; in (0, 1].
        likeness: mean kernel value to the reference's rows, in [0, 1].
        feature: in which it lies farthest out in the reference.
        value: of that feature.
        quantile: that value's, in the reference; in [0, 1].
    """

    row: int
    p_value: float
    likeness: float
    feature: str
    value: float
    quantile: float


@dataclass(frozen=True)
class Explanation:
    """Where a difference lies.

    Attributes:
        features: largest share first.
        pairs: smallest p-value first; none above 60 features.
        rows: the most unlike first.
    """

    features: tuple[FeatureShare, ...]
    pairs: tuple[PairChange, ...]
    rows: tuple[LowDensityRow, ...]


def explain(
    reference: Sample,
    current: Sample,
    *,
    names: Sequence[str] | None = None,
    rows: int = 5,
    pairs: bool = True,
    seed: int = 0,
) -> Explanation:
    """Tell in which features, pairs of features and rows two samples differ.

    It says where, not whether: that is for `mmd_test` and its like. Features and pairs come with p-values of their own.

    Args:
        reference: (n, d) rows of numbers: an array, a tensor or a data frame.
        current: (m, d) rows.
        names: d, of the features; by default those of a data frame's columns, else "0", "1", ...
        rows: how many unlike rows to tell.
        pairs: whether to look at pairs.
        seed: of the reference's rows that a density is estimated from, when there are more than 5,000.

    Raises:
        BlockError: samples that cannot be compared, or other than d different names.
    """
    samples = two_samples(reference, current)
    width = samples.reference.shape[1]
    if names is None:
        names = column_names(reference, current) or [str(at) for at in range(width)]
    if len(names) != width:
        raise BlockError(f"expected {width} names, as there are features; got {len(names)}")
    names = require_different_names(names, "reference", what="features")
    both, scaled = _as_arrays(samples), _as_arrays(samples.standardised())
    return Explanation(
        features=_features(both, scaled, names),
        pairs=pair_changes(*both, names) if pairs and 2 <= width <= MOST_PAIRED else (),
        rows=_rows(both, scaled, names, rows, np.random.default_rng(seed)),
    )


def _as_arrays(samples: TwoSamples) -> Pair:
    return samples.reference.double().cpu().numpy(), samples.current.double().cpu().numpy()


def energy_distance(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Of one feature (n,) and (m,): twice the integral of the squared difference of distribution functions.

    The same number as `energy_test`'s statistic (Székely and Rizzo 2013), in one sort.
    """
    both = np.concatenate([x, y])
    order = np.argsort(both, kind="stable")
    steps = np.where(order < len(x), 1 / len(x), -1 / len(y))
    return float(2 * (np.cumsum(steps)[:-1] ** 2 @ np.diff(both[order])))


def largest_share(samples: TwoSamples, names: Sequence[str]) -> str:
    """The feature whose own energy distance is the largest; `samples` are standardised."""
    x, y = _as_arrays(samples)
    return names[int(np.argmax([energy_distance(x[:, at], y[:, at]) for at in range(len(names))]))]


def likenesses(reference: NDArray[np.float64], current: NDArray[np.float64]) -> Pair:
    """Mean Gaussian kernel values to the reference's rows (n, d): of each of those to the others, (n,), and of current.

    The bandwidth is half the median distance in the reference. In [0, 1]; proportional to an estimated density.
    """
    import torch
    from scipy.spatial.distance import cdist

    distances = distance_sample(torch.as_tensor(reference), KernelDistance.SQUARED_EUCLIDEAN, np.random.default_rng(0))
    factor = -0.5 / (0.5 * median_bandwidth(distances)) ** 2
    sums = [
        np.concatenate(
            [
                np.exp(factor * cdist(sample[start : start + ROWS_AT_ONCE], reference, "sqeuclidean")).sum(axis=1)
                for start in range(0, len(sample), ROWS_AT_ONCE)
            ]
        )
        for sample in (reference, current)
    ]
    return (sums[0] - 1) / (len(reference) - 1), sums[1] / len(reference)


def _features(both: Pair, scaled: Pair, names: Sequence[str]) -> tuple[FeatureShare, ...]:
    u, v = scaled
    tests = feature_tests(*both, names=names, test="ks", correction="holm").features
    distances = np.asarray([energy_distance(u[:, j], v[:, j]) for j in range(len(names))])
    shares = distances / (distances.sum() or 1.0)
    before, after = (np.where(np.ptp(sample, axis=0) > 0, sample.std(axis=0), 0.0) for sample in (u, v))
    features = [
        FeatureShare(
            feature=name,
            share=float(shares[j]),
            shift=float(v[:, j].mean() - u[:, j].mean()),
            spread=float(after[j] / before[j]) if before[j] else (float("inf") if after[j] else 1.0),
            p_value=tests[j].p_value,
            adjusted=tests[j].adjusted,
        )
        for j, name in enumerate(names)
    ]
    return tuple(sorted(features, key=lambda feature: -feature.share))


def pair_changes(x: NDArray[np.float64], y: NDArray[np.float64], names: Sequence[str]) -> tuple[PairChange, ...]:
    """Spearman's correlation of every two features before and after, compared by what each row adds to it (Welch).

    Left out are features that do not vary, and those of two values of which one is too rare for the p-value to hold.

    Args:
        x: (n, d) rows of the reference.
        y: (m, d) current rows.
        names: d of them.
    """
    from scipy.stats import ttest_ind

    varying = [j for j in range(len(names)) if np.ptp(x[:, j]) > 0 and np.ptp(y[:, j]) > 0]
    shares = [[_rarer_share(sample[:, j]) for j in range(len(names))] for sample in (x, y)]
    pairs = [
        (i, j)
        for i, j in combinations(varying, 2)
        if all(_are_enough(len(sample), of[i], of[j]) for sample, of in zip((x, y), shares, strict=True))
    ]
    if not pairs:
        return ()
    correlations, p_values = [], []
    ranked = [_Ranked(sample) for sample in (x, y)]
    for i, j in pairs:
        before, after = (sample.correlation(i, j) for sample in ranked)
        with catch_warnings():  # SciPy says when all rows add the same: there is then nothing to test
            simplefilter("ignore", RuntimeWarning)
            p_value = float(ttest_ind(*(sample.influence(i, j) for sample in ranked), equal_var=False).pvalue)
        p_values.append(1.0 if isnan(p_value) else max(p_value, float(np.finfo(np.float64).tiny)))
        correlations.append((names[i], names[j], before, after))
    corrected = adjusted(np.asarray(p_values), "holm")
    changes = [
        PairChange((first, second), before, after, p_value, float(whole))
        for (first, second, before, after), p_value, whole in zip(correlations, p_values, corrected, strict=True)
    ]
    return tuple(sorted(changes, key=lambda change: change.p_value))


def _rarer_share(values: NDArray[np.float64]) -> float | None:
    """Of the rarer of two values; None if there are more."""
    least, most = values.min(), values.max()
    if ((values > least) & (values < most)).any():
        return None
    share = float((values == least).mean())
    return min(share, 1 - share)


def _are_enough(rows: int, first: float | None, second: float | None) -> bool:
    """Whether so many rows tell how two features go together; of each, the share of the rarer of its two values."""
    rare = [share for share in (first, second) if share is not None]
    if any(share * rows < FEWEST_OF_A_VALUE for share in rare):
        return False
    return len(rare) < 2 or rare[0] * rare[1] * rows >= FEWEST_OF_BOTH


class _Ranked:
    """Mid-ranks of a sample, centred, between -1/2 and 1/2."""

    def __init__(self, sample: NDArray[np.float64]) -> None:
        from scipy.stats import rankdata

        ranks = rankdata(sample, axis=0) / len(sample)
        self.ranks = ranks - ranks.mean(axis=0)
        self.orders = np.argsort(sample, axis=0, kind="stable")
        self.sample = sample

    def correlation(self, i: int, j: int) -> float:
        """Spearman's, in [-1, 1]."""
        return float(np.corrcoef(self.ranks[:, i], self.ranks[:, j])[0, 1])

    def influence(self, i: int, j: int) -> NDArray[np.float64]:
        """What each row adds to Spearman's correlation, (n,) with that mean: by its ranks, and by its push on others'.

        The correlation is a ratio of a mean product and two mean squares; this is its linear part.
        """
        u, v = self.ranks[:, i], self.ranks[:, j]
        correlation, spreads = self.correlation(i, j), (float((u * u).mean()), float((v * v).mean()))
        product = u * v + self._pushed(i, v) + self._pushed(j, u)
        squares = (u * u + 2 * self._pushed(i, u)) / spreads[0] + (v * v + 2 * self._pushed(j, v)) / spreads[1]
        added = product / np.sqrt(spreads[0] * spreads[1]) - correlation / 2 * squares
        return np.asarray(added - added.mean() + correlation)

    def _pushed(self, column: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """For each row, the mean over all rows of the values of those ranked above it, half of those it ties with."""
        order, own = self.orders[:, column], self.sample[:, column]
        ordered = own[order]
        sums = np.concatenate([[0.0], np.cumsum(values[order])])
        below, upto = (sums[np.searchsorted(ordered, own, side=side)] for side in ("left", "right"))
        return np.asarray((sums[-1] - (below + upto) / 2) / len(values))


def _rows(
    both: Pair, scaled: Pair, names: Sequence[str], count: int, rng: np.random.Generator
) -> tuple[LowDensityRow, ...]:
    (x, y), (u, v) = both, scaled
    own, theirs = likenesses(u[rng.permutation(len(u))[:ROWS_AGAINST]], v)
    p_values = (1 + np.searchsorted(np.sort(own), theirs, side="right")) / (1 + len(own))
    unlike = []
    for row in np.argsort(theirs, kind="stable")[:count]:
        below, upto = (x < y[row]).mean(axis=0), (x <= y[row]).mean(axis=0)
        quantiles = (below + upto) / 2
        farthest = int(np.abs(quantiles - 0.5).argmax())
        unlike.append(
            LowDensityRow(
                row=int(row),
                p_value=float(p_values[row]),
                likeness=float(theirs[row]),
                feature=names[farthest],
                value=float(y[row, farthest]),
                quantile=float(quantiles[farthest]),
            )
        )
    return tuple(unlike)
