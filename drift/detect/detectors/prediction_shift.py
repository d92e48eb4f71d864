"""The model's answers distributed unlike those on the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drift.data.blocks import ScoredBlock
from drift.detect.columns.univariate import informative, ks_tests
from drift.detect.detectors.protocol import FixedReference, Score, require_finite


@dataclass(eq=False)
class PredictionShift(FixedReference):
    """Alarms when some class's probability moved: black-box shift detection, as `bbsds_test`, blocks of any size."""

    name: ClassVar[str] = "predictions"

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the KS distance of the class whose probability moved most."""
        kept = informative(self.reference.probabilities.shape[1])
        before, after = self.reference.probabilities[:, :kept], scored.answer.probabilities[:, :kept]
        for answers in (before, after):
            require_finite(answers, self.reference.class_names)
        tests = ks_tests(before, after, self.reference.class_names[:kept], level=self.level)
        return self.scored(scored, tests.statistic, tests.p_value, f"P({tests.worst.feature})")
