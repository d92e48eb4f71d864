"""Random features: the kernel's MMD² in the limit, the same numbers however rows are cut, and an exact level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from drift.detect.two_sample.kernels import KERNELS
from drift.detect.two_sample.random_features import FourierSketch, compare_sketches, mmd_features_test
from drift.errors import BlockError
from tests.detect import naive


@pytest.mark.parametrize("kernel", KERNELS)
def test_near_the_kernels_mmd(kernel: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(640, 3)), rng.normal(0.6, 1, size=(640, 3))
    z = np.vstack([x, y])
    exact = naive.mmd2(naive.KERNELS[kernel](z, z, 1.5), 640, unbiased=True)
    found = mmd_features_test([x], [y], kernel=kernel, bandwidth=1.5, features=40_000, permutations=99)
    assert found.statistic == pytest.approx(exact, rel=0.1)
    assert found.rejected
    assert (found.rows, found.features) == ((640, 640), 40_000)


def test_chunks_make_no_difference() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5_000, 2)), rng.normal(size=(3_000, 2))
    frequencies = rng.normal(size=(2, 16))

    def sketch(rows: np.ndarray, size: int) -> FourierSketch:
        made = FourierSketch(frequencies)
        for start in range(0, len(rows), size):
            made.update(rows[start : start + size])
        assert made.rows == len(rows)
        return made

    whole = compare_sketches(sketch(x, 5_000), sketch(y, 3_000), permutations=200)
    for size in (1, 7, 64, 1_001):
        found = compare_sketches(sketch(x, size), sketch(y, size), permutations=200)
        assert found.statistic == pytest.approx(whole.statistic, abs=1e-9)
        assert found.p_value == whole.p_value


def test_memory_is_bounded_and_widths_meet() -> None:
    rng = np.random.default_rng(2)
    frequencies = rng.normal(size=(1, 4))
    long, short = FourierSketch(frequencies), FourierSketch(frequencies)
    long.update(rng.normal(size=(400_000, 1)))
    short.update(rng.normal(size=(20_000, 1)))
    assert len(long.bins(long.width)) <= 512
    assert long.width > short.width
    assert len(short.bins(long.width)) == 20_000 // long.width
    assert long.rows == 400_000
    assert compare_sketches(long, short, permutations=99).p_value > 0.01


def test_merged_parts_are_the_whole() -> None:
    rng = np.random.default_rng(3)
    rows, frequencies = rng.normal(size=(64 * 100, 2)), rng.normal(size=(2, 8))
    whole, left, right = (FourierSketch(frequencies) for _ in range(3))
    whole.update(rows)
    left.update(rows[: 64 * 37])
    right.update(rows[64 * 37 :])
    left.merge(right)
    assert left.rows == whole.rows
    np.testing.assert_allclose(left.bins(64), whole.bins(64), atol=1e-9)
    with pytest.raises(BlockError, match="same frequencies"):
        left.merge(FourierSketch(frequencies + 1))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(2_048, 2_048), (3_000, 1_200)])
def test_level(n: int, m: int) -> None:
    rng, runs = np.random.default_rng(4), 300
    count = 0
    for seed in range(runs):
        x, y = rng.standard_t(2, size=(n, 3)), rng.standard_t(2, size=(m, 3))
        count += mmd_features_test([x], [y], features=32, permutations=99, seed=seed).rejected
    low, high = (binom.ppf(tail, runs, 0.05) for tail in (0.0005, 0.9995))
    assert low <= count <= high


@pytest.mark.parametrize(
    ("reference", "current", "words"),
    [
        ([], [np.ones((9, 2))], "got none in reference"),
        ([np.eye(3)], [np.eye(4)], "one width"),
        ([np.eye(64)], [np.eye(64)], "bins of 64 rows in each sample"),
        ([np.random.default_rng(0).normal(size=(300, 2)), np.ones((9, 3))], [np.eye(2)], "expected rows of width 2"),
    ],
)
def test_bad_input(reference: list[np.ndarray], current: list[np.ndarray], words: str) -> None:
    with pytest.raises(BlockError, match=words):
        mmd_features_test(reference, current)


def test_rows_far_from_zero_keep_their_digits() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4_000, 2)), rng.normal(0.4, 1, size=(4_000, 2))
    near, far = (mmd_features_test([x + at], [y + at], permutations=199) for at in (0.0, 1e9))
    assert near.rejected
    assert far.rejected
    assert far.statistic == pytest.approx(near.statistic, rel=1e-3)


def test_a_whole_array_is_one_chunk() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 2_000, 2))
    assert mmd_features_test(x, y, permutations=99) == mmd_features_test([x], [y], permutations=99)
    with pytest.raises(BlockError, match="expected 2 features or more"):
        mmd_features_test([x], [y], features=1)
