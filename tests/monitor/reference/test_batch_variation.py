"""How batches of a reference differ by more than luck: found where it is there, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.monitor.reference.batch_variation import between_batch_variance, cut_evenly, merge_adjacent, spread_ranges
from drift.monitor.store import MonitorStore, references
from tests.monitor.worlds import World, agree, monitor_of, take_in

SHARES = np.asarray([0.4, 0.3, 0.2, 0.1])


def days(groups: int, rows: int, apart: float, rng: np.random.Generator) -> np.ndarray:
    """Counts of days that move rows from the first two cells to the others, by normal numbers."""
    moves = rng.normal(size=(groups, 1)) * np.asarray([1, 1, -1, -1]) * apart
    return rng.multinomial(rows, np.clip(SHARES + moves, 0.001, 1) / np.clip(SHARES + moves, 0.001, 1).sum(1)[:, None])


def test_batches_of_rows_in_any_order_seldom_seem_to_differ() -> None:
    """At a level of .2 for the first direction."""
    rng = np.random.default_rng(0)
    found = [between_batch_variance(rng.multinomial(150, SHARES, size=20)) for _ in range(200)]
    seen = sum(len(one.variances) > 0 for one in found if one is not None)
    assert 20 <= seen <= 62  # of 200: 40 in the mean, seven deviations each way


def test_days_that_differ_in_one_way_show_one_direction_and_how_far_they_lie_apart() -> None:
    rng = np.random.default_rng(0)
    true = 0.03**2 * (1 / SHARES).sum()  # of each day's move, in the metric of chi-squared
    found = [between_batch_variance(days(20, 500, 0.03, rng)) for _ in range(60)]
    excess = np.asarray([one.excess for one in found if one is not None])
    assert np.median([len(one.variances) for one in found if one is not None]) == 1
    assert excess.mean() == pytest.approx(true, rel=0.15)
    [direction] = between_batch_variance(days(60, 5_000, 0.03, rng)).directions[:1]  # type: ignore[union-attr]
    assert abs(direction / direction[0]) == pytest.approx([1, 1, 1, 1], rel=0.1)


def test_drawn_batches_lie_as_far_apart_as_those_that_were_seen() -> None:
    rng = np.random.default_rng(1)
    effects = between_batch_variance(days(60, 5_000, 0.03, rng))
    assert effects is not None
    drawn = np.concatenate([effects.move(SHARES, one, 20, rng) for one in effects.draw(200, rng)])
    assert drawn.sum(axis=1) == pytest.approx(1)
    assert (drawn >= 0).all()
    assert drawn.std(axis=0) == pytest.approx([0.03] * 4, rel=0.25)


def test_effects_that_were_seen_in_few_batches_may_be_much_larger() -> None:
    rng = np.random.default_rng(2)
    few, many = (between_batch_variance(days(groups, 500, 0.05, rng)) for groups in (6, 60))
    spreads = [one.draw(2_000, rng)[:, 0] for one in (few, many) if one is not None]
    upper = [np.quantile(one, 0.95) / np.median(one) for one in spreads]
    assert upper[0] > 1.5
    assert upper[1] < 1.25


def test_nothing_is_said_of_four_batches_or_of_a_signal_that_never_varies() -> None:
    assert between_batch_variance(np.full((4, 3), 10)) is None
    assert between_batch_variance(np.asarray([[10, 0, 0]] * 20)) is None
    assert between_batch_variance(np.asarray([[10, 10]] * 4 + [[0, 0]])) is None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=40), st.floats(0, 200))
def test_neighbours_are_put_together_without_losing_a_row(counts: list[tuple[int, int]], rows: float) -> None:
    groups = np.asarray(counts, np.int64)
    merged = merge_adjacent(groups, rows)
    assert merged.sum(axis=0).tolist() == groups.sum(axis=0).tolist()
    if len(merged) > 1:
        assert merged.sum(axis=1).min() >= min(rows, groups.sum() / 5)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=200))
def test_of_many_batches_64_are_looked_at_each_whole(sizes: list[int]) -> None:
    found = spread_ranges(sizes)
    assert len(found) == min(64, len(sizes))
    ends = np.cumsum(sizes).tolist()
    assert all(end in ends and end - start == sizes[ends.index(end)] for start, end in found)
    assert sum(cut_evenly(sum(sizes), 64)) == sum(sizes)


def test_a_stored_reference_knows_how_its_batches_differ(store: MonitorStore) -> None:
    world = World(batches=9, rows=60)
    take_in(store, world)
    agree(store, 7)
    with store.read() as connection:
        found = references.current_reference(connection, monitor_of(store))
    assert found is not None
    assert set(found.groups) == {*found.inputs.columns, "label"}
    assert all(counts.sum(axis=1).tolist() == [60] * 7 for counts in found.groups.values())
    states = [[int((world.batch(at)["state"] == name).sum()) for name in ("NSW", "QLD", "VIC")] for at in range(7)]
    assert found.groups["feature:state"].tolist() == [[*three, 0, 0] for three in states]  # no other, none missing
