"""What a retrain now would learn from, and which window or wait would let it learn more: part of every question."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drift.errors import DataError
from drift.loop.advice.accuracy_fall import Fall
from drift.loop.card import Card
from drift.loop.retraining.retrain import LEAST_WINDOW, RetrainOptions, split_seen

LEAST_LEARNED = 100  # new rows: the standard error of an accuracy on fewer is above .05
LEAST_SHARE = 0.25  # of new rows among those to train on, without which a window is proposed
LEAST_FALLEN = 1_000  # rows since a fall, from which on a challenger of them typically is good: decision 20
OVER_SHARE = 0.9  # of a champion's training rows from after a fall, from which on the fall is over
MOST_BLOCKS = 10_000  # of a wait


@dataclass(frozen=True)
class Outlook:
    """What a retrain would learn from if it began now.

    Attributes:
        new_rows: rows since those that the champion was made from.
        learned_rows: of them, those that the challenger would train on.
        training_rows: all rows that it would train on.
        held_out_rows: newest rows kept for the comparison.
        wait_blocks: blocks to score first so that it learns from `LEAST_LEARNED` new rows, after a fall from
            `LEAST_FALLEN` rows since then; 0 if it does now, None if no wait helps.
        window_rows: a window in which new rows weigh more; None if there is none.
        window_parts: rows that it would train on with that window, and rows held out.
        obstacle: why no retrain is possible now; empty if one is.
        fall: the last one of accuracy, from which on the rows are those to learn from; None if none was found, or the
            champion was trained after it.
        fallen_rows: rows since then.
        since_fall: whether accuracy fell after the champion was made, so that rows since then are to be waited for.
        few: whether fewer than `LEAST_FALLEN` rows came since the fall, and no window was asked for.
        blocks_left: whole blocks for which the table has rows; None where nobody counted them.
    """

    new_rows: int
    learned_rows: int = 0
    training_rows: int = 0
    held_out_rows: int = 0
    wait_blocks: int | None = 0
    window_rows: int | None = None
    obstacle: str = ""
    fall: Fall | None = None
    fallen_rows: int = 0
    since_fall: bool = False
    window_parts: tuple[int, int] = (0, 0)
    few: bool = False
    blocks_left: int | None = None

    @property
    def too_early(self) -> bool:
        """Whether waiting is proposed."""
        return self.wait_blocks != 0

    @property
    def words(self) -> str:
        """The same for people."""
        if self.obstacle:
            text = f"not possible now: {self.obstacle}"
        elif self.new_rows == 0:
            text = (
                "no row is new: it would learn from rows that the champion was made from"
                f" ({self.training_rows:,} rows in all), {self.held_out_rows:,} are held out"
            )
        else:
            text = (
                f"it would learn from {self.learned_rows:,} of the {self.new_rows:,} new rows"
                f" ({self.training_rows:,} rows in all), {self.held_out_rows:,} are held out"
            )
        if self.fall is not None:
            text = (
                f"{text}; accuracy of version {self.fall.version} fell from {self.fall.before:.3f} to"
                f" {self.fall.after:.3f} at about row {self.fall.row}, {self.fallen_rows:,} rows ago{self._dated_in}"
            )
        if self.wait_blocks:
            if self.window_rows is not None:
                learned, held_out = self.window_parts
                counts = f"{learned:,} to learn from and {held_out:,} held out"
                text = f"{text}; with --window_rows {self.window_rows} {self.window_effect}: {counts}"
            first = self._wait_first
            typical = f", a challenger typically needs {LEAST_FALLEN:,} rows since a fall" if self.few else ""
            return f"{text}; too few to learn from: {first}{typical}"
        if self.wait_blocks is None and not self.obstacle:
            return f"{text}; too few to learn from: set fewer --held_out_rows or more --window_rows"
        if self.window_rows is not None:
            return f"{text}; with --window_rows {self.window_rows} {self.window_effect}"
        return text

    @property
    def wait_words(self) -> str:
        """The blocks to wait for; empty without any."""
        if not self.wait_blocks:
            return ""
        return "1 more block" if self.wait_blocks == 1 else f"{self.wait_blocks:,} more blocks"

    @property
    def _wait_first(self) -> str:
        """The wait as something to do, as far as the table has rows for it."""
        left, verb = self.blocks_left, "is" if self.wait_blocks == 1 else "are"
        if left is None or left >= (self.wait_blocks or 0):
            return f"score {self.wait_words} first"
        there = f"rows for {left:,}" if left else "no rows for them yet"
        return f"{self.wait_words} {verb} needed, and the table has {there}"

    @property
    def _dated_in(self) -> str:
        elsewhere = "" if self.fall is None else self.fall.elsewhere
        return f" (dated in an earlier deployment, {elsewhere})" if elsewhere else ""

    @property
    def window_effect(self) -> str:
        """What the proposed window does."""
        return "the new ones weigh more" if self.fall is None else "all are from after that"


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


@dataclass(frozen=True)
class ByHand:
    """The retrain that is proposed when a deployment has ended, as one command by hand.

    Attributes:
        window_rows: of that command, if it is to have another window than the deployment's.
        outlook: what that very command would learn from.
        stop: one past the last row whose label is known, after which further rows are scored.
    """

    window_rows: int | None
    outlook: Outlook
    stop: int = 0

    @property
    def window_words(self) -> str:
        """The proposed window, for people; empty without one."""
        if self.window_rows is None:
            return ""
        if self.outlook.fall is not None:
            return f" with --window_rows {self.window_rows}, the rows since accuracy fell"
        return f" with --window_rows {self.window_rows}, in which the new rows weigh more than among all"


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
