"""How far a batch is from the reference, signal by signal, from profiles alone; and all features together, by MMD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.detect.columns.column_tests import CERTAIN, chi_squared_of_counts
from drift.detect.columns.ks_with_ties import tied_p_value
from drift.detect.columns.univariate import adjusted, enough_draws
from drift.detect.profiles.comparison import FeatureDistances, compare_profiles
from drift.detect.profiles.profiles import Profile
from drift.errors import BlockError

if TYPE_CHECKING:
    import pandas as pd

JOINT_ROWS, JOINT_PERMUTATIONS = 500, 199
LEVEL = 0.05


@dataclass(frozen=True)
class SignalDrift:
    """Distances of one signal of a batch from the reference; divergences in nats.

    Attributes:
        signal: a feature, the prediction, its confidence, or the label.
        kl: Kullback-Leibler divergence of the reference from the batch.
        kl_threshold: that chance alone exceeds in 5 % of batches.
        jensen_shannon: divergence, at most ln 2.
        js_threshold: that chance alone exceeds in 5 % of batches.
        psi: population stability index.
        hellinger: distance, from 0 to 1.
        wasserstein: distance in the signal's units; None for categories.
        p_value: of Jensen-Shannon, by Holm's method over all signals.
        test: KS for numbers, chi-squared for categories, on the same cells.
        statistic: of that test.
        test_p_value: of that test, by Holm's method over all signals.
        limit: of Jensen-Shannon, for the run rule; infinite where none is calibrated.
        bad: whether Jensen-Shannon is above the limit.
    """

    signal: str
    kl: float
    kl_threshold: float
    jensen_shannon: float
    js_threshold: float
    psi: float
    hellinger: float
    wasserstein: float | None
    p_value: float
    test: str
    statistic: float
    test_p_value: float
    limit: float
    bad: bool


def measure_drift(
    reference: Profile, current: Profile, *, limits: dict[str, float], seed: int = 0
) -> tuple[SignalDrift, ...]:
    """Every signal of a batch beside the reference; none if either has too few rows to say anything.

    The tests are on the counts of the cells: Pearson's chi-squared for categories, by permutations if a category is
    expected in fewer than 5 rows of either, and for numbers the largest
    difference between distribution functions at the cells' edges, with its exact p-value.

    Args:
        reference: the profile that was agreed.
        current: of the batch, on the same bins.
        limits: by signal.
        seed: of what chance makes of distances, and of permutations.
    """
    try:
        features = compare_profiles(reference, current, seed=seed, level=LEVEL)
    except BlockError:
        return ()
    draws = enough_draws(len(features), level=LEVEL)
    tests = [_test(feature, draws=draws, seed=seed) for feature in features]
    corrected = adjusted(np.asarray([test[2] for test in tests]), "holm")
    return tuple(
        _signal(feature, test, float(p_value), limits.get(feature.feature, np.inf))
        for feature, test, p_value in zip(features, tests, corrected, strict=True)
    )


def _signal(
    feature: FeatureDistances, test: tuple[str, float, float], test_p_value: float, limit: float
) -> SignalDrift:
    values = {distance.name: distance for distance in feature.distances}
    js = values["jensen_shannon"]
    return SignalDrift(
        signal=feature.feature,
        kl=values["kl"].value,
        kl_threshold=values["kl"].threshold,
        jensen_shannon=js.value,
        js_threshold=js.threshold,
        psi=values["psi"].value,
        hellinger=values["hellinger"].value,
        wasserstein=values["wasserstein"].value if "wasserstein" in values else None,
        p_value=feature.adjusted_p_value,
        test=test[0],
        statistic=test[1],
        test_p_value=test_p_value,
        limit=limit,
        bad=js.value > limit,
    )


def _test(feature: FeatureDistances, *, draws: int, seed: int) -> tuple[str, float, float]:
    """Name, statistic and p-value of the test on the cells; the last cell is the missing one."""
    counts = np.asarray([[cell.reference for cell in feature.cells], [cell.current for cell in feature.cells]])
    if any(distance.name == "wasserstein" for distance in feature.distances):
        return "KS", *binned_ks(counts[:, :-1])
    return "chi-squared", *chi_squared_of_counts(counts, draws, np.random.default_rng(seed))


def binned_ks(counts: NDArray[np.int64]) -> tuple[float, float]:
    """The largest difference of two distribution functions at the cells' edges, and its exact p-value.

    Rows of one cell count as tied, so that all rows are permuted over the cells; only a p-value below 1e-12 is the
    asymptotic one without ties, which is larger.

    Args:
        counts: (2, cells) in order.
    """
    from scipy.special import kolmogorov

    n, m = (int(rows) for rows in counts.sum(axis=1))
    if not (n and m):
        return 0.0, 1.0
    upto = counts[:, counts.sum(axis=0) > 0].cumsum(axis=1)
    apart = int(np.abs(upto[0] * m - upto[1] * n).max())
    statistic = apart / (n * m)
    least = max(float(kolmogorov(statistic * np.sqrt(n * m / (n + m)))), float(np.finfo(np.float64).tiny))  # never 0
    return statistic, least if least < CERTAIN else tied_p_value((n, m), upto.sum(axis=0)[:-1], apart)


@dataclass(frozen=True)
class JointDrift:
    """All features of a batch together beside the reference's, by MMD on a sample of both.

    Attributes:
        p_value: in (0, 1], of this batch alone: over many batches it is no alarm.
        rows: of each sample, at most.
    """

    p_value: float
    rows: int


def measure_joint_drift(reference: pd.DataFrame, current: pd.DataFrame, *, seed: int = 0) -> JointDrift | None:
    """MMD with a Gaussian kernel between samples of at most 500 rows; None with fewer than 20 rows or no features.

    The fused test sees more, but takes ten times as long, for each of hundreds of batches.

    Numbers are taken by their ranks in the reference, so that neither units nor outliers matter; what is missing
    counts as the middle. Categories are as many columns of 0 and 1.
    """
    from drift.detect import mmd_test

    rng = np.random.default_rng(seed)
    samples = [_sample(frame, rng) for frame in (reference, current)]
    if min(map(len, samples)) < 20 or not len(reference.columns):
        return None
    first, second = _as_numbers(*samples)
    if not (np.ptp(first, axis=0) + np.ptp(second, axis=0)).any():
        return None
    test = mmd_test(first, second, kernel="gaussian", permutations=JOINT_PERMUTATIONS, seed=seed)
    return JointDrift(test.p_value, max(map(len, samples)))


def _sample(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= JOINT_ROWS:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), JOINT_ROWS, replace=False))]


def _as_numbers(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    columns: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for name in reference:
        before, now = reference[name], current[name]
        if before.dtype.kind == "f":
            ordered = np.sort(before.to_numpy()[~np.isnan(before.to_numpy())])
            columns.append((_ranks(before.to_numpy(), ordered), _ranks(now.to_numpy(), ordered)))
        else:
            for value in before.value_counts().index[:10]:
                columns.append((np.asarray(before == value, np.float64), np.asarray(now == value, np.float64)))
    if not columns:
        return np.zeros((len(reference), 1)), np.zeros((len(current), 1))
    return np.column_stack([pair[0] for pair in columns]), np.column_stack([pair[1] for pair in columns])


def _ranks(values: NDArray[np.float64], ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(ordered):
        return np.zeros(len(values))
    middle = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    return np.where(np.isnan(values), 0.5, middle / len(ordered))
