"""Fewer right answers than the reference explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drift.data.blocks import ScoredBlock
from drift.detect.accuracy.block_tests import drop_p_value
from drift.detect.detectors.protocol import FixedReference, Score


@dataclass(eq=False)
class AccuracyDrop(FixedReference):
    """Alarms when a block has fewer right answers than the reference explains (Fisher's exact test)."""

    name: ClassVar[str] = "accuracy"

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the block's accuracy."""
        rows = len(self.reference)
        correct = round(self.reference.accuracy * rows)
        p_value = drop_p_value(scored.correct, len(scored.block), correct, rows)
        return self.scored(scored, scored.accuracy, p_value, f"accepted {correct / rows:.3f}")
