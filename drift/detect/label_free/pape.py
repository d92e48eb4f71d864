"""Probabilistic adaptive performance estimation (PAPE): CBPE, calibrated for where the block's rows lie."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Reference, ScoredBlock
from drift.data.frames import number_rows
from drift.detect.label_free.protocol import Calibration, FromReference, Resamples
from drift.detect.two_sample.classifier import boosted_trees
from drift.errors import BlockError, LittleOverlapWarning
from drift.system.quiet import not_autologged

if TYPE_CHECKING:
    from drift.detect.two_sample.samples import Sample

FOLDS = 5
FEWEST_ROWS = 20  # of each sample
FEWEST_EFFECTIVE, LEAST_OVERLAP = 30, 0.1  # refused below
FEW_EFFECTIVE, LITTLE_OVERLAP = 100, 0.75  # warned of below


@dataclass(frozen=True)
class DensityRatio:
    """Weights that make a reference's rows stand for the current ones.

    Attributes:
        weights: (n,) above 0, of mean 1.
        overlap: in [0, 1]: share of the current rows that lie where reference rows do; their mean before scaling.
    """

    weights: NDArray[np.float64]
    overlap: float

    @property
    def effective_rows(self) -> float:
        """As many rows of equal weight would say as much: (sum w)² / sum w², in [1, n] (Kish 1965)."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())


def density_ratio(reference: Sample, current: Sample, *, seed: int = 0) -> DensityRatio:
    """Estimate p(x among current rows) / p(x among reference rows) at each reference row.

    A classifier tells the samples apart; the ratio is its odds times n / m (Bickel, Brückner and Scheffer 2009). It is
    gradient boosting of 50 trees with 8 leaves, trained on four fifths of both samples for the last fifth, as a
    classifier is too sure of rows that it was trained on. A ratio has mean 1 over the reference; where current rows
    lie beyond all reference rows, no weight can stand for them and the mean is less: that is the overlap.

    Args:
        reference: (n, d) rows: an array, a tensor or a data frame; NaN is a missing value, which trees can split by.
        current: (m, d) rows; of two data frames, columns are matched by name.
        seed: of the fifths.

    Raises:
        BlockError: fewer than 20 rows on either side, other features, text, or infinite values.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2_000, 2))
    >>> density_ratio(x, rng.normal(size=(500, 2))).effective_rows > 1_000
    True
    >>> density_ratio(x, rng.normal(9, 1, size=(500, 2))).overlap < 0.1
    True
    """
    from threadpoolctl import threadpool_limits

    reference, names = number_rows(reference, "reference")
    current, _ = number_rows(current, "current sample", names)
    if reference.shape[1] != current.shape[1]:
        raise BlockError(
            f"expected rows of as many features on each side of a density ratio, got shapes {reference.shape} and"
            f" {current.shape}. Are they columns of one table?"
        )
    if np.isinf(reference).any() or np.isinf(current).any():
        raise BlockError("expected features without infinities, got some: clip them or leave the rows out")
    n, m = len(reference), len(current)
    if min(n, m) < FEWEST_ROWS:
        raise BlockError(f"expected at least {FEWEST_ROWS} rows on each side of a density ratio, got {n} and {m}")
    rng = np.random.default_rng(seed)
    rows, is_current = np.concatenate([reference, current]), np.repeat([0, 1], [n, m])
    fold = np.concatenate([rng.permutation(n) % FOLDS, rng.permutation(m) % FOLDS])
    odds = np.empty(n)
    with not_autologged(), threadpool_limits(1, user_api="openmp"):
        for held in range(FOLDS):
            train, left_out = fold != held, fold[:n] == held
            model = boosted_trees(int(train.sum()), seed)
            model.fit(rows[train], is_current[train])
            odds[left_out] = np.exp(model.decision_function(reference[left_out]))
    ratio = odds * (n / m)
    return DensityRatio(ratio / ratio.mean(), min(1.0, float(ratio.mean())))


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
