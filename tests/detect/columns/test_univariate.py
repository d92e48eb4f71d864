"""Tests of single features: SciPy's numbers, naive twins of corrections, levels, power, bad input."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binom, chi2_contingency, cramervonmises_2samp, false_discovery_control, ks_2samp

from drift.datasets.elec import load_elec
from drift.detect import adjusted, bbsds_test, feature_tests
from drift.detect.columns.column_tests import EXACT_PAIRS
from drift.detect.columns.univariate import ks_tests
from drift.errors import BlockError

Draw = Callable[[np.random.Generator, int], np.ndarray]
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "ties": lambda rng, n: rng.poisson(1, n),
    "two values": lambda rng, n: (rng.random(n) < 0.3).astype(float),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.7, 0, rng.normal(size=n)),
}


def two(n: int = 300, m: int = 80, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    return rng.normal(size=(n, d)), rng.normal([0, 0.5] + [0] * (d - 2), size=(m, d))


def naive_adjusted(p_values: np.ndarray, correction: str) -> list[float]:
    """By definition: the smallest level at which the procedure rejects each hypothesis."""
    d, order = len(p_values), np.argsort(p_values, kind="stable")
    result = [0.0] * d
    for rank, index in enumerate(order):
        if correction == "bonferroni":
            result[index] = min(1, d * p_values[index])
        elif correction == "holm":
            result[index] = min(1, max((d - j) * p_values[order[j]] for j in range(rank + 1)))
        elif correction == "benjamini-hochberg":
            result[index] = min(1, *(d / (j + 1) * p_values[order[j]] for j in range(rank, d)), 1)
        else:
            result[index] = p_values[index]
    return result


@pytest.mark.parametrize("correction", ["bonferroni", "holm", "benjamini-hochberg", "none"])
@pytest.mark.parametrize("d", [1, 2, 7, 40])
def test_corrections_equal_their_naive_twins(correction: Any, d: int) -> None:
    rng = np.random.default_rng(d)
    for power in (1, 3):
        p_values = rng.random(d) ** power
        p_values[d // 2 :] = p_values[d // 2]  # ties
        found = adjusted(p_values, correction)
        assert found == pytest.approx(naive_adjusted(p_values, correction), rel=1e-12)
        assert (np.diff(found[p_values.argsort()]) >= 0).all()
        assert found.max() <= 1
        if correction == "benjamini-hochberg":
            assert found == pytest.approx(false_discovery_control(p_values), rel=1e-12)


def test_corrections_refuse_what_is_no_p_value() -> None:
    for bad in ([], [0.5, np.nan], [1.2], [[0.1]]):
        with pytest.raises(BlockError, match=r"each in \[0, 1\]"):
            adjusted(np.asarray(bad, float), "holm")
    with pytest.raises(BlockError, match="expected correction bonferroni, holm, benjamini-hochberg, none, got 'sidak'"):
        adjusted(np.ones(2), "sidak")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "m"), [(300, 80), (3, 2_500), (2_001, 2_000), (900, 12_000), (15_000, 15_000)])
def test_ks_is_scipys(n: int, m: int, ties: bool, dtype: Any) -> None:
    """Without ties; with them the statistic, and a p-value that is smaller, because it knows of them."""
    x, y = (rows.astype(dtype) for rows in two(n, m, 2))
    if ties:
        x, y = x.round(1), y.round(1)
    method = "auto" if n * m <= EXACT_PAIRS else "asymp"
    for at, found in enumerate(feature_tests(x, y, correction="none").features):
        expected = ks_2samp(x[:, at], y[:, at], method=method)  # type: ignore[call-overload]
        assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
        if ties and expected.pvalue > 1e-12:
            assert found.p_value < expected.pvalue
        else:
            assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(300, 80), (12, 20), (5_000, 3_000)])
def test_cramer_von_mises_is_scipys_without_ties(n: int, m: int) -> None:
    """In float32, too, where SciPy's own sums of ranks would lose digits."""
    x, y = (rows.astype(np.float32).astype(float) for rows in two(n, m, 2))
    expected = [cramervonmises_2samp(x[:, at], y[:, at]) for at in range(2)]
    for kind in (np.float32, np.float64):
        found = feature_tests(x.astype(kind), y.astype(kind), test="cramer_von_mises", correction="none")
        assert [one.statistic for one in found.features] == pytest.approx([e.statistic for e in expected], abs=1e-9)
        assert [one.p_value for one in found.features] == pytest.approx([e.pvalue for e in expected], rel=1e-7)


