"""Rows distributed unlike the reference's in any way, by MMD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drift.data.blocks import ScoredBlock
from drift.detect.detectors.protocol import RowSampleDetector, Score
from drift.detect.explain import largest_share
from drift.detect.two_sample.kernels import KERNELS
from drift.detect.two_sample.mmd import mmd_test
from drift.errors import BlockError


@dataclass(eq=False)
class JointShift(RowSampleDetector):
    """Alarms when rows moved, in one feature or in how several go together: `mmd_test`."""

    name: ClassVar[str] = "mmd"
    kernel: str = "fused"
    permutations: int = 999

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel != "fused" and self.kernel not in KERNELS:
            raise BlockError(f"expected kernel fused, {', '.join(sorted(KERNELS))}, got {self.kernel!r}")

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is that of `mmd_test`; the detail, the feature with the largest share of the difference."""
        samples = self.samples(scored)
        test = mmd_test(
            samples.reference,
            samples.current,
            kernel=self.kernel,
            permutations=self.permutations,
            level=self.level,
            seed=self.seed,
        )
        return self.scored(scored, test.statistic, test.p_value, largest_share(samples, self.watched))
