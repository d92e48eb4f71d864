"""Which rows a challenger learns from, and on which it is compared."""

from __future__ import annotations

import pytest

from drift.errors import DataError
from drift.loop.card import Card, DataSource
from drift.loop.retraining.retrain import Split, split_seen


def split(stop: int, *, window_rows: int | None = None, held_out_rows: int | None = None) -> Split:
    """For a champion that learned from rows before 850 and was accepted on rows 850 to 999."""
    champion = Card(("x",), ("no", "yes"), {}, (0, 850), (850, 1_000), "", DataSource())
    return split_seen(champion, stop, window_rows=window_rows, held_out_rows=held_out_rows)


@pytest.mark.parametrize(
    ("stop", "window", "held_out"),
    [
        (1_100, None, 50),  # half of the 100 new rows
        (1_060, None, 40),  # never fewer than 40, which leaves 20 of the 60 new rows to learn from
        (4_000, None, 800),  # a fifth
        (9_000, None, 1_000),  # and no more than 1,000
        (4_000, 2_000, 400),  # of the window
        (1_000, None, 150),  # nothing new yet: what the champion was accepted on, and no row it has learned from
    ],
)
def test_by_default_new_rows_are_shared_between_learning_and_comparing(
    stop: int, window: int | None, held_out: int
) -> None:
    parts = split(stop, window_rows=window)
    assert parts.held_out == range(stop - held_out, stop)
    assert parts.refit == range(max(0, stop - window) if window else 0, stop - held_out)
    assert (parts.fit.stop, parts.tune.stop) == (parts.tune.start, parts.held_out.start)


def test_no_row_that_the_champion_has_learned_from_is_held_out() -> None:
    assert split(1_010, held_out_rows=500).held_out == range(850, 1_010)


def test_too_few_rows_say_what_to_do() -> None:
    with pytest.raises(DataError, match=r"got 150 and 10 of rows 850 to 1009.*score more rows first, or set other"):
        split(1_010, window_rows=160, held_out_rows=10)
