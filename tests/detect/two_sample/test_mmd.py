"""MMD tests: the numbers of a naive twin, exact levels, power, and lines that say what to do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binom

from drift.detect.permutation.kernel_sums import assignments
from drift.detect.two_sample.kernels import Gaussian, RationalQuadratic
from drift.detect.two_sample.mmd import mmd_test
from drift.errors import BlockError
from tests.detect import naive

SCHEMES = ("rows", "bins")
Draw = Callable[[np.random.Generator, int], np.ndarray]


def two(n: int = 130, m: int = 90, d: int = 3, *, shift: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(shift, 1, size=(m, d))


def pooled_gram(name: str, x: np.ndarray, y: np.ndarray, bandwidth: float) -> np.ndarray:
    z = np.vstack([x, y])
    return naive.KERNELS[name](z, z, bandwidth)


@pytest.mark.parametrize(("scheme", "estimator", "kernel"), product(SCHEMES, ("unbiased", "biased"), naive.KERNELS))
def test_equals_the_naive_twin(scheme: str, estimator: str, kernel: str) -> None:
    """To 1e-10 in float64; 90 rows and 130 rows fill bins of 5 and of 10 without a rest."""
    x, y = two()
    found = mmd_test(x, y, kernel=kernel, bandwidth=1.3, scheme=scheme, estimator=estimator, permutations=50)  # type: ignore[arg-type]
    expected = naive.mmd2(pooled_gram(kernel, x, y, 1.3), len(x), unbiased=estimator == "unbiased")
    assert found.rows == (130, 90)
    assert found.statistic == pytest.approx(expected, abs=1e-10)


def test_fused_equals_the_naive_twin() -> None:
    """Every assignment's MMD² by every kernel, and of those the most surprising."""
    x, y = two()
    found = mmd_test(x, y, scheme="rows", permutations=60, seed=5)
    names = ["gaussian"] * 10 + ["laplacian"] * 10
    members = assignments(130, 220, 60, np.random.default_rng(5))
    orders = np.argsort(1 - members.T.astype(int), axis=1, kind="stable")
    grams = [pooled_gram(name, x, y, h) for name, h in zip(names, found.bandwidths, strict=True)]
    expected = naive.fused(grams, orders, 130)
    assert found.statistic == pytest.approx(expected[0], abs=1e-9)
    assert found.p_value == (1 + (expected[1:] >= expected[0]).sum()) / 61


