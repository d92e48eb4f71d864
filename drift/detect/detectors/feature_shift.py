"""Some feature distributed unlike the reference's.

Rows of a stream depend on one another (a block of ten hours holds no nights), so a small p-value here says that a
block is unlike the reference, not that accuracy fell. The loop shows these scores; it does not act on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drift.data.blocks import ScoredBlock
from drift.detect.columns.univariate import ks_tests
from drift.detect.detectors.protocol import FeatureDetector, Score


@dataclass(eq=False)
class FeatureShift(FeatureDetector):
    """Alarms when some feature moved: Kolmogorov-Smirnov for each, Bonferroni over all."""

    name: ClassVar[str] = "features"

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the KS distance of the feature that moved most."""
        before, after = self.columns(self.reference.features), self.columns(scored.block.features)
        tests = ks_tests(before, after, self.watched, level=self.level)
        return self.scored(scored, tests.statistic, tests.p_value, tests.worst.feature)
