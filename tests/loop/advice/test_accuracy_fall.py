"""When accuracy fell, dated by likelihood, and how often a fall is dated where there is none."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from drift.detect.accuracy.block_tests import change_point
from drift.errors import TrackingError
from drift.loop.advice.falls import ScoredFalls, fall_of, last_fall
from drift.loop.card import DataSource
from drift.policies.history import BlockRecord
from tests.policies.test_decisions import record

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


@pytest.mark.parametrize(("correlation", "most"), [(0.3, 25), (0.6, 60)])
def test_runs_of_errors_date_more_falls_but_not_in_most_streams(correlation: float, most: int) -> None:
    """200 streams at a constant accuracy whose errors come in runs; 5 and 38 were seen (decision 20)."""
    rng, dated = np.random.default_rng(1), 0
    for _ in range(200):
        draws, wrong, last = rng.random(2_600), np.empty(2_600, np.int64), 0
        for row, draw in enumerate(draws):
            last = wrong[row] = int(draw < (0.1 + 0.9 * correlation if last else 0.1 * (1 - correlation)))
        blocks = blocks_of(wrong[2_000:].reshape(30, 20).sum(axis=1))
        dated += fall_of(blocks, (2_000 - int(wrong[:2_000].sum()), 2_000)) is not None
    assert dated <= most  # what was seen, and about five standard deviations


def test_a_fall_in_the_first_block_is_dated_there() -> None:
    found = fall_of(blocks_of(np.full(5, 9)), REFERENCE)
    assert found is not None
    assert (found.block, found.row, found.before, found.after) == (0, record(0).start, 0.9, 0.55)


def test_a_rise_is_no_fall() -> None:
    assert fall_of(blocks_of(np.full(10, 0)), (1_000, 2_000)) is None


@pytest.mark.parametrize(
    ("reference", "rates", "fell"),
    [
        ((6_300, 9_000), [0.38] * 100 + [0.65] * 10, 100),  # a little below the reference at first, then abruptly
        ((6_300, 9_000), [0.1] * 25 + [0.4] * 10, 25),  # above the reference at first
        ((8_100, 9_000), [0.1] * 20 + [0.3] * 20 + [0.5] * 20, 40),
    ],
)
def test_of_several_changes_the_last_fall_is_dated(reference: tuple[int, int], rates: list[float], fell: int) -> None:
    """Within two blocks in 9 of 10 streams of blocks of 20 rows."""
    rng, near = np.random.default_rng(3), 0
    for _ in range(100):
        found = fall_of(blocks_of(rng.binomial(20, rates)), reference)
        near += found is not None and abs(found.block - fell) <= 2
    assert near >= 81, near  # of a rate of .9, fewer in 1 of 300


class _Log:
    """Deployments of one table, whose readings are counted."""

    def __init__(self, blocks: dict[str, list[BlockRecord]]) -> None:
        self.kept, self.read = blocks, list[str]()

    def deployments(self, model: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(id=name, options={"source": {"path": None, "label": None}}) for name in self.kept]

    def blocks(self, name: str) -> list[BlockRecord]:
        self.read.append(name)
        return self.kept[name]


class _Reference:
    accuracy = 0.9

    def __len__(self) -> int:
        return 2_000


CARD: Any = SimpleNamespace(source=DataSource())


def test_rows_after_those_that_are_judged_do_not_count_and_others_are_read_once() -> None:
    log: Any = _Log({"before": scored([2] * 20 + [12] * 10, 0), "now": scored([2] * 5, 10)})
    asked = list[int]()

    def reference_of(version: int) -> Any:
        asked.append(version)
        return _Reference()

    falls = ScoredFalls(log, "now", reference_of)
    assert falls.last("m", CARD, 400) is None
    found = falls.last("m", CARD, 600)
    assert found is not None
    assert (found.row, found.elsewhere) == (400, "before")
    assert (log.read.count("before"), log.read.count("now"), asked) == (1, 2, [1])


def test_a_fall_in_the_blocks_of_the_deployment_under_way_is_its_own() -> None:
    """Also where an earlier deployment scored the same rows."""
    again: Any = _Log({"before": scored([2] * 20 + [12] * 10, 0), "now": scored([2] * 5 + [12] * 10, 15)})
    found = ScoredFalls(again, "now", lambda version: _Reference()).last("m", CARD, 600)  # type: ignore[arg-type,return-value]
    assert found is not None
    assert (found.row, found.elsewhere) == (400, "")


def test_a_reference_that_is_gone_is_asked_for_once() -> None:
    asked = list[int]()

    def gone(version: int) -> Any:
        asked.append(version)
        raise TrackingError("deleted")

    log: Any = _Log({"now": scored([2] * 20 + [12] * 10, 0)})
    falls = ScoredFalls(log, "now", gone)
    assert [falls.last("m", CARD, 600) for _ in range(3)] == [None] * 3
    assert asked == [1]


def scored(wrong: list[int], first: int, version: int = 1) -> list[BlockRecord]:
    """Blocks of 20 rows of one deployment that begins with the row of block `first`."""
    made = blocks_of(np.array(wrong), version)
    return [
        replace(block, index=at, start=20 * (first + at), stop=20 * (first + at + 1)) for at, block in enumerate(made)
    ]


def test_a_fall_is_dated_over_deployments_of_a_few_blocks_each() -> None:
    """2 of 20 wrong until row 400, 12 from then on; deployments of 20, 3, 1, and 3 blocks, the last two on old rows."""
    deployments = [
        scored([2] * 20, 0),
        scored([12] * 3, 20),
        scored([12], 23),
        scored([12] * 3, 20),
        scored([2] * 5, 8),
    ]
    for many in range(2, len(deployments) + 1):
        found = last_fall(deployments[:many], lambda version: REFERENCE)
        assert found is not None
        assert (found.version, found.row) == (1, 400)
    assert last_fall(deployments[:1], lambda version: REFERENCE) is None
    assert last_fall([], lambda version: REFERENCE) is None


def test_a_fall_is_remembered_after_a_promotion() -> None:
    """The new version is as good as accepted; the rows before the fall are still of the old kind."""
    one = [*scored([2] * 20, 0), *scored([12] * 5, 20)]
    two = scored([3] * 30, 25, version=2)
    found = last_fall([one, two], {1: REFERENCE, 2: (170, 200)}.get)
    assert found is not None
    assert (found.version, found.row) == (1, 400)
    again = last_fall([one, [*two, *scored([12] * 10, 55, version=2)]], {1: REFERENCE, 2: (170, 200)}.get)
    assert again is not None
    assert (again.version, again.row) == (2, 1_100)
    assert last_fall([one], lambda version: None) is None  # whose reference was deleted
