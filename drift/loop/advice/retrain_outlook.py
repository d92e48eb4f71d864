"""What a retrain now would learn from, and which window or wait would let it learn more: part of every question."""

from __future__ import annotations

from dataclasses import replace

from drift.errors import DataError
from drift.loop.card import Card
from drift.loop.options import LEAST_WINDOW, RetrainOptions
from drift.loop.outlook import LEAST_FALLEN, ByHand, Fall, Outlook
from drift.loop.retraining.retrain import split_seen

LEAST_LEARNED = 100  # new rows: the standard error of an accuracy on fewer is above .05
LEAST_SHARE = 0.25  # of new rows among those to train on, without which a window is proposed
OVER_SHARE = 0.9  # of a champion's training rows from after a fall, from which on the fall is over
MOST_BLOCKS = 10_000  # of a wait


def outlook_of(
    champion: Card, stop: int, options: RetrainOptions, *, block_rows: int, fall: Fall | None = None
) -> Outlook:
    """What a retrain on the rows before `stop` would learn from.

    Args:
        champion: card of the version to beat.
        stop: one past the last row whose label is known.
        options: of the retrain.
        block_rows: of a block, the unit of a wait.
        fall: the last one of accuracy.
    """
    new = max(0, stop - champion.seen)
    fall = fall if fall is not None and fall.row < stop and not is_over(fall, champion) else None
    fallen = 0 if fall is None else stop - fall.row
    wait = _wait(champion, stop, options, block_rows=block_rows)
    try:
        parts = split_seen(champion, stop, window_rows=options.window_rows, held_out_rows=options.held_out_rows)
    except DataError as error:
        return Outlook(new, wait_blocks=wait or None, obstacle=str(error), fall=fall, fallen_rows=fallen)
    window, since_fall, few = None, False, False
    if options.window_rows is None and fall is not None:
        window, since_fall, few = fallen, fall.row >= champion.seen, fallen < LEAST_FALLEN
        if since_fall or few:
            wait = _wait(champion, stop, options, block_rows=block_rows, since=fall.row)
    elif options.window_rows is None:
        window = _weighing_new(champion, stop, options)
    with_window = _window_parts(champion, stop, options, window) if wait == 0 or few else None
    return Outlook(
        new, len(range(max(parts.refit.start, champion.seen), parts.refit.stop)), len(parts.refit),
        len(parts.held_out), wait, window if with_window else None, fall=fall, fallen_rows=fallen,
        since_fall=since_fall, window_parts=with_window or (0, 0), few=few,
    )  # fmt: skip


def _window_parts(champion: Card, stop: int, options: RetrainOptions, window: int | None) -> tuple[int, int] | None:
    """Rows to train on and held-out rows of a window; None without one, or where it is too small."""
    if window is None or window < LEAST_WINDOW:
        return None
    try:
        parts = split_seen(champion, stop, window_rows=window, held_out_rows=options.held_out_rows)
    except DataError:
        return None
    return len(parts.refit), len(parts.held_out)


def is_over(fall: Fall, champion: Card) -> bool:
    """Whether a champion was trained after a fall: nine of ten of its training rows are from after it.

    A fall of the champion itself is never over, since it is in rows that came after the training.
    """
    first, stop = champion.fit_rows
    return stop - max(first, fall.row) >= OVER_SHARE * (stop - first)


def _weighing_new(champion: Card, stop: int, options: RetrainOptions) -> int | None:
    """The window in which new rows weigh enough: twice the new rows; None if all rows do or it would hold them all."""
    new = max(0, stop - champion.seen)
    for window in (stop, min(stop, max(LEAST_WINDOW, 2 * new))):
        try:
            parts = split_seen(champion, stop, window_rows=window, held_out_rows=options.held_out_rows)
        except DataError:
            return None
        learned = len(range(max(parts.refit.start, champion.seen), parts.refit.stop))
        if learned >= LEAST_SHARE * len(parts.refit):
            break
    return window if window < stop else None


def _wait(
    champion: Card, stop: int, options: RetrainOptions, *, block_rows: int, since: int | None = None
) -> int | None:
    """Blocks to score first so that a retrain learns enough; with `since`, from a window that begins at that row."""
    for many in range(MOST_BLOCKS):
        at = stop + many * block_rows
        window, least = (options.window_rows, 0) if since is None else (at - since, LEAST_FALLEN)
        if (window is None or window >= least) and _learned(champion, at, replace(options, window_rows=window)):
            return many
    return None


def by_hand_of(
    champion: Card, stop: int, options: RetrainOptions, *, block_rows: int, fall: Fall | None = None
) -> ByHand:
    """The retrain by hand that is proposed, and its outlook; arguments as those of `outlook_of`."""
    outlook = outlook_of(champion, stop, options, block_rows=block_rows, fall=fall)
    if outlook.window_rows is None:
        return ByHand(None, outlook, stop)
    windowed = replace(options, window_rows=outlook.window_rows)
    command = outlook_of(champion, stop, windowed, block_rows=block_rows, fall=fall)
    if outlook.few:
        command = replace(command, wait_blocks=outlook.wait_blocks, few=True)
    return ByHand(outlook.window_rows, command, stop)


def _learned(champion: Card, stop: int, options: RetrainOptions) -> bool:
    """Whether a retrain at `stop` trains on enough rows that are new."""
    try:
        parts = split_seen(champion, stop, window_rows=options.window_rows, held_out_rows=options.held_out_rows)
    except DataError:
        return False
    return len(range(max(parts.refit.start, champion.seen), parts.refit.stop)) >= LEAST_LEARNED
