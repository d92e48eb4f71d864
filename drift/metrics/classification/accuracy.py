"""Shares of right answers: accuracy, recall and precision of classes, and the means of them over classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.metrics.classification.counts import ClassificationMetric, ClassificationReading
from drift.metrics.intervals import drawn_ends, wilson
from drift.metrics.protocol import Measure


def _accuracy(reading: ClassificationReading) -> Iterator[Measure]:
    right, rows = int(np.trace(reading.counts.confusion)), reading.rows
    yield Measure("accuracy", right / rows, *wilson(right, rows, reading.level), rows)


def _by_class(name: str, margin: int) -> Callable[[ClassificationReading], Iterator[Measure]]:
    """Right answers of each class over its rows by label (margin 0) or by prediction (1)."""

    def measure(reading: ClassificationReading) -> Iterator[Measure]:
        for of_class, right, rows in zip(
            reading.counts.classes, reading.margins[2], reading.margins[margin], strict=True
        ):
            if rows:
                yield Measure(name, float(right / rows), *wilson(right, rows, reading.level), int(rows), of_class)

    return measure


def _balanced_accuracy(reading: ClassificationReading) -> Iterator[Measure]:
    by_label, _, right = reading.margins
    value = float(_balanced(by_label[None], right[None])[0])
    drawn = _balanced(reading.drawn[0], reading.drawn[2])
    yield Measure("balanced_accuracy", value, *drawn_ends(drawn, value, reading.level), reading.rows)


def _balanced(by_label: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Mean recall over the classes that occur, (draws,)."""
    there = by_label[0] > 0
    return np.asarray((right[:, there] / by_label[:, there]).mean(axis=1))


def _harmonic(reading: ClassificationReading) -> Iterator[Measure]:
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


ACCURACY = ClassificationMetric("accuracy", "share of right answers", _accuracy, order=1)
RECALL = ClassificationMetric("recall", "share of a class' rows that are predicted as it", _by_class("recall", 0))
PRECISION = ClassificationMetric(
    "precision", "share of the rows predicted as a class that are of it", _by_class("precision", 1)
)
BALANCED_ACCURACY = ClassificationMetric(
    "balanced_accuracy", "mean recall of the classes that occur", _balanced_accuracy, order=2
)
F1 = ClassificationMetric("f1", "harmonic mean of precision and recall, in the mean of classes", _harmonic, order=3)
