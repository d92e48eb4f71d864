"""Distances: equal to plain loops and to SciPy, kept at their level by their nulls, intervals that cover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import binom, norm, wasserstein_distance

from drift.detect import FeatureDistances, compare_profiles, learn_binning, profile
from drift.detect.profiles.binning import QuantileBins
from drift.detect.profiles.calibration import permutation_null, rank_null
from drift.detect.profiles.distances import (
    CELL_DISTANCES,
    cell_distances,
    hellinger,
    jensen_shannon,
    smoothed,
    wasserstein,
)
from drift.errors import BlockError

Table = dict[str, Any]


def kullback_leibler(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.asarray(rel_entr(p, q).sum(axis=0))


def population_stability(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=0))


NAMES = ("jensen_shannon", "hellinger", "psi", "kl", "reverse_kl", "wasserstein")


def compare(reference: Any, current: Any, **options: Any) -> tuple[FeatureDistances, ...]:
    binning = learn_binning(reference)
    return compare_profiles(profile(binning, reference), profile(binning, current), **options)


def shares(rng: np.random.Generator, cells: int, *, zeros: bool = False) -> tuple[NDArray[Any], NDArray[Any]]:
    p, q = rng.dirichlet(np.ones(cells), 2)
    if zeros:
        p[0], q[-1] = 0, 0
    return p / p.sum(), q / q.sum()


def naive_kl(p: NDArray[Any], q: NDArray[Any]) -> float:
    return float(sum(a * log(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True) if a > 0))


def naive_area(p: NDArray[Any], q: NDArray[Any], lows: NDArray[Any], highs: NDArray[Any]) -> float:
    """The area between two distribution functions, by a fine sum over each cell."""
    area, before = 0.0, p[0] - q[0]
    for i, (low, high) in enumerate(zip(lows, highs, strict=True)):
        steps = 20_000
        change = (p[i + 1] - q[i + 1]) / steps
        area += sum(abs(before + (step + 0.5) * change) for step in range(steps)) * (high - low) / steps
        before += p[i + 1] - q[i + 1]
        if i + 1 < len(lows):
            area += abs(before) * (lows[i + 1] - high)
    return area


@pytest.mark.parametrize("zeros", [False, True])
def test_formulas_equal_plain_loops_and_scipy(zeros: bool) -> None:
    rng = np.random.default_rng(0)
    for cells in (2, 3, 13):
        p, q = shares(rng, cells, zeros=zeros)
        mean = (p + q) / 2
        expected = (naive_kl(p, mean) + naive_kl(q, mean)) / 2
        assert jensen_shannon(p, q) == pytest.approx(expected, abs=1e-10)
        assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-10)
        affinity = sum(sqrt(a * b) for a, b in zip(p.tolist(), q.tolist(), strict=True))
        assert hellinger(p, q) == pytest.approx(sqrt(1 - affinity), abs=1e-10)
        one, two = smoothed(p, 40), smoothed(q, 40)
        index = sum((a - b) * log(a / b) for a, b in zip(one.tolist(), two.tolist(), strict=True))
        assert index == pytest.approx(naive_kl(one, two) + naive_kl(two, one), abs=1e-10)
        measured = dict(zip(CELL_DISTANCES, cell_distances(p, q, 40), strict=True))
        assert measured["psi"] == pytest.approx(index, abs=1e-10)
        assert measured["kl"] == pytest.approx(naive_kl(one, two), abs=1e-10)
        assert measured["kl"] == pytest.approx(rel_entr(one, two).sum(), abs=1e-10)
        assert measured["reverse_kl"] == pytest.approx(naive_kl(two, one), abs=1e-10)


def test_ranges() -> None:
    p, q = np.asarray([1.0, 0.0]), np.asarray([0.0, 1.0])
    assert jensen_shannon(p, q) == pytest.approx(log(2))
    assert hellinger(p, q) == 1
    assert jensen_shannon(p, p) == hellinger(p, p) == population_stability(smoothed(p, 5), smoothed(p, 5)) == 0


def test_wasserstein_equals_a_fine_sum() -> None:
    rng = np.random.default_rng(1)
    ends = np.sort(rng.normal(size=8))
    p, q = shares(rng, 6)
    expected = naive_area(p, q, ends[0::2], ends[1::2])
    assert wasserstein(p, q, ends[0::2], ends[1::2]) == pytest.approx(expected, rel=1e-6)
    many = np.stack([p, q, p], axis=1)
    np.testing.assert_allclose(
        wasserstein(many, q[:, None], ends[0::2], ends[1::2]), [float(expected), 0, float(expected)], rtol=1e-6
    )


def test_wasserstein_is_scipys_within_a_bins_width() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.uniform(size=2_000), rng.beta(1.3, 1, size=700) * 0.98
    [found] = compare({"x": x}, {"x": y}, permutations=99)
    assert found["wasserstein"].value == pytest.approx(wasserstein_distance(x, y), abs=0.01)
    counts, other = rng.poisson(1.0, 900), rng.poisson(1.4, 400)
    [found] = compare({"x": counts}, {"x": other}, permutations=99)
    assert found["wasserstein"].value == pytest.approx(wasserstein_distance(counts, other), abs=1e-10)


def test_all_distances_of_a_comparison_equal_plain_loops() -> None:
    """From raw rows to numbers, with rows out of range and missing."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=400), rng.normal(0.5, 2, size=150)
    x[:20], y[:30], y[30] = np.nan, np.nan, np.inf
    [found] = compare({"x": x}, {"x": y}, permutations=99)
    reference, current = np.zeros(13), np.zeros(13)
    ordered = sorted(x[~np.isnan(x)].tolist())
    lows = [ordered[i * 380 // 10] for i in range(10)]
    for rows, counts in ((x, reference), (y, current)):
        for value in rows.tolist():
            if np.isnan(value):
                counts[12] += 1
            elif value > ordered[-1]:
                counts[11] += 1
            else:
                counts[sum(value >= low for low in lows)] += 1
    assert [cell.reference for cell in found.cells] == reference.tolist()
    assert [cell.current for cell in found.cells] == current.tolist()
    p, q = reference / 400, current / 150
    half = 0.5 / 150
    one, two = (p + half) / (1 + 13 * half), (q + half) / (1 + 13 * half)
    assert found["kl"].value == pytest.approx(naive_kl(one, two), abs=1e-10)
    assert found["reverse_kl"].value == pytest.approx(naive_kl(two, one), abs=1e-10)
    assert found["psi"].value == pytest.approx(naive_kl(one, two) + naive_kl(two, one), abs=1e-10)
    assert found["jensen_shannon"].value == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-10)
    highs = [ordered[(i + 1) * 380 // 10 - 1] for i in range(10)]
    area = naive_area(p[:-1] / p[:-1].sum(), q[:-1] / q[:-1].sum(), np.asarray(lows), np.asarray(highs))
    assert found["wasserstein"].value == pytest.approx(area, rel=1e-6)


def test_smoothing_hardly_matters_where_rows_are_many() -> None:
    """A quarter or four times as much changes PSI by some hundredths of itself, unlike an epsilon in an empty cell."""
    p, q = np.asarray([0.5, 0.4, 0.1, 0.0]), np.asarray([0.4, 0.4, 0.15, 0.05])
    for rows, most in ((10_000, 0.45), (100_000, 0.4)):
        values = [population_stability(smoothed(p, size), smoothed(q, size)) for size in (4 * rows, rows, rows // 4)]
        assert values[0] > values[1] > values[2]
        assert values[0] / values[2] - 1 < most
    inside = np.asarray([0.4, 0.4, 0.1, 0.1])
    values = [population_stability(smoothed(inside, size), smoothed(q, size)) for size in (40_000, 10_000, 2_500)]
    assert values[0] / values[2] - 1 < 0.01


def test_the_rank_null_is_the_urn() -> None:
    """Counts of fresh rows between order statistics of fresh references have the mean and spread of the draws."""
    rng, runs, n, m = np.random.default_rng(4), 4_000, 60, 90
    binning = learn_binning({"x": rng.normal(size=n)}, bins=4).columns["x"]
    assert isinstance(binning, QuantileBins)
    truth = np.empty((runs, 6))
    for run in range(runs):
        x = np.sort(rng.standard_cauchy(n))
        edges = np.append(x[np.arange(4) * n // 4], x[-1])
        truth[run] = np.bincount(np.searchsorted(edges, rng.standard_cauchy(m)), minlength=6)
    reference, current, _ = rank_null(binning.counts, binning.weights, (0, 0), m, runs, 0)
    drawn = current[:-1].T * m
    assert reference[:, 0] * n == pytest.approx([0, 15, 15, 15, 15, 0, 0])
    np.testing.assert_allclose(drawn.mean(axis=0), truth.mean(axis=0), atol=5 * truth.std(axis=0).max() / sqrt(runs))
    np.testing.assert_allclose(drawn.std(axis=0), truth.std(axis=0), rtol=0.08)


def test_the_permutation_null_permutes() -> None:
    reference, current = np.asarray([30, 5, 0, 15]), np.asarray([10, 2, 3, 5])
    p, q = permutation_null(reference, current, 5_000, 0)
    np.testing.assert_allclose(p * 50 + q * 20, np.repeat((reference + current)[:, None], 5_000, axis=1))
    np.testing.assert_allclose(q.mean(axis=1), (reference + current) / 70, atol=0.01)


def test_expected_divergence_is_that_of_theory() -> None:
    """Mean KL is about (cells - 1) / 2 (1/n + 1/m), PSI twice and Jensen-Shannon a quarter of that.

    The two cells that are out of the reference's range count as cells, too.
    """
    rng = np.random.default_rng(5)
    for n, m in ((4_000, 1_000), (1_000, 4_000)):
        numbers, letters = compare(
            {"x": rng.normal(size=n), "y": rng.integers(0, 6, n).astype(str)},
            {"x": rng.normal(size=m), "y": rng.integers(0, 6, m).astype(str)},
        )
        for found, cells, within in ((numbers, 12, 0.25), (letters, 6, 0.1)):
            theory = (cells - 1) / 2 * (1 / n + 1 / m)
            assert found["kl"].expected == pytest.approx(theory, rel=within)
            assert found["psi"].expected == pytest.approx(2 * theory, rel=within)
            assert found["jensen_shannon"].expected == pytest.approx(theory / 4, rel=within)


def with_gaps(rng: np.random.Generator, values: NDArray[Any], share: float) -> NDArray[Any]:
    values = values.astype(np.float64)
    values[rng.random(len(values)) < share] = np.nan
    return values


CATEGORIES = np.asarray(["a", "b", "c", *[f"rare {i}" for i in range(40)]], object)
OFTEN = np.asarray([0.5, 0.3, 0.16, *[0.001] * 40])
DRAWS: dict[str, Callable[[np.random.Generator, int], NDArray[Any]]] = {
    "gaussian": lambda rng, n: rng.normal(size=n),
    "rounded, missing": lambda rng, n: with_gaps(rng, rng.normal(size=n).round(1), 0.1),
    "rare categories": lambda rng, n: rng.choice(CATEGORIES, n, p=OFTEN),
}
MORE_DRAWS = DRAWS | {
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "few values": lambda rng, n: rng.poisson(1, n),
    "many values": lambda rng, n: rng.poisson(30, n),
    "many zeros": lambda rng, n: np.where(rng.random(n) < 0.8, 0, rng.exponential(size=n)),
    "clipped": lambda rng, n: np.clip(rng.normal(size=n), -1, 1),
    "rare flag": lambda rng, n: (rng.random(n) < 0.01).astype(int),
    "some missing": lambda rng, n: with_gaps(rng, rng.normal(size=n), 0.01),
    "most missing": lambda rng, n: with_gaps(rng, rng.standard_cauchy(n), 0.9),
    "few and missing": lambda rng, n: with_gaps(rng, rng.poisson(2, n), 0.1),
    "many categories": lambda rng, n: rng.integers(0, 3_000, n).astype(str),
    "constant": lambda rng, n: np.ones(n),
}
CONTINUOUS = ("gaussian", "heavy tails")  # elsewhere few counts are possible, and a test may reject less; so does
# Wasserstein-1 where the widths of the cells are largely chance


def rejections(
    draw: Callable[[np.random.Generator, int], Table], n: int, m: int, *, runs: int, permutations: int = 99
) -> tuple[dict[tuple[str, str], int], int]:
    """Rejections at .05 of every feature's every distance, and runs with any alarm, without drift."""
    rng, alarms = np.random.default_rng(6), 0
    rejected: dict[tuple[str, str], int] = {}
    for seed in range(runs):
        found = compare(draw(rng, n), draw(rng, m), permutations=permutations, seed=seed)
        alarms += any(feature.alarm for feature in found)
        for feature in found:
            for distance in feature.distances:
                key = feature.feature, distance.name
                rejected[key] = rejected.get(key, 0) + (distance.p_value <= 0.05)
    return rejected, alarms


def assert_level(rejected: dict[tuple[str, str], int], alarms: int, runs: int) -> None:
    low, high = (binom.ppf(tail, runs, 0.05) for tail in (0.0005, 0.9995))
    assert alarms <= high
    for (feature, name), count in rejected.items():
        assert count <= high, (feature, name)
        if feature.startswith(CONTINUOUS) and (feature, name) != ("heavy tails", "wasserstein"):
            assert count >= low, (feature, name)


@pytest.mark.slow
def test_level() -> None:
    """Without drift .05 of the tests reject, by every distance: within the 99.9 % band of the binomial distribution."""
    runs = 1_000
    rejected, alarms = rejections(
        lambda rng, n: {name: draw(rng, n) for name, draw in DRAWS.items()}, 300, 200, runs=runs
    )
    assert {name for _, name in rejected} == set(NAMES)
    assert_level(rejected, alarms, runs)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("n", "m"), [(200, 200), (2_000, 100), (300, 5_000)])
def test_level_of_everything(n: int, m: int) -> None:
    """Also rows of ELEC, drawn at random."""
    from drift.datasets.elec import load_elec

    elec = load_elec()

    def draw(rng: np.random.Generator, size: int) -> Table:
        rows = rng.integers(0, len(elec.features), size)
        prices = {name: elec.features[rows, j] for j, name in enumerate(elec.feature_names[:5])}
        return prices | {name: one(rng, size) for name, one in MORE_DRAWS.items()}

    assert_level(*rejections(draw, n, m, runs=1_000), 1_000)


def test_cells_of_a_third_table_get_permutations() -> None:
    """Two blocks on bins that neither of them taught: the level holds."""
    rng, runs = np.random.default_rng(7), 400
    binning = learn_binning({"x": rng.normal(size=50)})
    rejected = 0
    for seed in range(runs):
        one, two = (profile(binning, {"x": rng.normal(size=size)}) for size in (80, 300))
        [found] = compare_profiles(one, two, permutations=99, seed=seed)
        assert found.null == "permutation"
        rejected += found.p_value <= 0.05
    assert rejected <= binom.ppf(0.9995, runs, 0.05)


def test_power() -> None:
    """Shift, scale, a new category, and values that go missing."""
    rng = np.random.default_rng(8)
    seen: Counter[str] = Counter()
    for seed in range(25):
        reference = {"shift": rng.normal(size=800), "scale": rng.normal(size=800), "gone": rng.normal(size=800)}
        reference |= {"new": rng.choice(["a", "b"], 800)}
        current = {
            "shift": rng.normal(0.4, 1, size=300),
            "scale": rng.normal(0, 1.5, size=300),
            "gone": with_gaps(rng, rng.normal(size=300), 0.04),
            "new": rng.choice(["a", "b", "c"], 300, p=[0.48, 0.48, 0.04]),
        }
        for feature in compare(reference, current, permutations=199, seed=seed):
            seen[feature.feature] += feature.alarm
    assert min(seen.values()) >= 22


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0)])
def test_intervals_cover(mean: float, spread: float) -> None:
    """Roughly .95 for shifts of 0 to 1 standard deviations, of what the populations have in the same cells."""
    rng, runs, n, m = np.random.default_rng(9), 150, 1_000, 600
    covered, given = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
    for seed in range(runs):
        reference = {"x": rng.normal(size=n)}
        binning = learn_binning(reference)
        bins = binning.columns["x"]
        assert isinstance(bins, QuantileBins)
        current = {"x": rng.normal(mean, spread, size=m)}
        [found] = compare_profiles(profile(binning, reference), profile(binning, current), permutations=19, seed=seed)
        edges = [-np.inf, *bins.lows, bins.highs[-1], np.inf]
        p, q = np.diff(norm.cdf(edges)), np.diff(norm.cdf(edges, mean, spread))
        truth = {
            "jensen_shannon": jensen_shannon(p, q),
            "hellinger": hellinger(p, q),
            "psi": population_stability(p, q),
            "kl": kullback_leibler(p, q),
            "reverse_kl": kullback_leibler(q, p),
            "wasserstein": wasserstein(p, q, np.asarray(bins.lows), np.asarray(bins.highs)),
        }
        for name in NAMES:
            low, high = found[name].interval or (np.nan, np.nan)
            covered[name] += int(low <= truth[name] <= high)
            given[name] += found[name].interval is not None
    for name in NAMES:
        assert given[name] - covered[name] <= 0.15 * max(given[name], runs / 5), name
    assert given["wasserstein"] == runs
    assert given["jensen_shannon"] > 0.8 * runs


def coverage(shares: np.ndarray, changed: float, rows: tuple[int, int], runs: int) -> dict[str, float] | None:
    """Share of intervals that hold the populations' distance; None where none, or not every one, is given."""
    other = shares * np.where(np.arange(len(shares)) % 2, 1 - changed, 1 + changed)
    p, q = shares / shares.sum(), other / other.sum()
    truth = {
        "jensen_shannon": float(jensen_shannon(p, q)),
        "hellinger": float(hellinger(p, q)),
        "kl": float(kullback_leibler(p, q)),
    }
    rng, labels = np.random.default_rng(3), np.arange(len(shares)).astype(str)
    covered, given = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for seed in range(runs):
        tables = [{"x": np.repeat(labels, rng.multinomial(n, law))} for n, law in zip(rows, (p, q), strict=True)]
        binning = learn_binning(tables[0])
        [found] = compare_profiles(*(profile(binning, table) for table in tables), permutations=19, seed=seed)
        for name, value in truth.items():
            assert (found[name].no_interval == "") == (found[name].interval is not None)
            low, high = found[name].interval or (np.nan, np.nan)
            covered[name] += int(low - 1e-12 <= value <= high + 1e-12)
            given[name] += found[name].interval is not None
    return {name: covered[name] / count for name, count in given.items() if count > runs / 2} or None


@pytest.mark.parametrize("changed", [0.0, 0.3])
@pytest.mark.parametrize(
    ("categories", "rows"),
    [(100, (14_000, 500)), (100, (14_000, 3_000)), (8, (14_000, 500)), (30, (900, 900))],
)
def test_intervals_of_categories_cover_or_are_not_given(categories: int, rows: tuple[int, int], changed: float) -> None:
    """At .95, with even shares: never below .88 in 60 runs, and none at 5 rows a cell and fewer (`sparse_cells`)."""
    found = coverage(np.ones(categories), changed, rows, 60)
    if min(rows) / categories <= 5:
        assert found is None
    else:
        assert found is not None
        assert min(found.values()) >= 0.88


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        ((1, 1, 1, 1, 1), (1, 1, 1, 1, 0), (500, 500)),
        ((1, 1, 1, 0), (3, 3, 3, 1), (2_000, 500)),
        ((0.4, 0.3, 0.2999, 0.0001), (0.38, 0.3, 0.27, 0.05), (2_000, 500)),
        ((0.4, 0.3, 0.298, 0.002), (0.38, 0.3, 0.27, 0.05), (500, 500)),
    ],
)
def test_no_wrong_intervals_where_one_sample_has_few_rows(
    before: tuple[float, ...], after: tuple[float, ...], rows: tuple[int, int]
) -> None:
    """At .95: at most as many wrong ones in 60 samples as chance explains at .07, and none of infinite distances."""
    p, q = (np.asarray(law) / sum(law) for law in (before, after))
    truth = {
        "jensen_shannon": float(jensen_shannon(p, q)),
        "hellinger": float(hellinger(p, q)),
        "kl": float(kullback_leibler(p, q)),
        "reverse_kl": float(kullback_leibler(q, p)),
    }
    truth["psi"] = truth["kl"] + truth["reverse_kl"]
    rng, runs, wrong = np.random.default_rng(5), 60, Counter[str]()
    for seed in range(runs):
        tables = [{"x": rng.choice([*"abcde"][: len(p)], n, p=law)} for n, law in zip(rows, (p, q), strict=True)]
        [found] = compare(*tables, permutations=19, seed=seed)
        for name, value in truth.items():
            low, high = found[name].interval or (0, np.inf)
            wrong[name] += not low <= value <= high
            assert found[name].interval is None or np.isfinite(value), name
    assert max(wrong.values()) <= binom.ppf(0.999, runs, 0.07)


@pytest.mark.parametrize(("mean", "spread", "rows"), [(0.0, 2.0, (500, 500)), (2.0, 1.0, (1_000, 500))])
def test_no_wrong_intervals_where_rows_fall_out_of_range(mean: float, spread: float, rows: tuple[int, int]) -> None:
    """How rare such rows are in the reference's population, the reference does not say: only Wasserstein-1 is known."""
    rng = np.random.default_rng(6)
    for seed in range(10):
        reference, current = rng.normal(size=rows[0]), rng.normal(mean, spread, size=rows[1])
        [found] = compare({"x": reference}, {"x": current}, permutations=19, seed=seed)
        assert all(found[name].interval is None for name in ("hellinger", "psi", "kl", "reverse_kl"))
        assert "hold no row" in found["reverse_kl"].no_interval
        assert "fewer than 10 rows" in found["hellinger"].no_interval
        assert found["wasserstein"].interval is not None


def test_no_interval_says_why() -> None:
    rng = np.random.default_rng(4)
    tables = [{"x": rng.integers(0, 400, rows).astype(str)} for rows in (14_000, 500)]
    binning = learn_binning(tables[0])
    [found] = compare_profiles(*(profile(binning, table) for table in tables), permutations=19)
    assert found.no_interval == ("400 of 400 cells are expected to hold fewer than 10 of the smaller sample's 500 rows")
    assert all(distance.interval is None for distance in found.distances)
    assert found["kl"].p_value > 0


def test_a_drift_among_many_features_is_told_from_chance() -> None:
    rng = np.random.default_rng(10)
    reference, current = rng.normal(size=(600, 60)), rng.normal(size=(600, 60))
    current[:, 7] += 1
    found = compare(reference, current)
    assert [feature.feature for feature in found if feature.alarm] == ["7"]


def test_the_threshold_agrees_with_the_p_value() -> None:
    rng = np.random.default_rng(11)
    for seed in range(20):
        for feature in compare(
            {"x": rng.normal(size=290)}, {"x": rng.normal(0.2, 1, size=170)}, permutations=99, seed=seed
        ):
            assert feature.p_value == feature["jensen_shannon"].p_value
            for distance in feature.distances:
                assert (distance.p_value <= 0.05) == (distance.value > distance.threshold)
                assert 1 / 100 <= distance.p_value <= 1
                assert (distance.interval is None) == (distance.no_interval != "")
                if distance.interval is None:
                    assert distance.name != "wasserstein"
                    continue
                assert 0 <= distance.interval[0] <= distance.interval[1]
                assert (distance.interval[0] > 0) == (distance.p_value <= 0.05)


def test_the_same_seed_gives_the_same_numbers() -> None:
    rng = np.random.default_rng(12)
    reference = {"x": rng.normal(size=90), "y": rng.normal(size=90).round(1), "z": rng.choice(["a", "b"], 90)}
    current = {name: values[:50] for name, values in reference.items()}
    first = compare(reference, current, seed=3)
    assert compare(reference, current, seed=3) == first
    assert compare(reference, current, seed=4) != first
    alone = compare({"y": reference["y"]}, {"y": current["y"]}, seed=3)[0]
    assert alone.distances == first[1].distances


def test_constant_columns() -> None:
    constant, gone = np.full(60, 2.0), np.full(60, np.nan)
    same, missing = compare({"a": constant, "b": gone}, {"a": constant[:30], "b": gone[:30]}, permutations=99)
    assert (same.p_value, missing.p_value) == (1, 1)
    assert same["wasserstein"].value == same["psi"].value == 0
    assert [cell.label for cell in same.cells] == ["2.0", "missing"]
    changed, there = compare({"a": constant, "b": gone}, {"a": constant + 1, "b": constant})
    assert changed["wasserstein"].value == 1
    assert changed.alarm
    assert there.alarm
    assert [distance.name for distance in there.distances] == list(NAMES[:-1])
    gone_again = compare({"a": np.arange(60.0)}, {"a": gone})[0]
    assert gone_again.alarm


def test_infinity_is_out_of_range() -> None:
    few, many = np.repeat([1.0, 2.0], 40), np.random.default_rng(13).normal(size=80)
    broken = np.repeat([np.inf, 1.0], 40)
    values, numbers = compare({"few": few, "many": many}, {"few": broken, "many": broken})
    assert values["wasserstein"].value == 0  # infinity counts at the range's end, as 2.0 does
    assert values.alarm
    assert (numbers.cells[-2].label.split()[0], numbers.cells[-2].current) == ("above", 40)


def test_categories_have_no_positions() -> None:
    [found] = compare({"x": np.asarray(["a", "b"] * 20)}, {"x": np.asarray(["b", "c"] * 20)})
    assert [distance.name for distance in found.distances] == list(NAMES[:-1])
    assert [(cell.label, cell.reference, cell.current) for cell in found.cells] == [
        ("a", 20, 0),
        ("b", 20, 20),
        ("c", 0, 20),
        ("missing", 0, 0),
    ]


@pytest.mark.parametrize(
    ("reference", "current", "options", "words"),
    [
        (40, 0, {}, "expected rows in both profiles, fewer than 1,000,000,000 in all, got 40 and 0"),
        (40, 20, {"permutations": 10}, "at least 19 permutations for level 0.05, got 10"),
        (2, 1, {}, "at least 3 rows in each sample for level 0.05, got 2 and 1"),
        (40, 20, {"level": 1.5}, "level between 0 and 1"),
    ],
)
def test_bad_input(reference: int, current: int, options: Any, words: str) -> None:
    values = np.arange(60.0)
    with pytest.raises(BlockError, match=words):
        compare({"x": values[:reference]}, {"x": values[:current]}, **options)


def test_profiles_on_different_bins_are_not_compared() -> None:
    one, other = learn_binning({"x": np.arange(40.0)}), learn_binning({"x": np.arange(50.0)})
    with pytest.raises(BlockError, match="expected profiles on the same bins, got different ones in x:"):
        compare_profiles(profile(one, {"x": np.arange(40.0)}), profile(other, {"x": np.arange(40.0)}))
