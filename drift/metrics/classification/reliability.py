"""How confidence and accuracy agree: the one calibration error of the package, and the curve that it sums up.

Confidence is the probability of the predicted class. It is put into ten bins of equal width over [0, 1], whatever the
number of classes: bins that depend on that number could not be merged when a class comes later (decision 23).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.data.losses import predicted_classes

BINS = 10  # of confidence, over [0, 1]


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose confidence fell into one bin.

    Attributes:
        confidence: mean probability of the predicted class, in [0, 1].
        accuracy: share of right answers, in [0, 1].
        rows: how many.
    """

    confidence: float
    accuracy: float
    rows: int


def count_reliability(confidence: NDArray[Any], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rows, sum of confidence and right answers by bin, (BINS, 3); those of parts are added up.

    Args:
        confidence: (n,) in [0, 1].
        right: (n,) whether the prediction was right.
    """
    bins = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    parts = (None, confidence, right.astype(np.float64))
    return np.column_stack([np.bincount(bins, weights, minlength=BINS) for weights in parts])


def calibration_error(counts: NDArray[np.float64]) -> float:
    """Mean distance of confidence and accuracy over bins, weighted by rows, in [0, 1] (Naeini et al. 2015).

    This is the expected calibration error of Guo et al. 2017, equation 3. It is biased upwards where rows are few.

    Args:
        counts: of `count_reliability`, of one row or more.

    >>> calibration_error(count_reliability(np.array([0.75, 0.75, 0.95]), np.array([True, False, True])))
    0.18333333333333332
    """
    rows, confidence, right = counts.T
    return float(np.abs(confidence - right).sum() / rows.sum())


def reliability(labels: ArrayLike, probabilities: ArrayLike) -> list[ReliabilityBin]:
    """Accuracy by confidence; empty bins are left out.

    Args:
        labels: (n,) class codes.
        probabilities: (n, classes).

    Raises:
        BlockError: a probability that is NaN.
    """
    return [
        ReliabilityBin(float(sure / rows), float(right / rows), int(rows))
        for rows, sure, right in counted(labels, probabilities)
        if rows
    ]


def counted(labels: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """What `calibration_error` takes, of the answers of a model: arguments as those of `reliability`."""
    right = predicted_classes(probabilities) == np.asarray(labels)
    return count_reliability(np.asarray(probabilities, np.float64).max(axis=1), right)
