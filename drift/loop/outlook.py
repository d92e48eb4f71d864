"""What a retrain now would learn from, and which window or wait would let it learn more: part of every question."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drift.errors import DataError
from drift.loop.cards import Card
from drift.loop.retrain import RetrainOptions, split_seen

LEAST_LEARNED = 100  # new rows: the standard error of an accuracy on fewer is above .05
LEAST_SHARE = 0.25  # of new rows among those to train on, without which a window is proposed
LEAST_WINDOW = 200  # rows, the least that --window_rows takes
MOST_BLOCKS = 10_000  # of a wait


@dataclass(frozen=True)
class Outlook:
    """What a retrain would learn from if it began now.

    Attributes:
        new_rows: rows since those that the champion was made from.
        learned_rows: of them, those that the challenger would train on.
        training_rows: all rows that it would train on.
        held_out_rows: newest rows kept for the comparison.
        wait_blocks: blocks to score first so that it learns from `LEAST_LEARNED` new rows; 0 if it does now, None if
            no wait helps.
        window_rows: a window in which new rows weigh more; None if none is proposed.
        obstacle: why no retrain is possible now; empty if one is.
    """

    new_rows: int
    learned_rows: int = 0
    training_rows: int = 0
    held_out_rows: int = 0
    wait_blocks: int | None = 0
    window_rows: int | None = None
    obstacle: str = ""

    @property
    def too_early(self) -> bool:
        """Whether waiting is proposed."""
        return self.wait_blocks != 0

    @property
    def words(self) -> str:
        """The same for people."""
        if self.obstacle:
            text = f"not possible now: {self.obstacle}"
        else:
            text = (
                f"it would learn from {self.learned_rows:,} of the {self.new_rows:,} new rows"
                f" ({self.training_rows:,} rows in all), {self.held_out_rows:,} are held out"
            )
        if self.wait_blocks:
            blocks = "1 more block" if self.wait_blocks == 1 else f"{self.wait_blocks:,} more blocks"
            return f"{text}; too few to learn from: score {blocks} first"
        if self.wait_blocks is None and not self.obstacle:
            return f"{text}; too few to learn from: set fewer --held_out_rows or more --window_rows"
        if self.window_rows is not None:
            return f"{text}; with --window_rows {self.window_rows} the new ones weigh more"
        return text


def outlook_of(champion: Card, stop: int, options: RetrainOptions, *, block_rows: int) -> Outlook:
    """What a retrain on the rows before `stop` would learn from.

    Args:
        champion: card of the version to beat.
        stop: one past the last row whose label is known.
        options: of the retrain.
        block_rows: of a block, the unit of a wait.
    """
    wait = next((many for many in range(MOST_BLOCKS) if _learned(champion, stop + many * block_rows, options)), None)
    new = max(0, stop - champion.seen)
    try:
        parts = split_seen(champion, stop, window_rows=options.window_rows, held_out_rows=options.held_out_rows)
    except DataError as error:
        return Outlook(new, wait_blocks=wait or None, obstacle=str(error))
    learned = len(range(max(parts.refit.start, champion.seen), parts.refit.stop))
    window = None
    proposed = max(LEAST_WINDOW, 2 * new)
    if wait == 0 and options.window_rows is None and learned < LEAST_SHARE * len(parts.refit) and proposed < stop:
        window = proposed
    return Outlook(new, learned, len(parts.refit), len(parts.held_out), wait, window)


@dataclass(frozen=True)
class ByHand:
    """The retrain that is proposed when a deployment has ended, as one command by hand.

    Attributes:
        window_rows: of that command, if it is to have another window than the deployment's.
        outlook: what that very command would learn from.
    """

    window_rows: int | None
    outlook: Outlook

    @property
    def window_words(self) -> str:
        """The proposed window, for people; empty without one."""
        if self.window_rows is None:
            return ""
        return f" with --window_rows {self.window_rows}, in which the new rows weigh more than among all"


def by_hand_of(champion: Card, stop: int, options: RetrainOptions, *, block_rows: int) -> ByHand:
    """The retrain by hand that is proposed, and its outlook; arguments as those of `outlook_of`."""
    outlook = outlook_of(champion, stop, options, block_rows=block_rows)
    if outlook.window_rows is None:
        return ByHand(None, outlook)
    windowed = replace(options, window_rows=outlook.window_rows)
    return ByHand(outlook.window_rows, outlook_of(champion, stop, windowed, block_rows=block_rows))


def _learned(champion: Card, stop: int, options: RetrainOptions) -> bool:
    """Whether a retrain at `stop` trains on enough rows that are new."""
    try:
        parts = split_seen(champion, stop, window_rows=options.window_rows, held_out_rows=options.held_out_rows)
    except DataError:
        return False
    return len(range(max(parts.refit.start, champion.seen), parts.refit.stop)) >= LEAST_LEARNED
