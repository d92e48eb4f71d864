"""What an estimate of accuracy without labels is, and what estimators share: checks, resamples, calibration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Floats, Integers, Reference, ScoredBlock
from drift.detect.detectors.protocol import require_width
from drift.errors import BlockError

Array = NDArray[np.float64]
FEWEST_ROWS = 50  # of a reference
FEWEST_RESAMPLES = 50
FEWEST_OF_A_CLASS = 100  # reference rows with which a predicted class gets a curve of its own
MOST_OFF_ONE = 1e-3  # probabilities of a row sum to one but for float32's rounding, and for servers that round


@dataclass(frozen=True)
class AccuracyEstimate:
    """An estimate of the accuracy of a block before its labels are known.

    Attributes:
        method: the estimator's name.
        accuracy: in [0, 1].
        low: of the interval, in [0, 1]; what it covers is stated by `FromReference`.
        high: its upper end, in [0, 1].
        level: chance that the interval misses, if what the method assumes holds; in (0, 1).
        reference_accuracy: of the reference with its labels, in [0, 1].
        effective_rows: of the reference, as many of equal weight would say as much; in [1, n].
        assumes: one sentence: what must hold.
        fails_when: one sentence: when the estimate is wrong, and nothing in it shows that.
        detail: what to know of this estimate, in a few words.
    """

    method: str
    accuracy: float
    low: float
    high: float
    level: float
    reference_accuracy: float
    effective_rows: float
    assumes: str
    fails_when: str
    detail: str = ""

    @property
    def drop(self) -> float:
        """By how much the block is estimated to be worse than the reference, in [-1, 1]; below 0 if better."""
        return self.reference_accuracy - self.accuracy


@dataclass(frozen=True)
class Resamples:
    """The estimate made again for many reweighted references.

    Attributes:
        shares: (r,) estimated share of right answers.
        counted: (r,) the same with the sampling error of the block's labels.
        effective_rows: of the reference, as many of equal weight would say as much.
        detail: what to know of this estimate, in a few words.
    """

    shares: Array
    counted: Array
    effective_rows: float
    detail: str = ""

    @classmethod
    def of_chances(
        cls, chances: Iterable[Array], effective_rows: float, rng: np.random.Generator, detail: str = ""
    ) -> Resamples:
        """From the chance (m,) of each row of the block to be right, one array for each resample.

        A row is right by its own chance, so the count is Poisson-binomial.
        """
        pairs = [(chance.mean(), (rng.random(len(chance)) < chance).mean()) for chance in chances]
        shares, counted = np.asarray(pairs, np.float64).T
        return cls(shares, counted, effective_rows, detail)


@dataclass(frozen=True)
class FromReference(ABC):
    """Estimates the accuracy of a block from a reference with labels; a question, which changes nothing.

    The interval is of the share of right answers that will be counted when the labels of these very rows come. It
    covers the sampling error of the reference (its rows drawn anew) and of the labels (each right or wrong by its
    chance), and takes rows to be independent. It does not cover a broken assumption.

    It comes from a Bayesian bootstrap of the reference (Rubin 1981): each resample gives every reference row an
    exponential weight, so that no row and no class is ever lost. The estimate is their mean. The block's own rows are
    never calibrated on.

    Attributes:
        level: chance that the interval misses, in (0, 1).
        resamples: 50 or more, and 2 / level or more.
        seed: of the resamples.
    """

    name: ClassVar[str]
    assumes: ClassVar[str]
    fails_when: ClassVar[str]
    level: float = 0.05
    resamples: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise BlockError(f"expected a level between 0 and 1, got {self.level}")
        fewest = max(FEWEST_RESAMPLES, ceil(2 / self.level))  # so that some lie beyond either end of the interval
        if self.resamples < fewest:
            raise BlockError(f"expected {fewest} resamples or more at level {self.level:g}, got {self.resamples}")

    def accuracy(self, reference: Reference, scored: ScoredBlock) -> AccuracyEstimate:
        """Estimate the accuracy of a block whose labels, if it has any, are not looked at.

        Args:
            reference: rows with labels that the model was *not* trained on, 50 or more.
            scored: the block and the same model's probabilities.

        Raises:
            BlockError: a reference without labels, too small, or all right or all wrong; an empty block; probabilities
                that are none, or of other classes; features of another width.
        """
        check(reference, scored)
        bootstrap = self.resampled(reference, scored, np.random.default_rng(self.seed))
        accuracy = float(bootstrap.shares.mean())
        ends = [self.level / 2, 1 - self.level / 2]
        quantiles = np.quantile(bootstrap.counted, ends, method="weibull")  # right on average for any resamples
        low, high = map(float, quantiles)
        return AccuracyEstimate(
            method=self.name,
            accuracy=accuracy,
            low=min(low, accuracy),  # of a few rows, sure to be right, the likely counts may all be above the estimate
            high=max(high, accuracy),
            level=self.level,
            reference_accuracy=reference.accuracy,
            effective_rows=bootstrap.effective_rows,
            assumes=self.assumes,
            fails_when=self.fails_when,
            detail=bootstrap.detail,
        )

    @abstractmethod
    def resampled(self, reference: Reference, scored: ScoredBlock, rng: np.random.Generator) -> Resamples:
        """The estimate for each resample of a checked reference."""

    def weights(self, rows: int, rng: np.random.Generator) -> Iterator[Array]:
        """Weights of the reference's rows, (n,) above 0, one resample after another."""
        for _ in range(self.resamples):
            yield rng.standard_exponential(rows) + np.finfo(np.float64).tiny


