"""When accuracy fell, dated by likelihood, and how often a fall is dated where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from drift.loop.events import BlockRecord
from drift.loop.fall import change_point, fall_of
from tests.loop.test_policies import record

REFERENCE = (1_800, 2_000)


def blocks_of(wrong: NDArray[np.int64], version: int = 1) -> list[BlockRecord]:
    return [record(index, int(count), version=version) for index, count in enumerate(wrong)]


@pytest.mark.parametrize("seed", range(20))
def test_the_change_point_is_the_most_likely_one(seed: int) -> None:
    """Against the likelihood of every cut, computed with SciPy's binomial distribution."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(5, 40, size=8)
    right = np.array([rng.binomial(count, rng.uniform()) for count in rows])

    def likelihood(part: slice) -> float:
        return float(np.sum(binom.logpmf(right[part], rows[part], right[part].sum() / rows[part].sum())))

    likely = [likelihood(slice(0, cut)) + likelihood(slice(cut, 8)) for cut in range(1, 8)]
    at, ratio = change_point(right.astype(float), rows.astype(float))
    assert likely[at - 1] == pytest.approx(max(likely))
    assert ratio == pytest.approx(max(likely) - likelihood(slice(0, 8)))


def test_falls_are_dated_well() -> None:
    """A fall from .9 to .6 after block 10 of 20, 500 streams: dated within 1 block in 97 of 100 and more."""
    rng = np.random.default_rng(0)
    rates = np.where(np.arange(20) < 10, 0.1, 0.4)
    far = 0
    for _ in range(500):
        found = fall_of(blocks_of(rng.binomial(20, rates)), REFERENCE)
        far += found is None or abs(found.block - 10) > 1
    assert far <= 25  # of a rate of .03, more in 1 of 1,000


@pytest.mark.parametrize("blocks", [1, 10, 30])
def test_without_a_change_few_falls_are_dated(blocks: int) -> None:
    """1,000 streams at the accepted accuracy: at most 1 in 100."""
    rng = np.random.default_rng(blocks)
    found = sum(
        fall_of(blocks_of(rng.binomial(20, 0.1, size=blocks)), (int(rng.binomial(2_000, 0.9)), 2_000)) is not None
        for _ in range(1_000)
    )
    assert found <= 21  # of a rate of .01, more in 1 of 1,000


def test_a_fall_in_the_first_block_is_dated_there() -> None:
    found = fall_of(blocks_of(np.full(5, 9)), REFERENCE)
    assert found is not None
    assert (found.block, found.row, found.before, found.after) == (0, record(0).start, 0.9, 0.55)


def test_a_rise_is_no_fall_and_other_versions_do_not_count() -> None:
    assert fall_of(blocks_of(np.full(10, 0)), (1_000, 2_000)) is None
    assert fall_of([*blocks_of(np.full(10, 12)), record(10, 2, version=2)], REFERENCE) is None
