"""Scores of the probabilities: log-loss and Brier score, means over rows, and the calibration error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt

from drift.metrics.classification.counts import ClassificationCounts, ClassificationMetric, ClassificationReading
from drift.metrics.classification.reliability import calibration_error
from drift.metrics.intervals import z_value
from drift.metrics.protocol import Measure, Sums


def _mean(
    name: str, sums_of: Callable[[ClassificationCounts], Sums | None]
) -> Callable[[ClassificationReading], Iterator[Measure]]:
    def measure(reading: ClassificationReading) -> Iterator[Measure]:
        sums, rows = sums_of(reading.counts), reading.rows
        if sums is not None:
            mean = float(sums[0]) / rows
            spread = z_value(reading.level) * sqrt(max(float(sums[1]) / rows - mean**2, 0.0) / rows)
            yield Measure(name, mean, max(0.0, mean - spread), mean + spread, rows)

    return measure


def _calibration_error(reading: ClassificationReading) -> Iterator[Measure]:
    counts = reading.counts.reliability
    if counts is not None:  # no interval: it is biased upwards in small batches
        yield Measure("calibration_error", calibration_error(counts), None, None, reading.rows)


LOG_LOSS = ClassificationMetric("log_loss", "mean log-loss in nats", _mean("log_loss", lambda c: c.log_loss), order=5)
BRIER = ClassificationMetric(
    "brier", "mean Brier score: of two classes of one of them, else summed over classes",
    _mean("brier", lambda c: c.brier), order=6,
)  # fmt: skip
CALIBRATION_ERROR = ClassificationMetric(
    "calibration_error", "mean distance of confidence and accuracy, in ten bins", _calibration_error, order=7
)
