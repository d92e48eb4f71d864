"""Sums of errors of predicted numbers, which merge: what the metrics of regression are read off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.metrics.moments import Moments, moments_of
from drift.metrics.protocol import LEVEL, MetricDeclaration, Sums, counted_sums, merged_sums


@dataclass(frozen=True, eq=False)
class PredictedRows:
    """Some rows whose values are known, as a metric that counts sums of its own is given them.

    Attributes:
        labels: (n,) true values.
        predictions: (n,).
        large_error: absolute error above which a row counts as a loss; None without a reference.
    """

    labels: NDArray[np.float64]
    predictions: NDArray[np.float64]
    large_error: float | None


@dataclass(frozen=True)
class RegressionSums:
    """What is kept of errors, prediction less label; `a + b` is that of all rows together.

    Attributes:
        error: moments of the errors.
        absolute: of their absolute values.
        square: of their squares.
        sums: of metrics that count some of their own, by the metric's name.
    """

    error: Moments
    absolute: Moments
    square: Moments
    sums: dict[str, Sums] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many."""
        return self.error.count

    def __add__(self, other: RegressionSums) -> RegressionSums:
        return RegressionSums(
            self.error.merge(other.error),
            self.absolute.merge(other.absolute),
            self.square.merge(other.square),
            merged_sums(self.sums, other.sums),
        )


@dataclass(frozen=True, eq=False)
class RegressionReading:
    """Sums of a batch, as the metrics are given them.

    Attributes:
        counts: of one row or more.
        level: intervals are at confidence 1 - level.
    """

    counts: RegressionSums
    level: float = LEVEL

    @property
    def rows(self) -> int:
        """How many were counted."""
        return self.counts.rows


RegressionMetric: TypeAlias = MetricDeclaration[RegressionReading, PredictedRows]


def sum_errors(
    labels: NDArray[np.float64],
    predictions: NDArray[np.float64],
    *,
    large_error: float | None = None,
    metrics: Iterable[RegressionMetric] = (),
) -> RegressionSums:
    """Sum up the errors of some rows.

    Args:
        labels: (n,) true values, finite.
        predictions: (n,), finite.
        large_error: see `PredictedRows`.
        metrics: of which those that count sums of their own are asked.
    """
    rows = PredictedRows(np.asarray(labels, np.float64), np.asarray(predictions, np.float64), large_error)
    errors = rows.predictions - rows.labels
    return RegressionSums(
        moments_of(errors), moments_of(np.abs(errors)), moments_of(errors**2), counted_sums(metrics, rows)
    )
