"""Some feature far from the reference on the reference's own bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drift.data.blocks import Reference, ScoredBlock
from drift.detect.detectors.protocol import FeatureDetector, Score
from drift.detect.profiles.binning import learn_binning
from drift.detect.profiles.comparison import compare_profiles
from drift.detect.profiles.profiles import profile


@dataclass(eq=False)
class DistanceShift(FeatureDetector):
    """Alarms when some feature's Jensen-Shannon divergence is beyond chance: `compare_profiles`, Holm over all."""

    name: ClassVar[str] = "distances"
    bins: int = 10
    permutations: int = 999
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reset(self.reference)

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the Jensen-Shannon divergence, in nats, of the feature that moved most."""
        block = dict(zip(self.watched, self.columns(scored.block.features, missing=True).T, strict=True))
        distances = compare_profiles(
            self._profile,
            profile(self._profile.binning, block),
            permutations=self.permutations,
            level=self.level,
            seed=self.seed,
        )
        worst = min(distances, key=lambda feature: feature.p_value)
        return self.scored(scored, worst["jensen_shannon"].value, worst.adjusted_p_value, worst.feature)

    def reset(self, reference: Reference) -> None:
        """Learn the bins of another reference, and compare with it from now on."""
        super().reset(reference)
        table = dict(zip(self.watched, self.columns(reference.features, missing=True).T, strict=True))
        self._profile = profile(learn_binning(table, bins=self.bins), table)
