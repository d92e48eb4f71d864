"""A batch beside the reference: distances and tests of the counts, as SciPy and plain loops have them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from drift.detect import learn_binning, profile
from drift.detect.columns.column_tests import chi_squared_of_counts
from drift.detect.profiles.distances import smoothed
from drift.monitor.drift.distances import SignalDrift, binned_ks, measure_drift, measure_joint_drift

EDGES = 11


def sides(*, moved: float = 0.0, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    frames = []
    for rows, shift in ((4_000, 0.0), (700, moved)):
        frames.append(
            pd.DataFrame(
                {
                    "x": rng.normal(shift, 1, size=rows),
                    "y": rng.exponential(size=rows),
                    "state": rng.choice(["NSW", "VIC", "QLD"], p=[0.5 - shift / 5, 0.3, 0.2 + shift / 5], size=rows),
                }
            )
        )
    return frames[0], frames[1]


def measured(reference: pd.DataFrame, current: pd.DataFrame, *, seed: int = 0) -> dict[str, SignalDrift]:
    binning = learn_binning(reference)
    found = measure_drift(profile(binning, reference), profile(binning, current), limits={}, seed=seed)
    return {one.signal: one for one in found}


def shares_of(reference: pd.DataFrame, current: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Shares by the reference's tenths, or by category, counted without our code."""
    if name == "state":
        names = sorted(set(reference[name]) | set(current[name]))
        counts = [[(frame[name] == one).sum() for one in names] for frame in (reference, current)]
    else:
        edges = np.quantile(reference[name], np.arange(EDGES) / (EDGES - 1), method="lower")
        edges[-1] = reference[name].max()
        counts = []
        for frame in (reference, current):
            inside, _ = np.histogram(frame[name], edges)
            counts.append([(frame[name] < edges[0]).sum(), *inside, (frame[name] > edges[-1]).sum()])
    one, two = np.asarray(counts, float)
    return one / one.sum(), two / two.sum()


@pytest.mark.parametrize("moved", [0.0, 0.7])
@pytest.mark.parametrize("name", ["x", "y", "state"])
def test_divergences_are_scipys(name: str, moved: float) -> None:
    reference, current = sides(moved=moved)
    found = measured(reference, current)[name]
    p, q = shares_of(reference, current, name)
    assert found.jensen_shannon == pytest.approx(jensenshannon(p, q) ** 2, rel=0.02, abs=1e-4)
    hellinger = np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)
    assert found.hellinger == pytest.approx(hellinger, rel=0.02, abs=2e-3)
    a, b = smoothed(p[:, None], len(reference))[:, 0], smoothed(q[:, None], len(current))[:, 0]
    there = (p + q) > 0
    a, b = a[there] / a[there].sum(), b[there] / b[there].sum()
    if moved:
        assert found.kl == pytest.approx(stats.entropy(a, b), rel=0.1)
        assert found.psi == pytest.approx(((a - b) * np.log(a / b)).sum(), rel=0.1)


def test_wasserstein_in_a_features_units_is_near_scipys() -> None:
    """Rows are taken as evenly spread within a cell, which the outer ones are not (exactly: tests/detect)."""
    reference, current = sides(moved=0.7)
    found = measured(reference, current)["x"]
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(reference["x"], current["x"]), rel=0.2)


def test_the_binned_ks_is_that_of_a_plain_loop_and_never_above_the_exact_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        counts = rng.integers(0, 40, size=(2, 9))
        apart = max(
            abs(counts[0, : at + 1].sum() / counts[0].sum() - counts[1, : at + 1].sum() / counts[1].sum())
            for at in range(9)
        )
        assert binned_ks(counts)[0] == pytest.approx(apart)
    reference, current = sides(moved=0.5)
    exact = stats.ks_2samp(reference["x"], current["x"], method="asymp")
    found = measured(reference, current)["x"]
    assert found.test == "KS"
    assert found.statistic <= exact.statistic + 1e-12
    assert found.statistic == pytest.approx(exact.statistic, abs=0.05)
    assert binned_ks(np.asarray([[90_000, 0], [0, 90_000]]))[1] > 0


def test_chi_squared_is_scipys_where_cells_hold_enough_rows() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        counts = rng.integers(20, 60, size=(2, 6))
        counts[:, 2] = 0
        there = counts[:, counts.sum(axis=0) > 0]
        expected = stats.chi2_contingency(there, correction=False)
        found = chi_squared_of_counts(counts, 999, rng)
        assert found[0] == pytest.approx(expected.statistic)
        assert found[1] == pytest.approx(expected.pvalue)
    assert chi_squared_of_counts(np.asarray([[5, 0], [3, 0]]), 999, rng) == (0.0, 1.0)
    assert chi_squared_of_counts(np.asarray([[5, 3], [0, 0]]), 999, rng) == (0.0, 1.0)
    assert chi_squared_of_counts(np.asarray([[90_000, 0], [0, 90_000]]), 999, rng)[1] > 0


