"""Every metric, and what reads them off counts of a batch: for the loop, replays, the monitor and MLflow alike.

To add one: see `classification` and `regression`. It is then measured by the monitor, kept in its store, shown on its
page, and in Prometheus and `--json`.
"""

from __future__ import annotations

from typing import Any

from drift.metrics.classification import CLASSIFICATION
from drift.metrics.classification.counts import ClassificationCounts, ClassificationReading
from drift.metrics.protocol import LEVEL, Measure, MetricDeclaration, declared
from drift.metrics.regression import REGRESSION
from drift.metrics.regression.sums import RegressionReading, RegressionSums


def metrics_by_name() -> dict[str, MetricDeclaration[Any, Any]]:
    """Every metric, in the order of a page."""
    return declared({**CLASSIFICATION, **REGRESSION})


def measures_of(
    counts: ClassificationCounts | RegressionSums, *, level: float = LEVEL, seed: int = 0
) -> tuple[Measure, ...]:
    """All measures that the counts allow; those that they do not are left out.

    Args:
        counts: of a batch.
        level: intervals are at confidence 1 - level.
        seed: of bootstraps.

    Returns:
        Measures of all rows first, then those of classes, each in the order of the registry; none without rows.
    """
    if not counts.rows:
        return ()
    if isinstance(counts, ClassificationCounts):
        reading = ClassificationReading(counts, level, seed)
        measures = [measure for metric in CLASSIFICATION.values() for measure in metric.measure(reading)]
    else:
        errors = RegressionReading(counts, level)
        measures = [measure for metric in REGRESSION.values() for measure in metric.measure(errors)]
    return tuple(sorted(measures, key=lambda measure: measure.of_class is not None))
