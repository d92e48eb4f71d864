"""From permuted statistics to verdicts, also when permutations stop early."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from drift.detect import mmd_test
from drift.detect.permutation import sampler
from drift.detect.permutation.tests import PermutedStatistics, draw_until_decided, permutation_result
from drift.errors import BlockError


def besag_clifford(observed: float, null: np.ndarray, stop_after: int) -> float:
    """As in the paper, one draw at a time."""
    count = 0
    for drawn, value in enumerate(null, start=1):
        count += value >= observed
        if count == stop_after:
            return stop_after / drawn
    return (1 + count) / (1 + len(null))


@pytest.mark.parametrize("stop_after", [1, 3, 10, 60])
def test_stopping_equals_the_naive_twin(stop_after: int) -> None:
    """p-value, and a threshold that rejects just if the p-value does, for plain and for strange observations."""
    rng = np.random.default_rng(stop_after)
    for shift in rng.uniform(-1, 3, 300):
        statistics = rng.normal(size=200)
        statistics[0] += shift
        found = permutation_result(PermutedStatistics(statistics, 0.0), level=0.05, stop_after=stop_after)
        assert found.p_value == besag_clifford(statistics[0], statistics[1:], stop_after)
        assert (found.p_value <= 0.05) == (found.statistic > found.threshold)
        assert found.permutations <= 199


def test_batches_draw_no_more_than_they_must() -> None:
    rng = np.random.default_rng(0)
    asked: list[int] = []

    def draw(count: int, observed: float = 0.0) -> PermutedStatistics:
        asked.append(count)
        return PermutedStatistics(np.concatenate([[observed], rng.normal(size=count)]), 0.0)

    assert len(draw_until_decided(draw, 5_000, 10).statistics) < 200
    assert sum(asked) < 200
    asked.clear()
    assert len(draw_until_decided(lambda count: draw(count, 9.0), 777, 10).statistics) == 778
    assert sum(asked) == 777


def test_early_stopping_keeps_the_level_and_saves_permutations() -> None:
    rng, runs, rejected, drawn = np.random.default_rng(1), 1_000, 0, 0
    for seed in range(runs):
        x, y = rng.normal(size=(40, 2)), rng.normal(size=(30, 2))
        found = mmd_test(x, y, kernel="gaussian", permutations=399, stop_after=20, seed=seed)
        rejected += found.rejected
        drawn += found.permutations
    low, high = (binom.ppf(tail, runs, 0.05) for tail in (0.0005, 0.9995))
    assert low <= rejected <= high
    assert drawn < runs * 399 / 2


def test_early_stopping_is_for_single_kernels() -> None:
    with pytest.raises(BlockError, match="expected stop_after of 1 or more and a single kernel, got 5 and 'fused'"):
        mmd_test(np.arange(30), np.arange(30), stop_after=5)


def test_rows_beyond_memory_are_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "free_bytes", lambda device: 100_000)
    words = r"reference\.shape=\(900, 9\).*need 0\.0 GB.*use mmd_features_test, which takes chunks, or scheme='bins'"
    x, y = np.random.default_rng(0).normal(size=(2, 900, 9))
    with pytest.raises(BlockError, match=words):
        mmd_test(x, y, scheme="rows")
