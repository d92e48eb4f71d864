"""What a detector is. One file a detector; `tests/detect/test_conformance.py` crosses every check with all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from drift.blocks import Reference, ScoredBlock


@dataclass(frozen=True)
class Score:
    """A detector's verdict on one block."""

    detector: str
    statistic: float  # in the detector's own units
    p_value: float  # in (0, 1]; probability of such a block if nothing changed and rows were independent
    level: float  # the alarm is p_value <= level
    detail: str = ""  # what moved most, in a few words

    @property
    def alarm(self) -> bool:
        """Whether the score is past its threshold."""
        return self.p_value <= self.level


class Detector(Protocol):
    """Compares blocks with a reference. A question changes nothing, a command answers nothing."""

    name: str

    def score(self, scored: ScoredBlock) -> Score:
        """Judge one block; changes nothing, so the same block gets the same score twice."""
        ...

    def update(self, scored: ScoredBlock) -> None:
        """Take one block into account for later scores (nothing to do for a fixed reference)."""
        ...

    def reset(self, reference: Reference) -> None:
        """Forget every block and compare with another reference from now on."""
        ...
