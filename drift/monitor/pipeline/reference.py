"""The rows that batches are judged against: chosen once, agreed by a person, and calibrated for batches of a size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drift.detect.profiles.column_reader import ColumnValues
from drift.detect.profiles.profiles import Profile, profile
from drift.errors import DataError
from drift.monitor.drift.signals import inputs_of, labels_of, losses_of
from drift.monitor.pipeline.measure import Measuring, bins_of
from drift.monitor.reference.batch_variation import (
    LEAST_GROUPS,
    MOST_GROUPS,
    BetweenBatchVariance,
    Counted,
    between_batch_variance,
    cut_evenly,
    merge_adjacent,
    spread_ranges,
)
from drift.monitor.reference.limits import AlarmSpec, bucket, cells_of, distance_limit
from drift.monitor.sources.rows import PredictionRows
from drift.monitor.sources.slices import Slice
from drift.monitor.store.records import MonitorReference, now

SAMPLE_ROWS = 20_000  # that are kept: neighbours and dependence are looked up in them
LEAST_ROWS = 50
LARGE = 0.9  # quantile of the reference's absolute errors above which an error is large


def make_reference(
    rows: PredictionRows,
    *,
    chosen: str,
    by: str,
    why: str,
    name: str = "",
    slices: Sequence[Slice] = (),
    alarms: AlarmSpec | None = None,
    sizes: Sequence[int] = (),
) -> MonitorReference:
    """A reference from rows in the order of time.

    Args:
        rows: 50 or more.
        chosen: how they were, in words.
        by: who agrees that they are good.
        why: on what grounds.
        name: of the reference, for people.
        slices: that are followed.
        alarms: what counts as bad, and the guarantee on false alarms.
        sizes: rows of each of the batches that they come from; without any, stretches of as many rows each are taken.

    Raises:
        DataError: too few rows.
    """
    if len(rows) < LEAST_ROWS:
        raise DataError(f"expected a reference of {LEAST_ROWS} rows or more, got {len(rows)}: choose a longer stretch")
    large_error = None
    if rows.prediction.dtype == np.float64 and rows.labelled.any():
        errors = np.abs(rows.prediction - rows.labels)[rows.labelled]
        large_error = float(np.quantile(errors, LARGE))
    measuring = Measuring(reference=None, slices=slices, large_error=large_error)
    measuring.add(rows)
    inputs, labels = bins_of(rows)
    return MonitorReference(
        id=0,
        version=0,
        name=name,
        chosen=chosen,
        rows=len(rows),
        inputs=inputs,
        labels=labels,
        groups=_count_groups(
            rows, inputs, labels, sizes if len(sizes) >= LEAST_GROUPS else cut_evenly(len(rows), MOST_GROUPS)
        ),
        measures=measuring.result().measures,
        losses=losses_of(rows, large_error),
        large_error=large_error,
        sample=rows if len(rows) <= SAMPLE_ROWS else rows.take(np.arange(len(rows) - SAMPLE_ROWS, len(rows))),
        agreed_by=by,
        agreed_at=now(),
        why=why,
        promise=alarms or AlarmSpec(),
    )


class ReferenceLimits:
    """Limits of a reference for batches of any size, each calibrated once."""

    def __init__(self, reference: MonitorReference, known: dict[int, dict[str, float]] | None = None) -> None:
        """`known` are limits that were calibrated before, by signal for batches of so many rows."""
        self.reference, self._known = reference, known or {}
        self._columns = inputs_of(reference.sample) | labels_of(reference.sample)
        self.fresh: dict[int, dict[str, float]] = {}  # calibrated here, by rows; for the caller to remember

    @property
    def signals(self) -> int:
        """How many share the allowed rate of false alarms."""
        slices = {measured.of_slice for measured in self.reference.measures if measured.of_slice}
        return len(self.reference.inputs.columns) + 1 + len(slices)  # and the label

    def limits(self, rows: int, *, of_labels: bool = False) -> Mapping[str, float]:
        """Limits of the Jensen-Shannon divergence by signal, for a batch of `rows`, or for so many labels."""
        size = bucket(rows)
        profile = self.reference.labels if of_labels else self.reference.inputs
        limits = self._known.setdefault(size, {})
        left = [signal for signal in profile.columns if signal not in limits] if profile is not None else []
        if profile is not None and left:
            fresh = {signal: self._calibrated(profile, signal, size) for signal in left}
            limits.update(fresh)
            self.fresh.setdefault(size, {}).update(fresh)
        return limits

    def _calibrated(self, profile: Profile, signal: str, rows: int) -> float:
        alarms = self.reference.promise
        return distance_limit(
            profile.binning.columns[signal],
            profile.columns[signal],
            rows,
            rate=alarms.rate(self.signals),
            rule=alarms.rule,
            variance=_variance_of(self.reference, profile, signal, self._columns.get(signal, ()), rows),
        )


def _count_groups(
    rows: PredictionRows, inputs: Profile, labels: Profile | None, sizes: Sequence[int]
) -> dict[str, Counted]:
    """Rows of each stretch in each cell, (groups, cells), by signal."""
    groups: dict[str, list[Sequence[int]]] = {}
    for start, end in spread_ranges(sizes):
        part = rows.take(np.arange(start, end))
        for whole, table in ((inputs, inputs_of(part)), (labels, labels_of(part))):
            if whole is not None:
                for signal, counts in profile(whole.binning, table).columns.items():
                    groups.setdefault(signal, []).append(cells_of(counts, whole.columns[signal]))
    return {signal: np.asarray(counts, np.int64) for signal, counts in groups.items()}


def _variance_of(
    reference: MonitorReference, whole: Profile, signal: str, values: Any, rows: int
) -> BetweenBatchVariance | None:
    """How batches of `rows` of the reference differ: by its own batches, or shorter stretches if that says more."""
    variances = []
    groups = reference.groups.get(signal)
    if groups is not None and len(groups):
        variances.append(between_batch_variance(merge_adjacent(groups, rows / 2)))
    typical = 0.0 if groups is None else float(np.median(groups.sum(axis=1)))
    if rows < typical / 2 and len(values) >= LEAST_GROUPS * rows:
        column = np.asarray(values)[len(values) % rows :]
        parts = [
            whole.binning.columns[signal].count(ColumnValues(signal, part))
            for part in np.split(column, len(column) // rows)
        ]
        variances.append(
            between_batch_variance(np.asarray([cells_of(part, whole.columns[signal]) for part in parts], np.int64))
        )
    return max(
        (variance for variance in variances if variance is not None), key=lambda variance: variance.excess, default=None
    )
