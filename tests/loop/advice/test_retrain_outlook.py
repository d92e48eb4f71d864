"""What a retrain now would learn from, and what is proposed instead."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from drift.loop.advice.deployment_advice import LEAST_LEARNED, by_hand_of, outlook_of
from drift.loop.card import Card, DataSource
from drift.loop.events import DriftFlagged
from drift.loop.options import RetrainOptions
from drift.loop.outlook import LEAST_FALLEN, Fall, Outlook
from drift.loop.retraining.approval import AlwaysRetrain
from drift.loop.retraining.retrain import split_seen

CARD = Card(("x",), ("no", "yes"), {}, (0, 17_000), (17_000, 20_000), "", DataSource())


def look(stop: int, *, window: int | None = None, held_out: int | None = None, block_rows: int = 20) -> Outlook:
    return outlook_of(CARD, stop, RetrainOptions(window_rows=window, held_out_rows=held_out), block_rows=block_rows)


def test_nothing_learned_proposes_to_wait_so_many_blocks() -> None:
    found = look(20_040)
    assert (found.new_rows, found.learned_rows, found.held_out_rows) == (40, 0, 40)
    assert found.words.startswith("it would learn from 0 of the 40 new rows (20,000 rows in all), 40 are held out")
    assert found.words.endswith("too few to learn from: score 8 more blocks first")
    after = split_seen(CARD, 20_040 + 8 * 20, window_rows=None, held_out_rows=None)
    assert after.refit.stop - CARD.seen >= LEAST_LEARNED > after.refit.stop - 20 - CARD.seen


def test_few_new_rows_among_many_propose_a_window() -> None:
    found = look(22_016, block_rows=336)
    assert found.wait_blocks == 0
    assert found.window_rows == 4_032
    better = split_seen(CARD, 22_016, window_rows=4_032, held_out_rows=None)
    share = len(range(CARD.seen, better.refit.stop)) / len(better.refit)
    assert share > found.learned_rows / found.training_rows
    assert found.words.endswith("with --window_rows 4032 the new ones weigh more")


def test_enough_new_rows_propose_nothing() -> None:
    found = look(22_016, window=4_032)
    assert (found.wait_blocks, found.window_rows, found.too_early) == (0, None, False)
    assert found.learned_rows == 1_210


def test_an_impossible_retrain_says_why_and_how_long_to_wait() -> None:
    found = look(20_010, window=200, held_out=190)
    assert found.words.startswith("not possible now: expected at least 40 rows")
    assert found.too_early


@pytest.mark.parametrize("block_rows", [1, 7, 336])
def test_the_wait_is_the_shortest(block_rows: int) -> None:
    wait = look(20_000, block_rows=block_rows).wait_blocks
    assert wait
    for blocks, enough in ((wait, True), (wait - 1, False)):
        parts = split_seen(CARD, 20_000 + blocks * block_rows, window_rows=None, held_out_rows=None)
        assert (parts.refit.stop - CARD.seen >= LEAST_LEARNED) is enough


def test_after_a_fall_the_window_holds_only_rows_from_after_it() -> None:
    """The fall is 1,200 rows ago, at the end of 4,000 new ones."""
    fall = Fall(1, 22_800, 140, 0.88, 0.61)
    found = outlook_of(CARD, 24_000, RetrainOptions(), block_rows=20, fall=fall)
    assert (found.wait_blocks, found.window_rows, found.fallen_rows) == (0, 1_200, 1_200)
    parts = split_seen(CARD, 24_000, window_rows=1_200, held_out_rows=None)
    assert (parts.refit.start, len(parts.held_out)) == (22_800, 240)
    assert "accuracy of version 1 fell from 0.880 to 0.610 at about row 22800, 1,200 rows ago" in found.words
    assert found.words.endswith("with --window_rows 1200 all are from after that")
    assert by_hand_of(CARD, 24_000, RetrainOptions(), block_rows=20, fall=fall).window_words == (
        " with --window_rows 1200, the rows since accuracy fell"
    )


def test_soon_after_a_fall_it_proposes_to_wait_for_rows() -> None:
    found = outlook_of(CARD, 24_000, RetrainOptions(), block_rows=20, fall=Fall(1, 23_960, 198, 0.88, 0.61))
    assert (found.wait_blocks, found.window_rows) == ((LEAST_FALLEN - 40) // 20, None)
    assert "40 rows ago; too few to learn from: score 48 more blocks first" in found.words


@pytest.mark.parametrize(("row", "stop"), [(23_600, 24_000), (19_640, 20_040)])  # new rows, or partly the champion's
def test_a_window_of_few_rows_since_a_fall_is_said_to_be_few(row: int, stop: int) -> None:
    """It can be chosen; neither the question nor `--retrain always` takes it unasked."""
    fall = Fall(1, row, 0, 0.88, 0.35, elsewhere="m-1")
    card = replace(CARD, fit_rows=(0, 19_600), reference_rows=(19_600, 19_900))
    found = outlook_of(card, stop, RetrainOptions(), block_rows=20, fall=fall)
    assert (found.window_rows, found.wait_blocks, found.few) == (400, 30, True)
    learned, held_out = found.window_parts
    assert learned + held_out == 400
    assert f"with --window_rows 400 all are from after that: {learned} to learn from and {held_out} held" in found.words
    assert "; too few to learn from: score 30 more blocks first, a challenger typically needs 1,000" in found.words
    assert "400 rows ago (dated in an earlier deployment, m-1)" in found.words
    record: Any = SimpleNamespace(index=3)
    given = AlwaysRetrain()(DriftFlagged(record, "low", {}, None, found))
    assert (given.retrain, given.reason) == (
        False,
        "low; waits: 400 rows since accuracy fell are too few, enough after 30 more blocks",
    )
    by_hand = by_hand_of(card, stop, RetrainOptions(), block_rows=20, fall=fall)
    assert (by_hand.window_rows, by_hand.outlook.wait_blocks) == (400, 30)
    assert f"({learned} rows in all), {held_out} are held out" in by_hand.outlook.words
    assert "too few to learn from: score 30 more blocks first" in by_hand.outlook.words
    own = RetrainOptions(window_rows=400)  # of the person who asked for it
    assert not outlook_of(card, stop, own, block_rows=20, fall=fall).few


def test_a_fall_before_all_rows_that_are_used_proposes_no_window() -> None:
    """The rows since the fall are more than those that a window of the user's own holds, or all there are."""
    fall = Fall(1, 20_000, 0, 0.88, 0.61)
    assert outlook_of(CARD, 24_000, RetrainOptions(window_rows=1_000), block_rows=20, fall=fall).window_rows is None
    assert outlook_of(CARD, 24_000, RetrainOptions(), block_rows=20, fall=fall).window_rows == 4_000
    later = Fall(1, 24_000, 200, 0.88, 0.61)  # in rows that are still to come for this deployment
    assert outlook_of(CARD, 24_000, RetrainOptions(), block_rows=20, fall=later) == look(24_000)


