"""What policies decide from: scored blocks in order. Used by policies, the loop and replays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drift.data.blocks import ScoredBlock
from drift.detect import Score
from drift.detect.accuracy.block_tests import chance_of_at_most, drop_p_value

RECENT = 5  # blocks of the serving version that the evidence about a block looks back on


@dataclass(frozen=True)
class BlockRecord:
    """A scored block as the scoring log keeps it.

    Attributes:
        index: of the block, from 0.
        start: first row.
        stop: one past the last row.
        first_time: time of the first row, ISO 8601; None for a table without times.
        last_time: time of the last row.
        version: of the model that answered, from 1.
        correct: right answers.
        mean_confidence: mean probability of the predicted class, in (0, 1].
        seconds: that the request took.
        flagged: whether the policy raised an alarm.
        scores: of detectors.
        first_champion_correct: right answers of the model that the deployment began with.
        scored_at: ISO 8601, UTC.
    """

    index: int
    start: int
    stop: int
    first_time: str | None
    last_time: str | None
    version: int
    correct: int
    mean_confidence: float
    seconds: float
    flagged: bool
    scores: tuple[Score, ...]
    first_champion_correct: int
    scored_at: str

    @classmethod
    def of(
        cls, scored: ScoredBlock, scores: tuple[Score, ...], *, first_champion_correct: int, scored_at: str
    ) -> BlockRecord:
        """The record of a block about which no policy has decided yet."""
        block, times = scored.block, scored.block.timestamps
        return cls(
            index=block.index,
            start=block.rows.start,
            stop=block.rows.stop,
            first_time=None if times is None else str(times[0]),
            last_time=None if times is None else str(times[-1]),
            version=scored.answer.version,
            correct=scored.correct,
            mean_confidence=scored.mean_confidence,
            seconds=scored.seconds,
            flagged=False,
            scores=scores,
            first_champion_correct=first_champion_correct,
            scored_at=scored_at,
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    @property
    def accuracy(self) -> float:
        """Share of rows predicted correctly, in [0, 1]."""
        return self.correct / self.rows

    @property
    def wrong(self) -> int:
        """Rows predicted wrongly."""
        return self.rows - self.correct


@dataclass(frozen=True)
class History:
    """What a policy may know: everything scored so far, and when the model was retrained.

    Attributes:
        blocks: scored blocks in order; the decision is about the last one, whose `flagged` is not set yet.
        accepted_accuracy: of the serving version on its reference, in [0, 1].
        retrained_at: indices of the blocks after which a retrain was tried.
        reference: right answers and rows of that reference; None takes the accepted accuracy as exact.
    """

    blocks: Sequence[BlockRecord]
    accepted_accuracy: float
    retrained_at: Sequence[int] = ()
    reference: tuple[int, int] | None = None

    def chance(self, correct: int, rows: int) -> float:
        """P-value of so few right answers if the accepted accuracy still held: that of the detector `accuracy`."""
        if self.reference is None:
            return chance_of_at_most(correct, rows, self.accepted_accuracy)
        return drop_p_value(correct, rows, *self.reference)

    def retrained_within(self, blocks: int) -> bool:
        """Whether a retrain was tried after the last block or one of so many blocks before it."""
        return any(self.blocks[-1].index - at <= blocks for at in self.retrained_at)


def evidence_of(history: History) -> dict[str, float]:
    """What a person who is asked wants to know of the last block, whichever policy asks.

    On 20 rows, a model of accuracy .68 falls below .55 by chance alone once in 14 blocks: how likely the block was, and
    the newest blocks together, tells sampling error from drift.
    """
    last = history.blocks[-1]
    same_version = [block for block in history.blocks if block.version == last.version][-RECENT:]
    rows, correct = sum(b.rows for b in same_version), sum(b.correct for b in same_version)
    return {
        "block": last.index,
        "accuracy": last.accuracy,
        "accepted_accuracy": history.accepted_accuracy,
        "chance": history.chance(last.correct, last.rows),
        "recent_blocks": len(same_version),
        "recent_rows": rows,
        "recent_accuracy": correct / rows,
        "recent_chance": history.chance(correct, rows),
    }


def serving_blocks(blocks: Sequence[BlockRecord]) -> list[BlockRecord]:
    """The newest consecutive blocks that one version answered, oldest first."""
    start = len(blocks)
    while start and blocks[start - 1].version == blocks[-1].version:
        start -= 1
    return list(blocks[start:])
