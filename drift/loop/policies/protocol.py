"""What a policy is: it reads the history of blocks and decides. Pure; the loop acts, a person may veto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drift.loop.events import BlockRecord


@dataclass(frozen=True)
class History:
    """What a policy may know: everything scored so far, and when the model was retrained."""

    blocks: Sequence[BlockRecord]  # the last one is the one to judge; its `flagged` is not set yet
    accepted_accuracy: float  # of the serving version on its reference, in [0, 1]
    retrained_at: Sequence[int] = ()  # blocks after which a retrain was tried


@dataclass(frozen=True)
class Decision:
    """What a policy makes of the last block."""

    alarm: bool  # mark the block
    retrain: bool  # ask for a new model now
    reason: str
    evidence: Mapping[str, float]


class Policy(Protocol):
    """One protocol for every way to decide."""

    name: str

    def decide(self, history: History) -> Decision:
        """Judge the last block; the same history gives the same decision."""
        ...