def test_a_sum_over_bandwidths_is_the_mean_of_its_kernels() -> None:
    x, y = two()
    found = mmd_test(x, y, kernel="gaussian", bandwidth=(0.5, 1, 2.5), scheme="rows", permutations=50)
    gram = np.mean([pooled_gram("gaussian", x, y, h) for h in (0.5, 1, 2.5)], axis=0)
    assert found.statistic == pytest.approx(naive.mmd2(gram, len(x), unbiased=True), abs=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_function_of_ones_own(scheme: str) -> None:
    """Also one that is no function of a distance; it gets the rows as they are."""
    x, y = two()

    def linear(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a @ b.T

    found = mmd_test(x + 5, y + 5, kernel=linear, scheme=scheme, estimator="biased", permutations=50)  # type: ignore[arg-type]
    assert found.kernel == "linear"
    assert found.statistic == pytest.approx(float(((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()), abs=1e-9)


def test_permuted_sums_are_those_of_permuted_rows() -> None:
    """Every permuted statistic of both schemes equals the naive one of the same assignment."""
    from drift.detect.permutation.kernel_sums import bin_sums, plan_bins, shuffled, sums_by_rows, sums_of_pairs
    from drift.detect.two_sample.kernel_matrix import KernelMatrix, ScaledKernel

    x, y = two(n=48, m=40)
    z = np.vstack([x, y])
    terms = [ScaledKernel(Gaussian(), 1.3)]
    gram = naive.KERNELS["gaussian"](z, z, 1.3)
    by_rows = sums_by_rows(KernelMatrix(torch.as_tensor(z), terms), 48, 40, 5, np.random.default_rng(1)).unbiased()[0]
    members = assignments(48, 88, 5, np.random.default_rng(1))
    for statistic, member in zip(by_rows, members.T, strict=True):
        order = np.argsort(1 - member.astype(int), kind="stable")
        assert statistic == pytest.approx(naive.mmd2(gram[np.ix_(order, order)], 48, unbiased=True), abs=1e-12)
    bins = plan_bins(48, 40)
    assert bins is not None
    rng = np.random.default_rng(2)
    order = shuffled(48, 40, bins, rng)
    state = rng.bit_generator.state
    by_bins = sums_of_pairs(*bin_sums(KernelMatrix(torch.as_tensor(z[order]), terms), bins), bins, 5, rng).unbiased()[0]
    rng.bit_generator.state = state
    members = np.repeat(assignments(bins.reference, bins.total, 5, rng), bins.width, axis=0)
    shuffled_gram = gram[np.ix_(order, order)]
    for statistic, member in zip(by_bins, members.T, strict=True):
        into = np.argsort(1 - member.astype(int), kind="stable")
        expected = naive.mmd2(shuffled_gram[np.ix_(into, into)], bins.reference * bins.width, unbiased=True)
        assert statistic == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tiles_of_any_size_give_the_same(scheme: str) -> None:
    """More rows than a tile is high, and more than it is wide."""
    x, y = two(n=1_400, m=700, d=2)
    found = mmd_test(x, y, kernel="laplacian", bandwidth=1.0, scheme=scheme, permutations=30)  # type: ignore[arg-type]
    used_x, used_y = found.rows
    assert used_x > 1_360
    assert used_y > 680
    if scheme == "rows":
        expected = naive.mmd2(pooled_gram("laplacian", x, y, 1.0), len(x), unbiased=True)
        assert found.statistic == pytest.approx(expected, abs=1e-10)


def test_types_and_devices() -> None:
    x, y = two()
    exact = mmd_test(x, y, kernel="gaussian", permutations=50)
    assert mmd_test(torch.as_tensor(x), y, kernel="gaussian", permutations=50) == exact
    single = mmd_test(x.astype(np.float32), y.astype(np.float32), kernel="gaussian", permutations=50)
    assert single.statistic == pytest.approx(exact.statistic, rel=1e-3)
    whole = mmd_test(np.arange(40), np.arange(30) + 8, kernel="gaussian", permutations=50)
    assert whole.rows == (40, 30)


def test_the_same_seed_gives_the_same_numbers() -> None:
    x, y = two()
    first = mmd_test(x, y, permutations=100, seed=3)
    assert mmd_test(x, y, permutations=100, seed=3) == first
    assert mmd_test(x, y, permutations=100, seed=4).threshold != first.threshold


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_threshold_agrees_with_the_p_value(scheme: str) -> None:
    for seed in range(40):
        x, y = two(shift=0.15, seed=seed)
        found = mmd_test(x, y, kernel="gaussian", scheme=scheme, permutations=99, seed=seed)  # type: ignore[arg-type]
        assert found.rejected == (found.statistic > found.threshold)
        assert 1 / 100 <= found.p_value <= 1


DRAWS: dict[str, Draw] = {
    "gaussian": lambda rng, n: rng.normal(size=(n, 3)),
    "heavy tails": lambda rng, n: rng.standard_cauchy(size=(n, 2)),
    "ties": lambda rng, n: rng.integers(0, 3, size=(n, 2)).astype(float),
}


def rejections(draw: Draw, kernel: str, scheme: str, *, runs: int, n: int = 60, m: int = 44) -> int:
    """Rejections at .05 among `runs` pairs of samples from one distribution."""
    rng, count = np.random.default_rng(7), 0
    for seed in range(runs):
        found = mmd_test(draw(rng, n), draw(rng, m), kernel=kernel, scheme=scheme, permutations=99, seed=seed)  # type: ignore[arg-type]
        count += found.rejected
    return count


HARD: dict[str, Draw] = {
    "lognormal": lambda rng, n: rng.lognormal(0, 3, size=(n, 1)),
    "a far cluster": lambda rng, n: np.where(rng.random((n, 1)) < 0.02, -1e9, rng.normal(size=(n, 2))),
    "two clusters": lambda rng, n: rng.choice([-1e4, 1e4], size=(n, 1)) + rng.normal(size=(n, 2)),
    "a rare value": lambda rng, n: (rng.random((n, 1)) < 0.02).astype(float) + np.asarray([[0.0, 1.0]]),
    "two values": lambda rng, n: rng.integers(0, 2, size=(n, 1)).astype(float),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", HARD)
def test_level_where_digits_are_few(draw: str, dtype: type) -> None:
    """Far rows, near rows and ties together: no NaN, and no more rejections than by chance (99.95 % bound)."""
    rng, runs, count = np.random.default_rng(3), 60, 0
    for seed in range(runs):
        x: np.ndarray = HARD[draw](rng, 90).astype(dtype)
        y: np.ndarray = HARD[draw](rng, 60).astype(dtype)
        x[0] += 0.5  # so that rows differ
        count += mmd_test(x, y, permutations=99, seed=seed).rejected
    assert count <= binom.ppf(0.9995, runs, 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_statistic_that_cannot_vary_says_nothing(scheme: str) -> None:
    """One row unlike all others: MMD² is the same for every assignment, and p = 1."""
    for dtype in (np.float32, np.float64):
        for row in (0, 40, 149):
            x = np.zeros((150, 1), dtype)
            x[row] = 1
            assert mmd_test(x[:90], x[90:], scheme=scheme, permutations=99).p_value == 1  # type: ignore[arg-type]


def test_ties_are_ties_in_both_precisions() -> None:
    rng = np.random.default_rng(0)
    for seed in range(10):
        x = (rng.random(40) < 0.5).astype(np.float64)
        single = mmd_test(x[:20].astype(np.float32), x[20:].astype(np.float32), permutations=199, seed=seed)
        assert single.p_value == mmd_test(x[:20], x[20:], permutations=199, seed=seed).p_value


def test_a_small_sample_beside_a_large_one_is_binned() -> None:
    rng = np.random.default_rng(0)
    found = mmd_test(rng.normal(size=(3_000, 2)), rng.normal(size=(40, 2)), permutations=99)
    assert found.scheme == "bins"
    assert found.rows[1] >= 35


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("scheme", "kernel", "draw"), product(SCHEMES, ("fused", *naive.KERNELS), (*DRAWS, "ELEC blocks"))
)
def test_level_of_every_kernel(scheme: str, kernel: str, draw: str) -> None:
    """1,000 pairs for every kernel, scheme and distribution; rows of ELEC are drawn at random."""
    from drift.datasets.elec import load_elec

    table = load_elec().features.astype(np.float64)
    draws = DRAWS | {"ELEC blocks": lambda rng, n: table[rng.integers(0, len(table), n)]}
    runs = 1_000
    low, high = (binom.ppf(tail, runs, 0.05) for tail in (0.0005, 0.9995))
    assert low <= rejections(draws[draw], kernel, scheme, runs=runs) <= high


@pytest.mark.parametrize("scheme", SCHEMES)
def test_power(scheme: str) -> None:
    """A shift of half a standard deviation in one of three features, and a change of scale, are seen."""
    rng, seen = np.random.default_rng(8), 0
    for seed in range(40):
        x, y = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
        y[:, 0] = y[:, 0] + 0.5 if seed % 2 else y[:, 0] * 1.8
        seen += mmd_test(x, y, scheme=scheme, permutations=99, seed=seed).rejected  # type: ignore[arg-type]
    assert seen >= 36


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        (np.zeros((9, 3)), np.zeros((20, 5)), {}, r"reference\.shape=\(9, 3\) and current\.shape=\(20, 5\)"),
        (np.ones((9, 3)), np.ones((20, 3)), {}, "expected rows that differ"),
        (np.ones((1, 3)), np.ones((20, 3)), {}, r"2 rows or more of one width, got reference\.shape=\(1, 3\)"),
        (np.asarray([[0.0], [np.nan]]), np.ones((20, 1)), {}, "the first in row 1, column 0"),
        (np.asarray([0.0, 1]), np.asarray([3.0, 2]), {}, "at least 3 rows in each sample for level 0.05, got 2 and 2"),
        (*two(), {"permutations": 10}, "at least 19 permutations for level 0.05, got 10"),
        (*two(), {"kernel": "gausian"}, "expected kernel fused, gaussian"),
        (*two(), {"kernel": "gaussian", "bandwidth": 0}, "bandwidths above 0"),
        (*two(), {"bandwidth": 1.0}, "no bandwidth with the fused kernel"),
        (*two(), {"scheme": "wild"}, "expected scheme auto, rows or bins"),
        (*two(n=6, m=200), {"scheme": "bins"}, "permute rows instead"),
        (*two(), {"level": 1.5}, "level between 0 and 1"),
        (two()[0] * 1e160, two()[1] * 1e160, {}, "values whose squares fit torch.float64"),
        (two()[0] * 1e-170, two()[1] * 1e-170, {}, "values whose squares fit torch.float64"),
        (*two(), {"estimator": "other"}, "expected estimator unbiased or biased"),
        (np.full((9, 2), "a"), np.full((9, 2), "b"), {}, "expected numbers, got <U1 in reference"),
    ],
)
def test_bad_input(x: np.ndarray, y: np.ndarray, options: dict[str, object], words: str) -> None:
    with pytest.raises(BlockError, match=words):
        mmd_test(x, y, **options)  # type: ignore[arg-type]


def test_kernels_can_be_given_with_parameters_of_their_own() -> None:
    x, y = two()
    one = mmd_test(x, y, kernel=RationalQuadratic(alpha=2.0), bandwidth=1.0, permutations=50)
    assert one.kernel == "rational_quadratic"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one != mmd_test(x, y, kernel=RationalQuadratic(alpha=0.5), bandwidth=1.0, permutations=50)


def test_columns_of_data_frames_are_matched_by_name() -> None:
    x, y = (pd.DataFrame(sample, columns=["a", "b", "c"]) for sample in two())
    assert mmd_test(x, y[["c", "a", "b"]], permutations=50) == mmd_test(x, y, permutations=50)
    with pytest.raises(BlockError, match=r"got \['d'\] instead of \['c'\]"):
        mmd_test(x, y.rename(columns={"c": "d"}))
