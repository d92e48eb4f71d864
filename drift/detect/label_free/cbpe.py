"""Confidence-based performance estimation (CBPE): the mean of calibrated confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from drift.data.blocks import Reference, ScoredBlock
from drift.detect.label_free.protocol import Calibration, FromReference, Resamples


@dataclass(frozen=True)
class CBPE(FromReference):
    """Estimated accuracy = mean over the block of c(confidence), c calibrated on the reference (NannyML 2022).

    c is how often predictions of one class, made with that confidence, were right on the reference (`calibrated`).

    It must fail when P(right | confidence) changes:

    - pure concept drift: features keep their distribution and labels follow another rule. The confidences, and with
      them the estimate, stay where they were while accuracy falls. ELEC's moving rule does this.
    - covariate shift among rows of equal confidence but unequal truth: where the model is well calibrated on the
      whole and not in each region, and the regions' shares change. `PAPE` is made for that.
    - label shift, unless it leaves P(right | confidence) alone.
    """

    name: ClassVar[str] = "cbpe"
    assumes: ClassVar[str] = "Predictions of the same class and confidence are right as often as on the reference."
    fails_when: ClassVar[str] = (
        "The rule between features and labels changes (concept drift), or rows shift between regions in which equal"
        " confidence is right unequally often: the estimate stays where it was while accuracy moves."
    )

    def resampled(self, reference: Reference, scored: ScoredBlock, rng: np.random.Generator) -> Resamples:
        """See `FromReference`."""
        calibration = Calibration(reference.labels, reference.probabilities, scored.answer.probabilities)
        chances = (calibration.chances(weights) for weights in self.weights(len(reference), rng))
        return Resamples.of_chances(chances, float(len(reference)), rng)
