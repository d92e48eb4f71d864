"""Mean absolute error, root mean square error and bias, in the units of the label, and the share of large errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf, sqrt

import numpy as np

from drift.metrics.intervals import wilson, z_value
from drift.metrics.moments import Moments
from drift.metrics.protocol import Measure, Sums
from drift.metrics.regression.sums import PredictedRows, RegressionMetric, RegressionReading, RegressionSums

LARGE = "large_errors"  # name of the metric


def _of_mean(
    name: str,
    part_of: Callable[[RegressionSums], Moments],
    *,
    least: float = 0.0,
    shown: Callable[[float], float] = float,
) -> Callable[[RegressionReading], Iterator[Measure]]:
    """A mean over rows, with the normal interval of the mean.

    Args:
        name: of the metric.
        part_of: the moments of what the mean is of.
        least: value that the interval does not go below.
        shown: what is shown of the mean and of the ends of its interval.
    """

    def measure(reading: RegressionReading) -> Iterator[Measure]:
        part, rows = part_of(reading.counts), reading.rows
        if rows < 2:  # one row says nothing of how rows differ
            yield Measure(name, shown(part.mean), None, None, rows)
            return
        spread = z_value(reading.level) * sqrt(part.squares / (rows - 1) / rows)
        yield Measure(name, shown(part.mean), shown(max(least, part.mean - spread)), shown(part.mean + spread), rows)

    return measure


def _count_large(rows: PredictedRows) -> Sums | None:
    if rows.large_error is None:
        return None
    large = np.abs(rows.predictions - rows.labels) > rows.large_error
    return np.asarray([len(large), large.sum()], np.float64)


def _large_errors(reading: RegressionReading) -> Iterator[Measure]:
    sums = reading.counts.sums.get(LARGE)
    if sums is not None:
        rows, large = float(sums[0]), float(sums[1])
        yield Measure(LARGE, large / rows, *wilson(large, rows, reading.level), int(rows))


MAE = RegressionMetric("mae", "mean absolute error", _of_mean("mae", lambda sums: sums.absolute), order=8)
RMSE = RegressionMetric(
    "rmse", "root mean square error", _of_mean("rmse", lambda sums: sums.square, shown=sqrt), order=9
)
BIAS = RegressionMetric(
    "bias", "mean of prediction less label", _of_mean("bias", lambda sums: sums.error, least=-inf), order=10
)
LARGE_ERRORS = RegressionMetric(
    LARGE,
    "share of errors above what the reference's largest tenth begins with",
    _large_errors,
    _count_large,
    order=11,
)
