"""Numbers of experiments with images as MLflow takes them, batches as steps."""

from __future__ import annotations

import re

from drift.images.augment import SampleComparison
from drift.images.detection.detector_comparison import DetectorComparison
from drift.images.streams.simulate import RampResult
from drift.tracking.runs.open_runs import LoggedMetric


def ramp_points(ramp: RampResult) -> list[LoggedMetric]:
    """Every batch's numbers."""
    points = [LoggedMetric("accepted_accuracy", ramp.accepted)]
    for batch in ramp.batches:
        values = {
            "batch/severity": batch.severity,
            "batch/accuracy": batch.accuracy,
            "batch/confidence": batch.confidence,
            "batch/calibration_error": batch.calibration_error,
        }
        by_class = zip(ramp.classes, batch.by_class, strict=True)
        values |= {f"class/{plain(name)}": share for name, share in by_class if share is not None}
        values |= {f"detector/{s.detector}_p_value": s.p_value for s in batch.scores if s.p_value is not None}
        values |= {f"detector/{s.detector}_alarm": float(s.alarm) for s in batch.scores}
        points += [LoggedMetric(name, value, batch.index) for name, value in values.items()]
    return points


def table_points(comparison: DetectorComparison) -> list[LoggedMetric]:
    """Score and p-value of every detector on every shift."""
    return [
        LoggedMetric(f"{cell.detector}/{plain(cell.shift)}_{name}", getattr(cell, name))
        for cell in comparison.cells
        for name in ("statistic", "p_value")
    ]


def sample_points(results: list[SampleComparison]) -> list[LoggedMetric]:
    """What each network sees of each sample."""
    return [
        LoggedMetric(f"{plain(result.model)}/{plain(result.sample)}_{name}", getattr(result, name))
        for result in results
        for name in ("accuracy", "distance", "threshold", "p_value")
    ]


def plain(name: str) -> str:
    """What MLflow takes as a part of a metric's name: a folder may be called anything."""
    return re.sub(r"[^\w.\-]", "_", name)
