"""Probabilistic adaptive performance estimation (PAPE): CBPE, calibrated for where the block's rows lie."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from drift.data.blocks import Reference, ScoredBlock
from drift.detect.label_free.density_ratio import density_ratio
from drift.detect.label_free.protocol import Calibration, FromReference, Resamples
from drift.errors import BlockError, LittleOverlapWarning

FEWEST_EFFECTIVE, LEAST_OVERLAP = 30, 0.1  # refused below
FEW_EFFECTIVE, LITTLE_OVERLAP = 100, 0.75  # warned of below


@dataclass(frozen=True)
class PAPE(FromReference):
    """CBPE with reference rows weighted by the density ratio p_block(x) / p_reference(x) (Białek et al. 2024).

    The weights (`density_ratio`) fit the calibration, so c is how often such predictions are right *where the block's
    rows lie*. The interval takes the ratio as known, so it is too narrow where few rows carry the weight: at 159
    effective rows (median) 95 % intervals were seen to cover 90 %. The ratio of a block of some tens of rows is noise.

    It must fail when P(y | x) changes (pure concept drift: weights stay near 1 and the estimate near the reference's
    accuracy), as CBPE does; and where the block lies beyond the reference, as no weight can stand for rows that the
    reference has not. Then effective rows or overlap are tiny, and it warns (below 100 rows or 0.75) or refuses
    (below 30 or 0.1) rather than guess.
    """

    name: ClassVar[str] = "pape"
    assumes: ClassVar[str] = "Rows with the same features have labels as on the reference, and the reference has such."
    fails_when: ClassVar[str] = (
        "The rule between features and labels changes (concept drift): the estimate stays where it was while accuracy"
        " moves; or the block has rows of a kind that the reference lacks: few effective rows, little overlap."
    )

    def resampled(self, reference: Reference, scored: ScoredBlock, rng: np.random.Generator) -> Resamples:
        """See `FromReference`; one density ratio serves all resamples.

        Raises:
            BlockError: reference and block hardly overlap, or the block has fewer than 20 rows.
        """
        ratio = density_ratio(reference.features, scored.block.features, seed=self.seed)
        detail = f"{ratio.effective_rows:,.0f} effective rows of {len(reference):,}, overlap {ratio.overlap:.2f}"
        if ratio.effective_rows < FEWEST_EFFECTIVE or ratio.overlap < LEAST_OVERLAP:
            raise BlockError(
                f"expected a reference with rows like those of block {scored.block.index}, got {detail}: no weights"
                " make it stand for the block; take a reference that covers it, or wait for labels"
            )
        if ratio.effective_rows < FEW_EFFECTIVE or ratio.overlap < LITTLE_OVERLAP:
            warnings.warn(f"the estimate rests on little: {detail}", LittleOverlapWarning, stacklevel=3)
        calibration = Calibration(reference.labels, reference.probabilities, scored.answer.probabilities)
        chances = (calibration.chances(ratio.weights * weights) for weights in self.weights(len(reference), rng))
        return Resamples.of_chances(chances, ratio.effective_rows, rng, detail)
