"""Two profiles compared, feature by feature: every distance with what chance explains and with an interval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drift.detect.columns.univariate import adjusted
from drift.detect.permutation.tests import PermutedStatistics, permutation_result, require_reachable
from drift.detect.profiles.aligned_counts import AlignedCounts, ComparedCell, sides_of
from drift.detect.profiles.binning import QuantileBins
from drift.detect.profiles.calibration import bootstrap, permutation_null, rank_null
from drift.detect.profiles.profiles import Profile, same_binning
from drift.detect.profiles.sparse import sparse_cells, uncertain_cells
from drift.errors import BlockError

RESAMPLES = 200  # of the bootstrap: mean and spread are all that is taken from it
SQUARED = {"hellinger": 2, "wasserstein": 2}  # powers in which a distance is smooth at 0, for its interval
ROUNDING = 1e-9  # relative; closer values are ties
MOST_ROWS = 1_000_000_000  # NumPy's hypergeometric draws go no further


@dataclass(frozen=True)
class Distance:
    """One distance of a feature, beside what chance alone makes of it at these sample sizes.

    Attributes:
        name: which.
        value: KL, PSI and Jensen-Shannon in nats; Hellinger in [0, 1]; Wasserstein-1 in the column's units.
        expected: mean when nothing has changed.
        threshold: `p_value <= level` just if the value is above.
        p_value: in (0, 1], at least 1 / (1 + draws from the null).
        interval: of the distance of the populations, at confidence 1 - level; 0 or more, and without 0 just if
            `p_value <= level`. None where cells hold too few rows for one.
        no_interval: why there is none, in words; empty where there is one.
    """

    name: str
    value: float
    expected: float
    threshold: float
    p_value: float
    interval: tuple[float, float] | None
    no_interval: str = ""


@dataclass(frozen=True)
class FeatureDistances:
    """How far a feature is from the reference.

    Attributes:
        feature: its name.
        null: which null: `rank_null` or `permutation_null`.
        rows: of the reference and of the current sample, missing ones included.
        cells: the cells of both profiles.
        distances: by kind.
        p_value: of the Jensen-Shannon divergence.
        adjusted_p_value: the same by Holm's method, over all features that were compared.
        level: of the tests, in (0, 1).
        no_interval: why no distance has an interval, in words; empty where some may (`Distance.no_interval`).
    """

    feature: str
    null: Literal["ranks", "permutation"]
    rows: tuple[int, int]
    cells: tuple[ComparedCell, ...]
    distances: tuple[Distance, ...]
    p_value: float
    adjusted_p_value: float
    level: float
    no_interval: str = ""

    @property
    def alarm(self) -> bool:
        """Whether the feature differs beyond what chance explains in any of so many features."""
        return self.adjusted_p_value <= self.level

    def __getitem__(self, name: str) -> Distance:
        """A distance by its name."""
        return next(distance for distance in self.distances if distance.name == name)


def compare_profiles(
    reference: Profile, current: Profile, *, permutations: int = 1000, level: float = 0.05, seed: int = 0
) -> tuple[FeatureDistances, ...]:
    """Distances of every feature from a reference, each with its null at these sample sizes and its interval.

    - `jensen_shannon`, `hellinger`: of all cells, those out of range and the missing one among them.
    - `psi`, `kl` (of the reference from the current sample) and `reverse_kl`: of all cells, smoothed; see `smoothed`.
    - `wasserstein`: of the rows that are not missing; left out for categories, and where a side has no such rows or
      more different values than are counted one by one.

    A feature's p-value is that of Jensen-Shannon, named in advance: the smallest of six would alarm too often. The
    null is that of ranks where the cells are the reference's own quantiles and of permutations elsewhere. Intervals
    are normal ones with mean and spread of a bootstrap, of squares for Hellinger and Wasserstein-1, less their bias,
    and hold 0 just if the null is not rejected; they are of the cells' distances, not of what happens within a cell.
    There are none where many cells are sparse (`sparse_cells`), nor for a distance to which cells that are nearly empty
    in one sample may add much (`uncertain_cells`): KL and PSI have none where such a cell may make them infinite.

    Args:
        reference: the profile of the table that the binning was learned from (or another one on that binning).
        current: the profile to judge.
        permutations: B, draws from the null; p-values are (1 + count) / (1 + B). More are drawn if there are so many
            features that Holm's method could not alarm otherwise.
        level: for thresholds, alarms and intervals.
        seed: the same seed gives the same numbers, whatever other features there are.

    Raises:
        BlockError: profiles on different bins, no rows, or too few rows or permutations for the level.

    >>> import numpy as np
    >>> from drift.detect import compare_profiles, learn_binning, profile
    >>> rng = np.random.default_rng(0)
    >>> table = {"demand": rng.normal(size=2_000)}
    >>> binning = learn_binning(table)
    >>> [found] = compare_profiles(profile(binning, table), profile(binning, {"demand": rng.normal(0.3, 1, size=500)}))
    >>> found.alarm, found["psi"].value > found["psi"].threshold > found["psi"].expected
    (True, True)
    """
    same_binning(reference, current)
    n, m = reference.rows, current.rows
    if not n or not m or n + m >= MOST_ROWS:
        raise BlockError(f"expected rows in both profiles, fewer than {MOST_ROWS:,} in all, got {n} and {m}")
    require_reachable(level, permutations, n, m, of="rows")
    draws = max(permutations, ceil(len(reference.columns) / level))
    compared = [_compare(name, reference, current, draws=draws, level=level, seed=seed) for name in reference.columns]
    corrected = adjusted(np.asarray([feature.p_value for feature in compared]), "holm")
    return tuple(
        replace(feature, adjusted_p_value=float(value)) for feature, value in zip(compared, corrected, strict=True)
    )


def _compare(
    name: str, reference: Profile, current: Profile, *, draws: int, level: float, seed: int
) -> FeatureDistances:
    bins, before, after = reference.binning.columns[name], reference.columns[name], current.columns[name]
    sides = sides_of(bins, before, after)
    n, m = reference.rows, current.rows
    kind: Literal["ranks", "permutation"] = "permutation"
    if isinstance(bins, QuantileBins) and before.counts == bins.counts:  # learned from these rows
        kind = "ranks"
        missing = before.missing, after.missing
        null = sides.distances(*rank_null(bins.counts, bins.weights, missing, m, draws, seed))
    else:
        null = sides.distances(*permutation_null(sides.reference, sides.current, draws, seed))
    no_interval = sparse_cells(sides.reference, sides.current)
    distances = tuple(
        _judged(distance, values, null[distance], level, no_interval or _why_no_interval(sides, distance, values))
        for distance, values in _with_resamples(sides, seed).items()
    )
    p_value = distances[0].p_value
    return FeatureDistances(
        feature=name,
        null=kind,
        rows=(n, m),
        cells=sides.cells,
        distances=distances,
        p_value=p_value,
        adjusted_p_value=p_value,
        level=level,
        no_interval=no_interval,
    )


def _why_no_interval(sides: AlignedCounts, name: str, values: NDArray[np.float64]) -> str:
    """Why one distance gets no interval (`uncertain_cells`); empty if it gets one.

    Args:
        sides: both samples.
        name: of the distance.
        values: (1 + resamples,) as observed, then by the bootstrap.
    """
    spread = float((values[1:] ** SQUARED.get(name, 1)).std())
    return uncertain_cells(name, sides.reference, sides.current, spread)


def _judged(
    name: str, values: NDArray[np.float64], null: NDArray[np.float64], level: float, no_interval: str
) -> Distance:
    value, expected = float(values[0]), float(null.mean())
    verdict = permutation_result(
        PermutedStatistics(np.append(value, null), ROUNDING * max(value, expected)), level=level
    )
    if no_interval:
        return Distance(name, value, expected, verdict.threshold, verdict.p_value, None, no_interval)
    low, high = _normal_interval(name, value, values[1:], level=level)
    if verdict.p_value > level:
        low = 0.0
    elif low == 0:
        low = ROUNDING * value  # just above: the test says that it is not 0, and the bootstrap no more
    return Distance(name, value, expected, verdict.threshold, verdict.p_value, (low, max(low, high)))


def bootstrap_interval(sides: AlignedCounts, name: str, *, level: float, seed: int) -> tuple[float, float, str]:
    """The interval of one distance by the bootstrap alone, however sparse the cells are: for measuring its coverage.

    Args:
        sides: both samples.
        name: of the distance.
        level: 1 minus the confidence.
        seed: of the resamples.

    Returns:
        Its ends, and why it would not be given; empty where it would.
    """
    values = _with_resamples(sides, seed)[name]
    why = sparse_cells(sides.reference, sides.current) or _why_no_interval(sides, name, values)
    return *_normal_interval(name, float(values[0]), values[1:], level=level), why


def _with_resamples(sides: AlignedCounts, seed: int) -> dict[str, NDArray[np.float64]]:
    """Every distance, (1 + resamples,): as observed, then between samples drawn again."""
    again = bootstrap(sides.reference, sides.current, RESAMPLES, seed)
    p, q = (
        np.column_stack([counts / counts.sum(), shares])
        for counts, shares in zip((sides.reference, sides.current), again, strict=True)
    )
    return sides.distances(p, q)


def _normal_interval(name: str, value: float, again: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    power = SQUARED.get(name, 1)
    drawn = again**power
    centre, spread = 2 * value**power - drawn.mean(), NormalDist().inv_cdf(1 - level / 2) * drawn.std()
    low, high = (float(max(end, 0.0) ** (1 / power)) for end in (centre - spread, centre + spread))
    return low, high
