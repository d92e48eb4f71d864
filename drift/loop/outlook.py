"""Records of what a retrain now would learn from: part of every question that asks for one, and of its event."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_FALLEN = 1_000  # rows since a fall, from which on a challenger of them typically is good: decision 20


@dataclass(frozen=True)
class Fall:
    """A fall of a version's accuracy.

    Attributes:
        version: whose.
        row: first row of the block in which accuracy was lower for the first time.
        block: index of that block.
        before: accuracy until then, in [0, 1].
        after: accuracy since, in [0, 1].
        elsewhere: the deployment whose blocks it was dated in, where that is not the one under way; else empty.
    """

    version: int
    row: int
    block: int
    before: float
    after: float
    elsewhere: str = ""


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
            elsewhere = self.fall.elsewhere
            dated_in = f" (dated in an earlier deployment, {elsewhere})" if elsewhere else ""
            text = (
                f"{text}; accuracy of version {self.fall.version} fell from {self.fall.before:.3f} to"
                f" {self.fall.after:.3f} at about row {self.fall.row}, {self.fallen_rows:,} rows ago{dated_in}"
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
    def window_effect(self) -> str:
        """What the proposed window does."""
        return "the new ones weigh more" if self.fall is None else "all are from after that"


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
