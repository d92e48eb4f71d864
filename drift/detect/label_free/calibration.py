"""Calibrated confidence: how often is a prediction right that a model is so sure of? Arrays in, arrays out.

A curve for each predicted class, non-decreasing in the confidence (isotonic regression: Zadrozny and Elkan 2002), so
that any number of classes is as simple as two and nothing is left to normalise ("top-label" calibration: Gupta and
Ramdas 2022). Used by `drift.detect.label_free`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Floats, Integers

Array = NDArray[np.float64]
FEWEST_OF_A_CLASS = 100  # reference rows with which a predicted class gets a curve of its own


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
    """From weights of a reference's rows to the chance that each prediction of a block is right."""

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
