"""How badly each row was answered: losses in, the worst rows out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drift.metrics.classification.counts import LEAST
from drift.monitor.sources.rows import PredictionRows


def row_losses(rows: PredictionRows) -> NDArray[np.float64]:
    """The loss of each row, (n,): -ln of the label's probability, or 0 and 1 without probabilities, or absolute error.

    NaN where there is no label. With the probability of the predicted class alone, that of the label is what it
    leaves over, which is exact for two classes and the most that it can be for more.
    """
    known = rows.labelled
    losses = np.full(len(rows), np.nan)
    labels, prediction = rows.labels[known], rows.prediction[known]
    if rows.prediction.dtype == np.float64:
        losses[known] = np.abs(prediction - labels)
        return losses
    right = np.asarray(labels == prediction, bool)
    if rows.probabilities is not None:
        places = {name: at for at, name in enumerate(rows.classes)}
        codes = np.asarray([places.get(name, -1) for name in labels])
        probable = rows.probabilities[known]
        of_truth = np.where(codes >= 0, probable[np.arange(len(codes)), np.maximum(codes, 0)], 0.0)
    elif rows.confidence is not None:
        of_truth = np.where(right, rows.confidence[known], 1 - rows.confidence[known])
    else:
        losses[known] = 1.0 - right
        return losses
    losses[known] = -np.log(np.clip(of_truth, LEAST, 1.0))
    return losses


def largest(losses: NDArray[np.float64], *, most: int) -> NDArray[np.intp]:
    """Positions of the rows with the largest losses, worst first; of equal ones the first; none without a loss."""
    positive = np.flatnonzero(~np.isnan(losses) & (losses > 0))
    return positive[np.argsort(-losses[positive], kind="stable")[:most]]
