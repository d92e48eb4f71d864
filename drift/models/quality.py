"""How good are probabilities? Numbers and tables that figures and reports are drawn from. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.blocks import Floats, Integers
from drift.losses import predicted_classes

BINS = 10


def confusion(labels: Integers, predictions: Integers, classes: int) -> NDArray[np.int64]:
    """(classes, classes) counts: rows are the truth, columns the prediction."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (labels, predictions), 1)
    return table


@dataclass(frozen=True)
class CalibrationBin:
    """Rows whose confidence fell between two bounds."""

    confidence: float  # mean probability of the predicted class
    accuracy: float  # share of them predicted correctly
    rows: int


def calibration(labels: Integers, probabilities: Floats, *, bins: int = BINS) -> list[CalibrationBin]:
    """Accuracy by confidence, over equal-width bins of [1 / classes, 1]; empty bins are left out."""
    confidence = probabilities.max(axis=1)
    right = predicted_classes(probabilities) == labels
    edges = np.linspace(1 / probabilities.shape[1], 1.0, bins + 1)
    where = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1)
    return [
        CalibrationBin(float(confidence[where == b].mean()), float(right[where == b].mean()), int((where == b).sum()))
        for b in range(bins)
        if (where == b).any()
    ]


def expected_calibration_error(labels: Integers, probabilities: Floats) -> float:
    """Mean gap between confidence and accuracy over bins, weighted by rows (Guo et al. 2017, eq. 3); in [0, 1]."""
    parts = calibration(labels, probabilities)
    return sum(abs(part.confidence - part.accuracy) * part.rows for part in parts) / len(labels)
