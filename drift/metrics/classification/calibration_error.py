"""Calibration error, of batches."""

from __future__ import annotations

from collections.abc import Iterator

from drift.metrics.classification.counts import ClassificationMetric, ClassificationReading
from drift.metrics.classification.reliability import calibration_error
from drift.metrics.protocol import Measure


def _measure(reading: ClassificationReading) -> Iterator[Measure]:
    counts = reading.counts.reliability
    if counts is not None:  # no interval: it is biased upwards in small batches
        yield Measure("calibration_error", calibration_error(counts), None, None, reading.rows)


CALIBRATION_ERROR: ClassificationMetric = ClassificationMetric(
    "calibration_error", "mean distance of confidence and accuracy, in ten bins", _measure, order=7
)
