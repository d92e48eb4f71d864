"""What a policy is: it reads the history of blocks and decides. Pure; the loop acts, a person may veto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drift.detect.accuracy import chance_of_at_most, drop_p_value
from drift.loop.events import BlockRecord


@dataclass(frozen=True)
class History:
    """What a policy may know: everything scored so far, and when the model was retrained.

    Attributes:
        blocks: scored blocks in order; the last one is the one to judge, and its `flagged` is not set yet.
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


@dataclass(frozen=True)
class Decision:
    """What a policy makes of the last block."""

    alarm: bool  # mark the block
    retrain: bool  # ask for a new model now
    reason: str
    evidence: Mapping[str, float]
    window_rows: int | None = None  # newest rows to learn from; None leaves it to whoever retrains


RECENT = 5  # blocks that a question looks back on


def evidence_of(history: History) -> dict[str, float]:
    """What a person who is asked wants to know of the last block, whichever policy asks.

    On 20 rows, a model of accuracy .68 falls below .55 by chance alone once in 14 blocks: how likely the block was, and
    the newest blocks together, tells bad luck from drift.
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


class Policy(Protocol):
    """One protocol for every way to decide."""

    name: str

    def decide(self, history: History) -> Decision:
        """Judge the last block; the same history gives the same decision."""
        ...
