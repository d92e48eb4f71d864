"""Explanations: they point at what was changed, and at nothing when nothing was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from drift.detect import energy_test, explain
from drift.detect.explain import energy_distance, likenesses, pair_changes
from drift.errors import BlockError
from tests.detect import naive

NAMES = ("a", "b", "c", "d")
KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "two values": lambda z: (z > 0.3).astype(float),
    "counts": lambda z: np.floor(np.exp(z)),
    "mostly zero": lambda z: np.maximum(z - 0.8, 0),
    "continuous": lambda z: z,
}


def two(n: int = 800, m: int = 500, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), rng.normal(size=(m, 4))


def test_a_shifted_feature_carries_the_difference() -> None:
    x, y = two()
    y[:, 2] += 1
    found = explain(x, y, names=NAMES)
    first, *others = found.features
    assert first.feature == "c"
    assert first.share > 0.9
    assert first.adjusted < 1e-6
    assert 0.7 < first.shift < 1.1
    assert all(one.adjusted > 0.01 for one in others)
    assert sum(one.share for one in found.features) == pytest.approx(1)


def test_a_pair_that_goes_together_otherwise_is_named() -> None:
    """Each feature alone is as it was; two of them are correlated now."""
    x, y = two()
    y[:, 3] = 0.6 * y[:, 1] + 0.8 * y[:, 3]
    found = explain(x, y, names=NAMES)
    assert all(one.adjusted > 0.05 for one in found.features)
    assert found.pairs[0].features == ("b", "d")
    assert found.pairs[0].adjusted < 1e-6
    assert found.pairs[0].before == pytest.approx(spearmanr(x[:, 1], x[:, 3]).statistic, abs=1e-12)
    assert found.pairs[1].adjusted > 0.05


def test_unlike_rows_are_those_that_were_put_in() -> None:
    x, y = two()
    y[[7, 50, 99, 300, 301, 302]] += np.asarray([0, 6, 0, 0])
    found = explain(x, y, names=NAMES, rows=6)
    assert {one.row for one in found.rows} == {7, 50, 99, 300, 301, 302}
    assert {one.feature for one in found.rows} == {"b"}
    assert all(one.quantile > 0.99 and one.p_value < 0.01 for one in found.rows)


def test_levels() -> None:
    """Without a difference, features and pairs are named in .05 of the cases at most, also where features depend."""
    rng, runs, features, pairs = np.random.default_rng(5), 500, 0, 0
    mixing = np.asarray([[1, 0.9, 0.3], [0, 0.5, 0.3], [0, 0, 1.0]])
    for _ in range(runs):
        x, y = (rng.standard_t(3, size=(rows, 3)) @ mixing * rng.gamma(2, size=(rows, 1)) for rows in (150, 100))
        found = explain(x, y, rows=1)
        features += min(one.adjusted for one in found.features) <= 0.05
        pairs += found.pairs[0].adjusted <= 0.05
    assert features <= binom.ppf(0.9995, runs, 0.05)
    assert pairs <= binom.ppf(0.9995, runs, 0.05)
    assert pairs >= binom.ppf(0.0005, runs, 0.03)  # Holm over three pairs that depend


@pytest.mark.parametrize("kind", KINDS)
def test_level_of_pairs_with_ties(kind: str) -> None:
    """.05 of the pairs are named where nothing changed, also where columns tie and depend (99.9 % band)."""
    rng, runs, named = np.random.default_rng(9), 500, 0
    make = KINDS[kind]
    for _ in range(runs):
        samples = []
        for rows in (300, 200):
            common = rng.normal(size=(rows, 1))
            samples.append(make(0.6 * common + 0.8 * rng.normal(size=(rows, 2))))
        named += pair_changes(samples[0], samples[1], ("a", "b"))[0].p_value <= 0.05
    low, high = (binom.ppf(tail, runs, 0.05) for tail in (0.0005, 0.9995))
    assert low <= named <= high


@pytest.mark.parametrize(("share", "found"), [(0.04, False), (0.1, True)])
def test_pairs_with_a_value_that_is_too_rare_are_left_out(share: float, found: bool) -> None:
    """Ten rows with a value say nothing that a p-value of this test could hold for."""
    rng = np.random.default_rng(0)
    x, y = (np.column_stack([rng.normal(size=250), rng.permutation(250) < share * 250]) for _ in range(2))
    assert bool(pair_changes(x, y, ("a", "b"))) is found


def test_pairs_of_two_values_that_hardly_ever_meet_are_left_out() -> None:
    rng = np.random.default_rng(0)
    for rows, found in ((1_000, False), (8_000, True)):  # 25 rows of each value would meet in less than one
        share = 25 / 1_000
        x, y = (np.column_stack([rng.permutation(rows) < share * rows for _ in range(2)]) for _ in range(2))
        assert bool(pair_changes(x.astype(float), y.astype(float), ("a", "b"))) is found


def test_energy_distance_is_that_of_the_test() -> None:
    x, y = two()
    y = np.round(y * 2)  # ties
    found = energy_test(x[:, 0], y[:, 0], scheme="rows", permutations=20).statistic
    assert energy_distance(x[:, 0], y[:, 0]) == pytest.approx(found, abs=1e-10)


def test_likeness_equals_the_naive_twin() -> None:
    x, y = two(n=40, m=30)
    distances = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    h = 0.5 * float(np.median(distances[np.triu_indices(40, 1)]))
    own, theirs = likenesses(x, y)
    gram = naive.KERNELS["gaussian"](x, x, h)
    assert own == pytest.approx((gram.sum(axis=1) - 1) / 39, abs=1e-10)
    assert theirs == pytest.approx(naive.KERNELS["gaussian"](y, x, h).mean(axis=1), abs=1e-10)


def test_rows_like_the_reference_have_even_p_values() -> None:
    """Conformal p-values of rows from the reference's distribution are at most .1 for a tenth of them."""
    x, y = two(n=2_000, m=2_000, seed=3)
    found = explain(x, y, rows=2_000)
    low, high = (binom.ppf(tail, 2_000, 0.1) for tail in (0.0005, 0.9995))
    assert low - 40 <= sum(one.p_value <= 0.1 for one in found.rows) <= high + 40  # the reference is a sample, too


def test_constant_features_are_no_difference() -> None:
    x, y = two()
    x[:, 0] = y[:, 0] = 3
    found = {one.feature: one for one in explain(x, y, names=NAMES).features}["a"]
    assert (found.share, found.adjusted, found.spread, found.shift) == (0, 1, 1, 0)
    y[0, 0] = 4
    assert {one.feature: one for one in explain(x, y, names=NAMES).features}["a"].spread == float("inf")


def test_names_must_fit() -> None:
    with pytest.raises(BlockError, match="expected 4 names, as there are features; got 2"):
        explain(*two(), names=("a", "b"))
