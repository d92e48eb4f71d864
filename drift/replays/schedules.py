"""The best schedule in hindsight: which models, and when, had one known every label. Arrays in, a schedule out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift.data.blocks import Integers
from drift.errors import BlockError


@dataclass(frozen=True)
class CandidateModel:
    """A model that could have been trained.

    Attributes:
        block: the first one that it may answer: it was trained after the one before; 0 for the base model.
        correct: (blocks,) right answers on each block; those before `block` are not looked at.
        window_rows: that it was trained on.
    """

    block: int
    correct: Integers
    window_rows: int = 0


@dataclass(frozen=True)
class Schedule:
    """Candidates, one after another.

    Attributes:
        chosen: the base model first.
        correct: right answers on all blocks.
    """

    chosen: tuple[CandidateModel, ...]
    correct: int

    @property
    def retrains(self) -> int:
        """Models trained after the base model."""
        return len(self.chosen) - 1


def best_schedules(candidates: Sequence[CandidateModel], blocks: int, most_retrains: int) -> list[Schedule]:
    """The best schedule with at most 0, 1, ... `most_retrains` retrains, by dynamic programming.

    A schedule begins with a candidate of block 0, and changes at the candidates' own blocks: none is kept for later.
    Costs about `retrains * blocks * candidates` additions.

    Raises:
        BlockError: no candidate can answer block 0.
    """
    if not any(candidate.block == 0 for candidate in candidates):
        raise BlockError("expected a base model, a candidate of block 0, got none")
    sums = [np.concatenate([[0], np.cumsum(candidate.correct[:blocks])]) for candidate in candidates]
    best = np.full((most_retrains + 1, blocks + 1), -1, np.int64)  # right answers before a block, with some retrains
    last = np.full((most_retrains + 1, blocks + 1), -1, np.int64)  # the candidate that answered the block before it
    for used in range(most_retrains + 1):
        for which, candidate in enumerate(candidates):
            begin = candidate.block
            if used == 0 and begin > 0:
                continue
            before = 0 if begin == 0 else (best[used - 1, begin] if used else -1)
            if before < 0 or (begin == 0 and used > 0):
                continue
            reached = before + sums[which][begin + 1 :] - sums[which][begin]
            better = reached > best[used, begin + 1 :]
            best[used, begin + 1 :][better] = reached[better]
            last[used, begin + 1 :][better] = which
    schedules: list[Schedule] = []
    for most in range(most_retrains + 1):
        used = int(best[: most + 1, blocks].argmax())
        chosen, at, left = [], blocks, used
        while at > 0:
            candidate = candidates[last[left, at]]
            chosen.append(candidate)
            at, left = candidate.block, left - 1
        schedules.append(Schedule(tuple(reversed(chosen)), int(best[used, blocks])))
    return schedules
