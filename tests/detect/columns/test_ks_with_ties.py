"""The Kolmogorov-Smirnov test where many values are tied: against all permutations, its level, and its power."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom, ks_2samp

from drift.data.blocks import Reference, ScoredBlock
from drift.detect import FeatureShift, bbsds_test, explain, feature_tests
from drift.detect.columns.ks_with_ties import chosen_edges, tied_p_value
from drift.monitor.drift.distances import binned_ks


def zero_inflated(rng: np.random.Generator, rows: int, zeros: float) -> np.ndarray:
    return np.where(rng.random(rows) < zeros, 0.0, rng.exponential(size=rows))


def steps(x: np.ndarray, y: np.ndarray) -> int:
    """n m times the statistic, from its definition."""
    return max(abs(int((x <= z).sum()) * len(y) - int((y <= z).sum()) * len(x)) for z in {*x, *y})


@pytest.mark.parametrize("values", [2, 3, 5, 100])
def test_p_value_is_that_of_all_permutations(values: int) -> None:
    rng = np.random.default_rng(values)
    for n, m in ((2, 2), (3, 6), (5, 4), (6, 6), (1, 7)):
        pooled = rng.integers(0, values, n + m).astype(float)
        observed = steps(pooled[:n], pooled[n:])
        null = [steps(pooled[list(rows)], np.delete(pooled, list(rows))) for rows in combinations(range(n + m), n)]
        ties = np.unique(pooled, return_counts=True)[1]
        found = tied_p_value((n, m), ties.cumsum()[:-1], observed)
        if len(ties) > 1:
            assert found == pytest.approx(np.mean(np.asarray(null) >= observed), rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(50, 30), (700, 640), (40, 3_000)])
def test_without_ties_it_is_the_exact_test(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    for shift in (0, 0.3):
        x, y = rng.normal(size=n), rng.normal(shift, size=m)
        exact = ks_2samp(x, y, method="exact")
        found = tied_p_value((n, m), np.arange(1, n + m), round(exact.statistic * n * m))
        assert found == pytest.approx(exact.pvalue, rel=1e-8)


def test_many_rows_agree_with_drawn_permutations() -> None:
    """20,000 draws, within five standard errors; more different values than edges, and one with half of the rows."""
    rng = np.random.default_rng(5)
    x, y = zero_inflated(rng, 30_000, 0.5), zero_inflated(rng, 500, 0.46)
    values, codes = np.unique(np.concatenate([x, y]), return_inverse=True)
    ties = np.bincount(codes)
    edges = chosen_edges(ties)
    assert len(edges) < 500 < len(values)
    cells = np.diff(ties.cumsum()[edges], prepend=0, append=len(codes))
    drawn = rng.multivariate_hypergeometric(cells, 500, 20_000, method="marginals")[:, :-1].cumsum(axis=1)
    apart = abs(drawn * 30_500 - ties.cumsum()[edges] * 500).max(axis=1)  # |count - t m / (n + m)| (n + m)
    second = np.bincount(codes[30_000:], minlength=len(values)).cumsum()[edges]
    observed = int(abs(second * 30_500 - ties.cumsum()[edges] * 500).max())
    expected = (apart >= observed).mean()
    found = feature_tests(x, y).p_value
    assert abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / 20_000)
    assert 0.001 < expected < 0.5


def test_zero_inflated_numbers_are_found_by_default() -> None:
    """Zeros .95 and .91, 1,000 against 500 rows: permuted KS finds .81; at least that but for chance in 150."""
    rng = np.random.default_rng(41)
    pairs = [(zero_inflated(rng, 1_000, 0.95), zero_inflated(rng, 500, 0.91)) for _ in range(150)]
    count = sum(feature_tests(x, y).rejected for x, y in pairs)
    assert count >= binom.ppf(0.001, 150, 0.81)
    assert sum(ks_2samp(x, y).pvalue <= 0.05 for x, y in pairs) < 15  # what it was blind to


def test_zero_inflation_is_found_wherever_ks_is_used() -> None:
    rng = np.random.default_rng(8)
    x = np.column_stack([zero_inflated(rng, 2_000, 0.95), rng.normal(size=2_000)])
    y = np.column_stack([zero_inflated(rng, 1_000, 0.90), rng.normal(size=1_000)])
    block = ScoredBlock.of_features(y)
    with pytest.warns(UserWarning, match="fewer than 10 blocks"):
        assert FeatureShift(Reference.of_features(x, ("amount", "other"))).score(block).alarm
    assert explain(x, y, names=("amount", "other"), rows=0).features[0].p_value < 0.001
    sure = [np.column_stack([share := rows[:, 0].clip(0, 0.5), 1 - share]) for rows in (x, y)]
    assert bbsds_test(*sure).p_value < 0.001
    counts = np.stack([np.histogram(rows[:, 0], [0, 1e-9, 0.5, 1, 2, 99])[0] for rows in (x, y)])
    assert binned_ks(counts)[1] < 0.001


DRAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "zeros .95": lambda rng, rows: zero_inflated(rng, rows, 0.95),
    "zeros .5": lambda rng, rows: zero_inflated(rng, rows, 0.5),
    "two values": lambda rng, rows: (rng.random(rows) < 0.2).astype(float),
    "counts": lambda rng, rows: rng.poisson(1, rows).astype(float),
    "one decimal": lambda rng, rows: rng.normal(size=rows).round(1),
}


@pytest.mark.parametrize("name", DRAWS)
def test_level_of_ks_with_ties(name: str) -> None:
    """At levels .01, .05 and .2: no more than the level, and near it where values are many (600 runs, bounds .0005)."""
    rng, runs = np.random.default_rng(2), 600
    p_values = np.asarray([feature_tests(DRAWS[name](rng, 400), DRAWS[name](rng, 150)).p_value for _ in range(runs)])
    for level in (0.01, 0.05, 0.2):
        count = int((p_values <= level).sum())
        assert count <= binom.ppf(0.9995, runs, level)
        if name in ("zeros .5", "one decimal"):
            assert count >= binom.ppf(0.0005, runs, 0.6 * level)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [(3_000, 3_000), (20_000, 400)])
def test_level_of_ks_with_ties_in_many_rows(rows: tuple[int, int]) -> None:
    """Beyond the rows at which SciPy's exact p-value is given up."""
    rng, runs = np.random.default_rng(3), 500
    draw = DRAWS["zeros .5"]
    count = sum(feature_tests(draw(rng, rows[0]), draw(rng, rows[1])).rejected for _ in range(runs))
    assert binom.ppf(0.0005, runs, 0.03) <= count <= binom.ppf(0.9995, runs, 0.05)


def test_cells_of_the_monitor_have_the_exact_p_value() -> None:
    """Uniform over 600 batches without drift, up to steps; by the old distribution half of its level was lost."""
    rng, runs = np.random.default_rng(4), 600
    counts = [np.stack([rng.multinomial(rows, np.ones(4) / 4) for rows in (2_000, 300)]) for _ in range(runs)]
    rejected = sum(binned_ks(table)[1] <= 0.05 for table in counts)
    assert binom.ppf(0.0005, runs, 0.035) <= rejected <= binom.ppf(0.9995, runs, 0.05)
    assert binned_ks(np.asarray([[5, 0], [0, 0]])) == (0.0, 1.0)
    assert binned_ks(np.asarray([[5, 0, 0], [3, 0, 0]])) == (0.0, 1.0)
