"""The share of errors above what the reference's largest tenth begins with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from drift.metrics.intervals import wilson
from drift.metrics.protocol import Measure, Sums
from drift.metrics.regression.sums import PredictedRows, RegressionMetric, RegressionReading

NAME = "large_errors"


def _count(rows: PredictedRows) -> Sums | None:
    if rows.large_error is None:
        return None
    large = np.abs(rows.predictions - rows.labels) > rows.large_error
    return np.asarray([len(large), large.sum()], np.float64)


def _measure(reading: RegressionReading) -> Iterator[Measure]:
    sums = reading.counts.sums.get(NAME)
    if sums is not None:
        rows, large = float(sums[0]), float(sums[1])
        yield Measure(NAME, large / rows, *wilson(large, rows, reading.level), int(rows))


LARGE_ERRORS = RegressionMetric(
    NAME, "share of errors above what the reference's largest tenth begins with", _measure, _count, order=11
)
