"""What is followed of a batch, each a column of a profile: features, predictions, their confidence, and the labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.monitor.sources.rows import PredictionRows

Losses = NDArray[np.float64]

PREDICTION, CONFIDENCE, LABEL = "prediction", "confidence", "label"
FEATURE = "feature:"
ACCURACY = "accuracy"  # not of a profile: the share of right answers, or of small errors


def display_name(signal: str) -> str:
    """A signal as people read it: a feature by its name alone, unless that says something else already."""
    name = signal.removeprefix(FEATURE)
    return f"feature {name}" if name != signal and name in (PREDICTION, CONFIDENCE, LABEL, ACCURACY) else name


def inputs_of(rows: PredictionRows) -> dict[str, Any]:
    """The columns that need no labels."""
    columns: dict[str, Any] = {f"{FEATURE}{name}": rows.features[name] for name in rows.features}
    columns[PREDICTION] = rows.prediction
    if rows.confidence is not None:
        columns[CONFIDENCE] = rows.confidence
    return columns


def labels_of(rows: PredictionRows) -> dict[str, Any]:
    """The labels of the rows that have one."""
    return {LABEL: rows.labels[rows.labelled]}


def losses_of(rows: PredictionRows, large_error: float | None) -> Losses:
    """The loss of each row that has a label, (n,): 1 for a wrong class, or for an error above `large_error`."""
    labelled = rows.labelled
    labels, prediction = rows.labels[labelled], rows.prediction[labelled]
    if large_error is None:
        return np.asarray(labels != prediction, np.float64)
    return np.asarray(np.abs(prediction - labels) > large_error, np.float64)
