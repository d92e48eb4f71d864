"""Experiments with images in MLflow: one run for each, with batches as steps, and the page as an artifact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drift.images.augment import SampleComparison
from drift.images.detection.detector_comparison import DetectorComparison
from drift.images.streams.simulate import RampResult
from drift.tracking.connection.store import Store
from drift.tracking.runs.open_runs import LoggedMetric, open_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def log_experiment(
    name: str,
    points: list[LoggedMetric],
    store: Store,
    experiment: str,
    *,
    options: Mapping[str, object],
    page: Path,
    figures: Mapping[str, Figure] | None = None,
    text: Path | None = None,
) -> str:
    """Log numbers, pictures and the page of one experiment, and its text; returns the run's id."""
    with open_run(store, experiment, name=f"images {name}", kind=f"images-{name}") as run:
        run.params(options)
        run.describe(f"Image experiment `drift images {name}`; its page is among the artifacts.")
        run.metrics(points)
        for title, figure in (figures or {}).items():
            run.figure(title, figure)
        for file in (page, text) if text else (page,):
            run.file(file)
        return run.id
