"""Area under the ROC curve, of each class against the rest and in the mean."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from drift.metrics.classification.counts import ClassificationMetric, ClassificationReading
from drift.metrics.intervals import z_value
from drift.metrics.protocol import Measure


def _measure(reading: ClassificationReading) -> Iterator[Measure]:
    counts = reading.counts
    if counts.scores is None or len(counts.classes) < 2:
        return
    areas = {}
    for name, scores in zip(counts.classes, counts.scores, strict=True):
        if scores.any(axis=1).all():
            areas[name] = area_under_curve(scores[1], scores[0])
    if not areas:
        return
    mean = sum(area for area, _ in areas.values()) / len(areas)
    deviation = sum(sqrt(variance) for _, variance in areas.values()) / len(areas)  # as if they moved together
    yield Measure("roc_auc", mean, *_logit_ends(mean, deviation, reading.level), reading.rows)
    if len(counts.classes) > 2:
        for name, (area, variance) in areas.items():
            yield Measure("roc_auc", area, *_logit_ends(area, sqrt(variance), reading.level), reading.rows, name)


def area_under_curve(positive: NDArray[np.int32], negative: NDArray[np.int32]) -> tuple[float, float]:
    """Area under the ROC curve and its variance, from counts by rising score; ties count half (DeLong et al. 1988).

    Args:
        positive: (cells,) rows of the class.
        negative: (cells,) other rows.
    """
    m, n = int(positive.sum()), int(negative.sum())
    below = (np.cumsum(negative) - negative / 2) / n  # share of negatives below a positive in each cell
    above = 1 - (np.cumsum(positive) - positive / 2) / m
    area = float((positive * below).sum() / m)
    spreads = [
        float((counts * (places - area) ** 2).sum()) / max(1, rows - 1) / rows
        for counts, places, rows in ((positive, below, m), (negative, above, n))
    ]
    return area, sum(spreads)


def _logit_ends(area: float, deviation: float, level: float) -> tuple[float | None, float | None]:
    if not 0 < area < 1 or deviation == 0:
        return None, None
    logit, spread = np.log(area / (1 - area)), z_value(level) * deviation / (area * (1 - area))
    low, high = (float(1 / (1 + np.exp(-(logit + sign * spread)))) for sign in (-1, 1))
    return low, high


ROC_AUC = ClassificationMetric("roc_auc", "area under the ROC curve, in the mean of classes", _measure, order=4)