@pytest.mark.parametrize(
    ("row", "window", "words"),
    [
        (19_300, 1_300, "all are from after that"),  # enough of them are new
        (4_000, 16_600, "all are from after that"),  # few of them are new, but all are of the new kind
    ],
)
def test_after_a_fall_the_champion_has_rows_from_before_the_window_is_all_rows_since(
    row: int, window: int, words: str
) -> None:
    found = outlook_of(CARD, 20_600, RetrainOptions(), block_rows=20, fall=Fall(1, row, 0, 0.88, 0.61))
    assert (found.window_rows, found.since_fall) == (window, row >= CARD.seen)
    assert found.words.endswith(words)


def test_without_a_question_it_learns_from_the_rows_since_the_fall_or_waits_for_them() -> None:
    """`--retrain always`; as before where no fall is dated, or where a window was given."""
    fall = Fall(1, 22_800, 140, 0.88, 0.61)

    def agreed(fall: Fall | None, **options: int) -> tuple[bool, int | None]:
        found = outlook_of(CARD, 24_000, RetrainOptions(**options), block_rows=20, fall=fall)  # type: ignore[arg-type]
        record: Any = SimpleNamespace(index=3)
        given = AlwaysRetrain()(DriftFlagged(record, "accuracy 0.600 < threshold 0.700", {}, None, found))
        return given.retrain, given.window_rows

    assert agreed(fall) == (True, 1_200)
    assert agreed(None) == (True, None)
    assert agreed(fall, window_rows=1_000) == (True, None)
    assert agreed(replace(fall, row=23_900)) == (False, None)
    assert agreed(replace(fall, row=19_000)) == (True, 5_000)  # the champion was made after it: nothing to wait for


def test_a_fall_that_the_champion_was_trained_after_is_over() -> None:
    """Version 4 learned from the rows since row 7000 alone, and 2,200 rows came since the fall."""
    fall = Fall(1, 7_000, 200, 0.796, 0.318)
    trained_after = replace(CARD, fit_rows=(7_000, 8_600), reference_rows=(8_600, 9_000))
    for stop in (9_000, 9_200):
        found = by_hand_of(trained_after, stop, RetrainOptions(), block_rows=20, fall=fall)
        assert found.outlook.fall is None
        assert "accuracy" not in found.outlook.words + found.window_words
        assert found == by_hand_of(trained_after, stop, RetrainOptions(), block_rows=20)
    partly = replace(trained_after, fit_rows=(6_500, 8_600))
    assert by_hand_of(partly, 9_200, RetrainOptions(), block_rows=20, fall=fall).window_rows == 2_200
    again = Fall(4, 9_000, 0, 0.8, 0.5)  # of the champion itself
    assert outlook_of(trained_after, 9_200, RetrainOptions(), block_rows=20, fall=again).fall == again


def test_without_a_new_row_it_says_so() -> None:
    assert look(20_000).words.startswith("no row is new: it would learn from rows that the champion was made from (")
