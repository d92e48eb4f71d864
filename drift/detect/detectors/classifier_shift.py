"""Rows that a classifier can tell from the reference's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drift.data.blocks import ScoredBlock
from drift.detect.detectors.protocol import RowSampleDetector, Score
from drift.detect.explain import largest_share
from drift.detect.two_sample.classifier import classifier_test


@dataclass(eq=False)
class ClassifierShift(RowSampleDetector):
    """Alarms when gradient boosting tells a block from the reference: `classifier_test`; blocks of 20 rows or more."""

    name: ClassVar[str] = "classifier"

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the AUC on held-out rows."""
        samples = self.samples(scored)
        test = classifier_test(samples.reference, samples.current, level=self.level, seed=self.seed)
        return self.scored(scored, test.statistic, test.p_value, largest_share(samples, self.watched))