def test_chi_squared_is_scipys_with_enough_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 400), rng.integers(0, 5, 130)
    table = np.stack([np.bincount(x), np.bincount(y)])
    expected = chi2_contingency(table, correction=False)
    for kind in (int, float, str):
        found = feature_tests(x.astype(kind), y.astype(kind), test="chi_squared")
        assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)


def naive_statistic(test: str, x: np.ndarray, y: np.ndarray) -> float:
    """From definitions: a sum over cells, and a mean over pooled rows."""
    if test == "chi_squared":
        names = sorted({*x, *y})
        table = np.asarray([[(rows == name).sum() for name in names] for rows in (x, y)])
        return float(chi2_contingency(table, correction=False).statistic)
    n, m = len(x), len(y)
    gaps = [((x <= z).mean() - (y <= z).mean()) ** 2 for z in [*x, *y]]
    return float(n * m / (n + m) * np.mean(gaps))


@pytest.mark.parametrize("test", ["cramer_von_mises", "chi_squared"])
def test_p_values_by_permutations_are_near_those_of_all_permutations(test: Any) -> None:
    """5 of 9 rows, 126 ways; within five standard errors of 999 draws."""
    pooled = np.asarray([0, 0, 0, 1, 0, 1, 2, 1, 2])
    everything = range(9)
    null = np.asarray(
        [
            naive_statistic(test, pooled[list(chosen)], pooled[[at for at in everything if at not in chosen]])
            for chosen in combinations(everything, 5)
        ]
    )
    found = feature_tests(pooled[:5], pooled[5:], test=test, level=0.2)
    assert found.statistic == pytest.approx(naive_statistic(test, pooled[:5], pooled[5:]), rel=1e-12)
    exact = (null >= found.statistic - 1e-9).mean()
    assert abs(found.p_value - exact) < 5 * np.sqrt(exact * (1 - exact) / 999)


def test_cramer_von_mises_of_many_tied_rows_equals_its_definition() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, 90_000), rng.integers(0, 9, 70_000)
    f, g = (np.bincount(rows, minlength=9).cumsum() / len(rows) for rows in (x, y))
    expected = 90_000 * 70_000 / 160_000**2 * (np.bincount(np.concatenate([x, y])) * (f - g) ** 2).sum()
    assert feature_tests(x, y, test="cramer_von_mises").statistic == pytest.approx(expected, rel=1e-10)


def test_a_mapping_a_data_frame_a_tensor_and_objects() -> None:
    rng = np.random.default_rng(1)
    old = {"a": rng.normal(size=200), "b": rng.choice(["x", "y", "z"], 200), "c": rng.random(200) < 0.5}
    new = {"c": rng.random(90) < 0.5, "b": rng.choice(["x", "y"], 90), "a": rng.normal(size=90)}
    found = feature_tests(old, new, test="auto")
    assert [(one.feature, one.test) for one in found.features] == [
        ("a", "ks"),
        ("b", "chi_squared"),
        ("c", "chi_squared"),
    ]
    assert found.worst.feature == "b"
    assert found.rejected
    assert found.rows == (200, 90)
    assert found == feature_tests(pd.DataFrame(old), pd.DataFrame(new), test="auto")
    table = [np.column_stack([np.asarray(side[name], object) for name in "abc"]) for side in (old, new)]
    assert found == feature_tests(*table, test="auto", names="abc")
    numbers = old["a"].reshape(50, 4), new["a"][:40].reshape(10, 4)
    tensors = [torch.as_tensor(rows) for rows in numbers]
    assert feature_tests(*tensors) == feature_tests(*numbers)
    named = feature_tests(*numbers, test="auto", names=["a", "b", "c", "d"], categorical=["c"])
    assert [one.test for one in named.features] == ["ks", "ks", "chi_squared", "ks"]


def test_worst_and_adjusted_belong_together() -> None:
    x, y = two()
    found = feature_tests(x, y, correction="bonferroni")
    naive = [ks_2samp(x[:, j], y[:, j]) for j in range(4)]
    assert found.worst.feature == "1"
    assert found.statistic == found.worst.statistic == naive[1].statistic
    assert found.p_value == found.worst.adjusted == min(1.0, 4 * naive[1].pvalue)


@pytest.mark.parametrize("test", ["ks", "cramer_von_mises", "chi_squared", "auto"])
def test_a_constant_column_says_nothing_and_no_p_value_is_zero(test: Any) -> None:
    ones = np.ones(5_000)
    same = feature_tests(ones, ones[:3_000], test=test)
    assert (same.statistic, same.p_value, same.rejected) == (0.0, 1.0, False)
    assert 0 < feature_tests(ones, 1 + ones, test=test).p_value <= 0.001
    assert feature_tests(np.full(90, "a"), np.full(50, "a"), test="auto").p_value == 1


