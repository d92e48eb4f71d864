"""Mean absolute error, root mean square error and bias, in the units of the label."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from drift.metrics.intervals import z_value
from drift.metrics.moments import Moments
from drift.metrics.protocol import Measure
from drift.metrics.regression.sums import RegressionMetric, RegressionReading


def _spread(part: Moments, rows: int, level: float) -> float:
    """Half the normal interval of a mean."""
    return z_value(level) * sqrt(part.squares / max(1, rows - 1) / rows)


def _mae(reading: RegressionReading) -> Iterator[Measure]:
    part, rows = reading.counts.absolute, reading.rows
    if rows < 2:  # one row says nothing of how rows differ
        yield Measure("mae", part.mean, None, None, rows)
        return
    spread = _spread(part, rows, reading.level)
    yield Measure("mae", part.mean, max(0.0, part.mean - spread), part.mean + spread, rows)


def _rmse(reading: RegressionReading) -> Iterator[Measure]:
    part, rows = reading.counts.square, reading.rows
    if rows < 2:
        yield Measure("rmse", sqrt(part.mean), None, None, rows)
        return
    spread = _spread(part, rows, reading.level)  # of the mean square, by the variance of squares
    low, high = max(0.0, part.mean - spread), part.mean + spread
    yield Measure("rmse", sqrt(part.mean), sqrt(low), sqrt(high), rows)


def _bias(reading: RegressionReading) -> Iterator[Measure]:
    part, rows = reading.counts.error, reading.rows
    if rows < 2:
        yield Measure("bias", part.mean, None, None, rows)
        return
    spread = _spread(part, rows, reading.level)
    yield Measure("bias", part.mean, part.mean - spread, part.mean + spread, rows)


MAE = RegressionMetric("mae", "mean absolute error", _mae, order=8)
RMSE = RegressionMetric("rmse", "root mean square error", _rmse, order=9)
BIAS = RegressionMetric("bias", "mean of prediction less label", _bias, order=10)
