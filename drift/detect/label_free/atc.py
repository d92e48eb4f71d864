"""Average thresholded confidence (ATC): the share of rows that the model is sure enough of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Floats, Reference, ScoredBlock
from drift.detect.label_free.protocol import Array, FromReference, Resamples


class ConfidenceScore(StrEnum):
    """How sure a model is of a row; both order rows of two classes alike."""

    CONFIDENCE = "confidence"  # the greatest probability, in [1 / classes, 1]
    ENTROPY = "negative entropy"  # sum p log p in nats, in [-log classes, 0]

    def of(self, probabilities: Floats) -> Array:
        """The score of each row of probabilities (n, classes), (n,); higher is surer."""
        from scipy.special import xlogy

        p = probabilities.astype(np.float64)
        return np.asarray(p.max(axis=1) if self is ConfidenceScore.CONFIDENCE else xlogy(p, p).sum(axis=1))


@dataclass(frozen=True)
class ATC(FromReference):
    """Estimated accuracy = share of the block's rows surer than t; the reference has as many below as wrong ones.

    Garg et al. 2022, section 4. Rows at t itself count in part, so that the reference gets exactly its accuracy.

    It must fail when the share of sure rows no longer moves as accuracy does:

    - pure concept drift: sureness stays, so the estimate stays, while accuracy falls. ELEC's moving rule does this.
    - covariate shift in a model whose confidence is not nearly an all or nothing of being right: t is right for the
      reference's mix of rows alone. Near .5 everywhere, moving a little confidence across t moves many rows.
    - label shift, where the mix of classes moves sureness without the rows of any class being harder.
    """

    name: ClassVar[str] = "atc"
    assumes: ClassVar[str] = "The share of rows above one threshold of sureness moves as the accuracy does."
    fails_when: ClassVar[str] = (
        "The rule between features and labels changes (concept drift): the estimate stays where it was while accuracy"
        " moves; or the shares of classes, or of regions, move sureness by another amount than accuracy."
    )
    sureness: ConfidenceScore = ConfidenceScore.ENTROPY

    def resampled(self, reference: Reference, scored: ScoredBlock, rng: np.random.Generator) -> Resamples:
        """See `FromReference`; sampling errors are sure rows that are wrong and unsure ones that are right."""
        before, now = (self.sureness.of(p) for p in (reference.probabilities, scored.answer.probabilities))
        right = reference.losses == 0
        threshold = Threshold(before, right, now)
        shares, swapped = np.asarray([threshold.shares(weights) for weights in self.weights(len(reference), rng)]).T
        counts = rng.multinomial(len(now), np.column_stack([swapped, swapped, 1 - 2 * swapped]))
        counted = np.clip(shares + (counts[:, 0] - counts[:, 1]) / len(now), 0.0, 1.0)
        return Resamples(shares, counted, float(len(reference)))


class Threshold:
    """The threshold t of a weighted reference, and what lies above it."""

    def __init__(self, sureness: Array, right: NDArray[np.bool_], current: Array) -> None:
        """Sort once for any number of weights: sureness and right of the reference, (n,), and of the block, (m,)."""
        self._distinct, self._at = np.unique(sureness, return_inverse=True)
        self._right = right
        self._current = np.sort(current)

    def shares(self, weights: Array) -> tuple[float, float]:
        """For weights (n,) above 0 of the reference's rows, two shares.

        Returns:
            the share of the block above t, in [0, 1]; and the share of the reference that is right and below t, in
            [0, 1/2], which is as large as that which is wrong and above.
        """
        mass, right = np.bincount(self._at, weights), np.bincount(self._at, weights * self._right)
        mass, right = mass / weights.sum(), right / weights.sum()
        below = np.cumsum(mass)
        wrong = 1 - float(right.sum())
        at = min(int(np.searchsorted(below, wrong)), len(mass) - 1)
        kept = min(1.0, max(0.0, float(below[at] - wrong) / float(mass[at])))  # of the rows at t itself
        first, last = (int(np.searchsorted(self._current, self._distinct[at], side)) for side in ("left", "right"))
        rows = len(self._current)
        swapped = float(right[:at].sum()) + (1 - kept) * float(right[at])
        return (rows - last + kept * (last - first)) / rows, min(0.5, swapped)