def test_chi_squared_is_exact_where_cells_hold_few_rows() -> None:
    """Against the hypergeometric probability of all tables that lie as far from what is expected."""
    counts = np.asarray([[30, 3], [3, 3]])
    found = chi_squared_of_counts(counts, 20_000, np.random.default_rng(0))
    assert found[0] == pytest.approx(stats.chi2_contingency(counts, correction=False).statistic)
    table = stats.hypergeom(39, 6, 6)  # rows of the second sample in the second cell
    apart = abs(np.arange(7) - 6 * 6 / 39)
    exact = table.pmf(np.arange(7))[apart >= apart[3] - 1e-9].sum()
    assert found[1] == pytest.approx(exact, abs=4 * np.sqrt(exact / 50 * exact))


@pytest.mark.parametrize(
    ("categories", "power", "rows"), [(20, 2.0, (2_000, 40)), (100, 1.0, (14_000, 60)), (6, 0.0, (400, 12))]
)
def test_sparse_categories_reject_as_often_as_they_say(categories: int, power: float, rows: tuple[int, int]) -> None:
    """Without drift: at .05 and at .01, at most as often in 150 batches as chance explains (p 1e-4)."""
    shares = 1 / np.arange(1, categories + 1) ** power
    shares /= shares.sum()
    rng, runs, names = np.random.default_rng(1), 150, np.asarray([f"{one:03d}" for one in range(categories)], object)
    p_values = []
    for seed in range(runs):
        tables = [pd.DataFrame({"x": rng.choice(names, size, p=shares)}) for size in rows]
        one = measured(*tables, seed=seed)["x"]
        assert one.test == "chi-squared"
        p_values.append(one.test_p_value)
    for level in (0.05, 0.01):
        assert (np.asarray(p_values) <= level).sum() <= stats.binom.ppf(1 - 1e-4, runs, level)
    assert min(p_values) > 0


def test_sparse_categories_find_a_new_one_and_repeat_by_seed() -> None:
    rng = np.random.default_rng(2)
    names = np.asarray([f"{one:02d}" for one in range(40)], object)
    tables = [pd.DataFrame({"x": rng.choice(names[chosen], size)}) for chosen, size in ((..., 2_000), (slice(9), 60))]
    first = measured(*tables, seed=3)["x"]
    assert first.test_p_value == pytest.approx(1 / 1_000)
    assert measured(*tables, seed=3)["x"] == first


def test_corrected_p_values_reject_any_signal_at_most_as_often_as_they_say() -> None:
    """Holm's method over three signals without drift: one below .05 in at most 5 % of batches, within chance."""
    rejected = {"test_p_value": 0, "p_value": 0}
    runs = 150
    for seed in range(runs):
        found = measured(*sides(seed=seed))
        for name in rejected:
            rejected[name] += min(getattr(one, name) for one in found.values()) < 0.05
    assert max(rejected.values()) <= stats.binom.ppf(0.999, runs, 0.05)
    moved = measured(*sides(moved=0.7))
    assert max(moved["x"].test_p_value, moved["x"].p_value, moved["state"].test_p_value) < 0.01  # of 1,000 draws


def test_kl_exceeds_its_threshold_by_chance_as_often_as_is_said() -> None:
    above, runs = 0, 150
    for seed in range(runs):
        found = measured(*sides(seed=1000 + seed))
        above += sum(one.kl > one.kl_threshold for one in found.values())
    assert above <= stats.binom.ppf(0.999, 3 * runs, 0.07)


def test_all_features_together_are_compared_at_their_level_and_pairs_count() -> None:
    small, runs = 0, 60
    for seed in range(runs):
        found = measure_joint_drift(*sides(seed=seed), seed=seed)
        assert found is not None
        small += found.p_value <= 0.05
    assert small <= stats.binom.ppf(0.999, runs, 0.05)
    rng = np.random.default_rng(0)
    one = pd.DataFrame(rng.multivariate_normal([0, 0], [[1, 0], [0, 1]], size=900), columns=["a", "b"])
    two = pd.DataFrame(rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=900), columns=["a", "b"])
    turned = measure_joint_drift(one, two)
    assert turned is not None and turned.p_value == pytest.approx(1 / 200)


def test_too_few_rows_and_constant_features_say_nothing_and_do_not_fail() -> None:
    reference, current = sides()
    assert measure_joint_drift(reference, current.iloc[:5]) is None
    same = pd.DataFrame({"x": np.ones(100)})
    assert measure_joint_drift(same, same) is None
    binning = learn_binning(reference)
    empty = measure_drift(profile(binning, reference), profile(binning, current.iloc[:0]), limits={})
    assert empty == ()
