"""Rows distributed unlike the reference's in any way, by energy distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drift.data.blocks import ScoredBlock
from drift.detect.detectors.protocol import RowSampleDetector, Score
from drift.detect.explain import largest_share
from drift.detect.two_sample.energy import energy_test


@dataclass(eq=False)
class EnergyShift(RowSampleDetector):
    """Alarms when rows moved: `energy_test`, which sees moves of the mean best."""

    name: ClassVar[str] = "energy"
    permutations: int = 999

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the energy distance, of standardised features."""
        samples = self.samples(scored)
        test = energy_test(
            samples.reference, samples.current, permutations=self.permutations, level=self.level, seed=self.seed
        )
        return self.scored(scored, test.statistic, test.p_value, largest_share(samples, self.watched))
