"""Accuracy, recall and precision: shares of right answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from drift.metrics.classification.counts import ClassificationMetric, ClassificationReading
from drift.metrics.intervals import wilson
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


ACCURACY = ClassificationMetric("accuracy", "share of right answers", _accuracy, order=1)
RECALL = ClassificationMetric("recall", "share of a class' rows that are predicted as it", _by_class("recall", 0))
PRECISION = ClassificationMetric(
    "precision", "share of the rows predicted as a class that are of it", _by_class("precision", 1)
)