def rejections(draw: Draw, test: Any, *, n: int, m: int, runs: int = 1_000) -> int:
    """How many of so many null hypotheses are rejected at .05."""
    rng, columns = np.random.default_rng(3), 50
    count = 0
    for seed in range(runs // columns):
        x, y = (np.column_stack([draw(rng, rows) for _ in range(columns)]) for rows in (n, m))
        found = feature_tests(x, y, test=test, correction="none", seed=seed)
        count += sum(one.p_value <= 0.05 for one in found.features)
    return count


@pytest.mark.parametrize(
    ("test", "n", "m", "draw"),
    [
        pytest.param(test, n, m, draw, marks=() if draw in quick else pytest.mark.slow)
        for test, n, m, quick in (
            ("ks", 150, 40, {"normal", "ties"}),
            ("cramer_von_mises", 150, 40, {"heavy tails", "two values"}),
            ("cramer_von_mises", 8, 5, {"ties"}),
        )
        for draw in DRAWS
    ],
)
def test_level(test: str, n: int, m: int, draw: str) -> None:
    """At most the level; without ties just the level, but for the steps of KS and of small samples."""
    low, high = (binom.ppf(tail, 1_000, 0.05) for tail in (0.0005, 0.9995))
    count = rejections(DRAWS[draw], test, n=n, m=m)
    assert count <= high
    if draw in ("normal", "heavy tails") and n > 100:
        assert count >= (low if test == "cramer_von_mises" else low / 2)


@pytest.mark.parametrize("n", [200, 30])
@pytest.mark.parametrize("weights", [(1, 1, 1), (20, 6, 3, 1, 1, 1), (200, 1)])
def test_level_of_chi_squared(weights: tuple[int, ...], n: int) -> None:
    """With rare categories as with common ones."""
    shares = np.asarray(weights) / sum(weights)
    count = rejections(lambda rng, rows: rng.choice(len(shares), rows, p=shares), "chi_squared", n=n, m=40)
    assert count <= binom.ppf(0.9995, 1_000, 0.05)
    if len(weights) != 2:
        assert count >= binom.ppf(0.0005, 1_000, 0.03)  # tables are discrete


@pytest.mark.slow
@pytest.mark.parametrize("test", ["ks", "cramer_von_mises"])
def test_level_on_elec_and_over_features(test: Any) -> None:
    """Rows of ELEC drawn at random, dependent features with many ties, corrected by Holm."""
    rows = load_elec().features[17_000:25_000, :3]  # the last constant at first
    rng, runs, count = np.random.default_rng(4), 1_000, 0
    for seed in range(runs):
        chosen = rng.choice(len(rows), 140, replace=False)
        count += feature_tests(rows[chosen[:100]], rows[chosen[100:]], test=test, seed=seed).rejected
    assert count <= binom.ppf(0.9995, runs, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("correction", ["bonferroni", "holm", "benjamini-hochberg"])
@pytest.mark.parametrize("test", ["ks", "cramer_von_mises", "chi_squared"])
def test_level_of_all_features_together(test: Any, correction: Any) -> None:
    """Twenty features, of which some share a cause."""
    rng, runs, count = np.random.default_rng(9), 1_000, 0
    for seed in range(runs):
        x, y = (rng.poisson(1 + rng.random((rows, 1)), (rows, 20)) for rows in (80, 50))
        count += feature_tests(x, y, test=test, correction=correction, seed=seed).rejected
    assert count <= binom.ppf(0.9995, runs, 0.05)


@pytest.mark.parametrize("test", ["ks", "cramer_von_mises"])
def test_power(test: Any) -> None:
    """A shift of half a standard deviation in one of ten features, also where values are rounded."""
    rng, seen = np.random.default_rng(8), 0
    for seed in range(40):
        x, y = rng.normal(size=(2, 200, 10))
        y[:, 3] += 0.6
        x, y = (rows.round(1) if seed % 2 else rows for rows in (x, y))
        found = feature_tests(x, y, test=test, seed=seed)
        seen += found.rejected and found.worst.feature == "3"
    assert seen >= 36


def test_power_of_rare_categories() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.choice(["a", "b"], 100, p=[0.98, 0.02]), rng.choice(["a", "b", "new"], 60, p=[0.8, 0.1, 0.1])
    assert feature_tests(x, y, test="auto").rejected


def test_bbsds_tests_one_of_two_classes_and_all_of_more() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.dirichlet((1, 2, 3), 300), rng.dirichlet((1, 2, 5), 100)
    found = bbsds_test(x, y, classes=("a", "b", "c"))
    expected = [min(1.0, 3 * ks_2samp(x[:, at], y[:, at]).pvalue) for at in range(3)]
    assert [one.adjusted for one in found.features] == pytest.approx(expected, rel=1e-12)
    assert found.worst.feature == "c"
    first = bbsds_test(np.column_stack([x[:, 0], 1 - x[:, 0]]), np.column_stack([y[:, 0], 1 - y[:, 0]]))
    assert [one.feature for one in first.features] == ["0"]
    assert first.p_value == bbsds_test(x[:, 0], y[:, 0]).p_value == ks_2samp(x[:, 0], y[:, 0]).pvalue
    with pytest.raises(BlockError, match="expected probabilities that sum to 1, got values from"):
        bbsds_test(np.log(x), np.log(y))
    with pytest.raises(BlockError, match="expected probabilities that sum to 1"):
        bbsds_test(x[:, :2], y[:, :2])


def test_blocks_of_any_size_can_be_scored() -> None:
    """Detectors get one row, too: no p-value is then small, and that is an answer."""
    assert ks_tests(np.zeros((2, 1)), np.ones((1, 1)), ["a"], level=0.01).p_value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        (np.zeros((9, 3)), np.zeros((20, 5)), {}, "expected 3 columns, as in the reference; got 5"),
        (np.zeros((9, 2, 2)), np.zeros((9, 2, 2)), {}, r"rows of one width, got reference\.shape=\(9, 2, 2\)"),
        (np.ones((1, 3)), np.ones((20, 3)), {}, "2 rows or more of the reference, got 1"),
        (
            np.asarray([0, np.nan, 1]),
            np.ones(20),
            {},
            "got 1 that are missing.* column '0' of the reference, the .*row 1",
        ),
        (np.ones(20), np.asarray([0, 1, np.inf]), {}, "column '0' of the current sample, the first in row 2"),
        ({"a": ["x", None]}, {"a": ["x", "y"]}, {"test": "auto"}, "missing, NaN or infinite in column 'a'"),
        ({"a": ["x", "y"]}, {"a": [1, 2]}, {"test": "auto"}, "column 'a' to be of one kind"),
        ({"a": ["x", "y"]}, {"a": ["x", "y"]}, {}, "numbers in column 'a', got text: test='auto'"),
        ({"a": [1, 2]}, {"b": [1, 2]}, {}, r"got \['b'\] instead of \['a'\]"),
        ({"a": [1, 2], "b": [1]}, {"a": [1, 2], "b": [1]}, {}, "columns of one length in the reference"),
        ({"a": [1, 2]}, {"a": [1, 2]}, {"names": ["a"]}, "expected no names beside"),
        ({"a": [1j, 2]}, {"a": [1, 2]}, {}, "numbers or text in column 'a', got complex128"),
        (*two(), {"names": ["a", "b"]}, "expected 4 names"),
        (*two(), {"test": "auto", "categorical": ["4"]}, r"got \['4'\]"),
        (*two(), {"categorical": ["3"]}, "test='auto' has both"),
        (*two(), {"test": "anderson"}, "expected test auto, ks, cramer_von_mises, chi_squared, got 'anderson'"),
        (*two(), {"correction": "sidak"}, "expected correction bonferroni"),
        (*two(), {"level": 1.5}, "level between 0 and 1"),
        (*two(3, 3), {}, "at least 5 rows in each sample to reject one of 4 features at level 0.05, got 3 and 3"),
        (*two(3, 3), {"test": "cramer_von_mises"}, "at least 5 rows in each"),
        (*two(2, 2), {"correction": "none"}, "at least 4 rows in each"),
        (
            np.arange(20_000),
            np.arange(20),
            {"test": "chi_squared"},
            "at most 10,000 categories in column '0', got 20,000",
        ),
    ],
)
def test_bad_input(x: Any, y: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(BlockError, match=words):
        feature_tests(x, y, **options)


def test_as_many_rows_as_are_asked_for_can_reject() -> None:
    for size, width in ((4, 1), (5, 4)):
        x, y = np.zeros((size, width)) + np.arange(size)[:, None], 100.0 + np.zeros((size, width))
        for test in ("ks", "cramer_von_mises"):
            assert feature_tests(x, y + np.arange(size)[:, None], test=test).rejected
