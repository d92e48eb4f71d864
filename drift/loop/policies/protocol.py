"""What a policy is: it reads the history of blocks and decides. Pure; the loop acts, a person may veto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drift.detect import chance_of_at_most
from drift.loop.events import BlockRecord


@dataclass(frozen=True)
class History:
    """What a policy may know: everything scored so far, and when the model was retrained."""

    blocks: Sequence[BlockRecord]  # the last one is the one to judge; its `flagged` is not set yet
    accepted_accuracy: float  # of the serving version on its reference, in [0, 1]
    retrained_at: Sequence[int] = ()  # blocks after which a retrain was tried
    reference: tuple[int, int] | None = None  # right answers and rows of the serving version's reference


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
        "chance": chance_of_at_most(last.correct, last.rows, history.accepted_accuracy),
        "recent_blocks": len(same_version),
        "recent_rows": rows,
        "recent_accuracy": correct / rows,
        "recent_chance": chance_of_at_most(correct, rows, history.accepted_accuracy),
    }


class Policy(Protocol):
    """One protocol for every way to decide."""

    name: str

    def decide(self, history: History) -> Decision:
        """Judge the last block; the same history gives the same decision."""
        ...