def check(reference: Reference, scored: ScoredBlock) -> None:
    """Refuse what no estimator can use, in one line.

    Raises:
        BlockError: see `FromReference.accuracy`.
    """
    answers, features = scored.answer.probabilities, scored.block.features
    if len(reference) < FEWEST_ROWS:
        raise BlockError(f"expected a reference of at least {FEWEST_ROWS} rows, got {len(reference)}: keep more rows")
    if len(features) == 0:
        raise BlockError(f"expected rows in block {scored.block.index}, got none: wait for them")
    if answers.ndim != 2 or answers.shape != (len(features), reference.probabilities.shape[1]):
        raise BlockError(
            f"expected probabilities ({len(features)}, {reference.probabilities.shape[1]}): a row for each row of the"
            f" block, a class for each class of the reference; got {answers.shape}. Is it another model's answer?"
        )
    require_width(features, reference.features.shape[1])
    _check_probabilities("the reference", reference.probabilities)
    _check_probabilities(f"block {scored.block.index}", answers)
    right = len(reference) - int(reference.losses.sum())
    if right in (0, len(reference)):
        raise BlockError(
            f"expected a reference with right and wrong answers, got {right} right of {len(reference)}: take rows that"
            " the model was not trained on"
        )


def _check_probabilities(of: str, probabilities: Floats) -> None:
    if probabilities.shape[1] < 2:
        raise BlockError(f"expected probabilities of 2 classes or more in {of}, got 1: was it made without a model?")
    sums = probabilities.sum(axis=1, dtype=np.float64)
    wrong = ~((probabilities >= 0).all(axis=1) & (abs(sums - 1) <= MOST_OFF_ONE))  # NaN is neither
    if wrong.any():
        at = int(wrong.argmax())
        raise BlockError(
            f"expected probabilities in [0, 1] that sum to 1 in {of}, got {probabilities[at].tolist()} at row {at}"
            f" ({int(wrong.sum())} such rows): pass the answers of softmax, not scores"
        )


@dataclass(frozen=True)
class IsotonicKnots:
    """Reference rows of one curve, gathered at their distinct confidences.

    Attributes:
        rows: (r,) their places in the reference.
        at: (r,) the knot of each.
        confidence: (k,) increasing, in [0, 1].
        right: (r,) 1 where the prediction is right, else 0.
    """

    rows: Integers
    at: Integers
    confidence: Array
    right: Array

    @classmethod
    def of(cls, rows: Integers, confidence: Array, right: Array) -> IsotonicKnots:
        """The knots of `rows` of a reference, whose confidence and right are (n,)."""
        distinct, at = np.unique(confidence[rows], return_inverse=True)
        return cls(rows, at, distinct, right[rows])

    def heights(self, weights: Array) -> Array:
        """Isotonic regression of right on confidence, (k,) non-decreasing in [0, 1]; weights (n,) are above 0."""
        from scipy.optimize import isotonic_regression

        chosen = weights[self.rows]
        total = np.bincount(self.at, chosen)
        means = np.bincount(self.at, chosen * self.right) / total
        return np.asarray(isotonic_regression(means, weights=total).x)


class Calibration:
    """Calibrated confidence: from weights of a reference's rows to the chance that each prediction of a block is right.

    A curve for each predicted class, non-decreasing in the confidence (isotonic regression: Zadrozny and Elkan 2002),
    so that any number of classes is as simple as two and nothing is left to normalise ("top-label" calibration: Gupta
    and Ramdas 2022).
    """

    def __init__(self, labels: Integers, reference: Floats, current: Floats) -> None:
        """Sort rows by predicted class and confidence, once for any number of weights.

        Args:
            labels: (n,) the reference's.
            reference: (n, classes) probabilities; a class predicted for fewer than 100 rows shares the curve of all.
            current: (m, classes) probabilities of the block.
        """
        predicted, of_block = reference.argmax(axis=1), current.argmax(axis=1)
        confidence = reference.max(axis=1).astype(np.float64)
        right = (predicted == labels).astype(np.float64)
        counts = np.bincount(predicted, minlength=reference.shape[1])
        own = np.flatnonzero(counts >= FEWEST_OF_A_CLASS)
        self._confidence = current.max(axis=1).astype(np.float64)
        self._curves = [
            (np.flatnonzero(of_block == code), IsotonicKnots.of(np.flatnonzero(predicted == code), confidence, right))
            for code in own
        ]
        others = np.flatnonzero(~np.isin(of_block, own))
        self._curves.append((others, IsotonicKnots.of(np.arange(len(labels)), confidence, right)))

    def chances(self, weights: Array) -> Array:
        """The chance that each prediction of the block is right, (m,) in [0, 1], by reference rows weighted (n,) > 0.

        Between knots a curve is linear; beyond the reference's least and greatest confidence it stays at its ends.
        """
        chances = np.empty(len(self._confidence))
        for rows, knots in self._curves:
            if len(rows):
                chances[rows] = np.interp(self._confidence[rows], knots.confidence, knots.heights(weights))
        return chances
