"""F1, the harmonic mean of precision and recall: of each class, and their plain mean, as scikit-learn's `macro`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.metrics.classification.counts import ClassificationMetric, ClassificationReading
from drift.metrics.intervals import drawn_ends
from drift.metrics.protocol import Measure


def _measure(reading: ClassificationReading) -> Iterator[Measure]:
    by_label, by_prediction, right = reading.margins
    values = _f1(by_label[None], by_prediction[None], right[None])[0]
    drawn = _f1(*reading.drawn)
    there = (by_label + by_prediction) > 0
    macro = float(values[there].mean())
    ends = drawn_ends(drawn[:, there].mean(axis=1), macro, reading.level)
    yield Measure("f1", macro, *ends, reading.rows)
    for place, name in enumerate(reading.counts.classes):
        if there[place]:
            value = float(values[place])
            yield Measure("f1", value, *drawn_ends(drawn[:, place], value, reading.level), reading.rows, name)


def _f1(by_label: NDArray[Any], by_prediction: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """F1 of each class, (draws, k); 0 for one that never occurs."""
    both = by_label + by_prediction
    return np.asarray(2 * right / np.where(both > 0, both, 1.0))


F1 = ClassificationMetric("f1", "harmonic mean of precision and recall, in the mean of classes", _measure, order=3)
