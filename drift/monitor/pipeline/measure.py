"""Measures of a batch, chunk by chunk: memory does not grow with its rows, and parts may come in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.detect import learn_binning, merge, profile
from drift.detect.profiles.binning import QuantileBins, ValueBins
from drift.detect.profiles.counts import CellCounts, NamedCounts
from drift.detect.profiles.profiles import Profile
from drift.metrics import measures_of
from drift.metrics.classification import CLASSIFICATION
from drift.metrics.classification.counts import ClassificationCounts, count_classified
from drift.metrics.regression import REGRESSION
from drift.metrics.regression.sums import RegressionSums, sum_errors
from drift.monitor.drift.distances import JOINT_ROWS, measure_drift, measure_joint_drift
from drift.monitor.drift.signals import FEATURE, LABEL, inputs_of, labels_of
from drift.monitor.sources.rows import PredictionRows, joined
from drift.monitor.sources.slices import Slice
from drift.monitor.store.records import Drift, MonitorReference, Quality, SliceMeasure

Counts: TypeAlias = ClassificationCounts | RegressionSums
Limits: TypeAlias = Callable[..., Mapping[str, float]]  # by signal: `ReferenceLimits.limits`


@dataclass(frozen=True)
class Measured:
    """Measures of a batch's rows.

    Attributes:
        rows: of the batch.
        known: rows that have a label.
        measures: of all rows, of classes and of slices.
        quality: counts of duplicates, missing and new values.
        drift: from the reference; None without one.
    """

    rows: int
    known: int
    measures: tuple[SliceMeasure, ...]
    quality: Quality
    drift: Drift | None


class Measuring:
    """Takes rows, part by part, and says what they show."""

    def __init__(
        self, *, reference: MonitorReference | None, slices: Sequence[Slice] = (), large_error: float | None = None
    ) -> None:
        """Begin; `large_error` counts without a reference, which is what a reference itself is measured with."""
        self.reference, self.slices = reference, slices
        self.large_error = reference.large_error if reference is not None else large_error
        self.rows = self.known = 0
        self._missing: Counter[str] = Counter()
        self._answers: dict[str, Any] = {}  # counts by slice; of all by the empty name
        self._inputs: Profile | None = None
        self._labels: Profile | None = None
        self._sample: PredictionRows | None = None
        self._rng = np.random.default_rng(0)

    def add(self, rows: PredictionRows) -> None:
        """Take some rows into account."""
        known = rows.labelled
        self.rows += len(rows)
        self.known += int(known.sum())
        self._missing.update({str(name): int(rows.features[name].isna().sum()) for name in rows.features})
        self._count("", rows, known)
        for part in self.slices:
            self._count(part.name, rows, known & part.rows(rows.features))
        if self.reference is not None:
            self._profile(rows, self.reference)

    def result(self, *, limits: Limits | None = None, duplicates: int = 0, repeated: int = 0) -> Measured:
        """What all rows so far have shown.

        Args:
            limits: of distances, for the run rule.
            duplicates: rows that were left out.
            repeated: rows that earlier batches have, too.

        Raises:
            DataError: labels that are called otherwise than predictions are.
        """
        whole = self._answers.get("")
        if isinstance(whole, ClassificationCounts):
            whole.require_common_classes()
        measures = [
            SliceMeasure(measure, name) for name, answers in self._answers.items() for measure in measures_of(answers)
        ]
        quality = self._quality(duplicates, repeated)
        return Measured(self.rows, self.known, tuple(measures), quality, self._drift(limits))

    def _count(self, name: str, rows: PredictionRows, chosen: NDArray[np.bool_]) -> None:
        if not chosen.any():
            return
        some = rows if chosen.all() else rows.take(chosen)
        counts, before = _counted(some, self.large_error), self._answers.get(name)
        self._answers[name] = counts if before is None else before + counts

    def _profile(self, rows: PredictionRows, reference: MonitorReference) -> None:
        inputs = profile(reference.inputs.binning, inputs_of(rows))
        self._inputs = inputs if self._inputs is None else merge(self._inputs, inputs)
        if reference.labels is not None:
            labels = profile(reference.labels.binning, labels_of(rows))
            self._labels = labels if self._labels is None else merge(self._labels, labels)
        share = min(1.0, JOINT_ROWS / self.rows) * len(rows)  # about as many of every row so far
        some = rows.take(self._rng.permutation(len(rows))[: max(1, round(share))])
        if self._sample is not None and len(self._sample) + len(some) > 2 * JOINT_ROWS:
            self._sample = self._sample.take(self._rng.permutation(len(self._sample))[:JOINT_ROWS])
        self._sample = some if self._sample is None else joined([self._sample, some])

    def _drift(self, limits: Limits | None) -> Drift | None:
        reference = self.reference
        if reference is None or self._inputs is None:
            return None
        allowed = limits(self.rows) if limits is not None else {}
        signals = measure_drift(reference.inputs, self._inputs, limits=dict(allowed))
        if reference.labels is not None and self._labels is not None and self._labels.rows:
            of_labels = limits(self._labels.rows, of_labels=True) if limits is not None else {}
            signals += measure_drift(reference.labels, self._labels, limits=dict(of_labels))
        joint = None
        if self._sample is not None:
            joint = measure_joint_drift(reference.sample.features, self._sample.features)
        return Drift(self._inputs, self._labels, signals, joint)

    def _quality(self, duplicates: int, repeated: int) -> Quality:
        missing = {name: count for name, count in self._missing.items() if count}
        if self.reference is None or self._inputs is None:
            return Quality(duplicates, repeated, missing)
        outside, new = strange_values(self.reference.inputs, self._inputs)
        return Quality(duplicates, repeated, missing, outside, new)


def strange_values(reference: Profile, current: Profile) -> tuple[dict[str, int], dict[str, int]]:
    """Rows of a batch with values that the reference does not have: numbers outside its range, and new categories."""
    outside: dict[str, int] = {}
    new: dict[str, int] = {}
    for signal, bins in reference.binning.columns.items():
        if not signal.startswith(FEATURE):
            continue
        name, before, now = signal.removeprefix(FEATURE), reference.columns[signal], current.columns[signal]
        if isinstance(bins, QuantileBins) and isinstance(now, CellCounts):
            count, where = now.counts[0] + now.counts[-1], outside
        elif isinstance(before, NamedCounts) and isinstance(now, NamedCounts):
            count = (
                sum(rows for value, rows in now.counts.items() if value not in before.counts) if not before.other else 0
            )
            where = outside if isinstance(bins, ValueBins) else new
        if count:
            where[name] = count
    return outside, new


def bins_of(rows: PredictionRows) -> tuple[Profile, Profile | None]:
    """The profiles that a reference's rows teach: of what needs no labels, and of the labels, if there are any."""
    inputs, labels = inputs_of(rows), labels_of(rows)
    of_labels = profile(learn_binning(labels), labels) if len(labels[LABEL]) else None
    return profile(learn_binning(inputs), inputs), of_labels


def _counted(rows: PredictionRows, large_error: float | None) -> Counts:
    labelled = rows if rows.labelled.all() else rows.take(rows.labelled)
    if labelled.prediction.dtype == np.float64:
        return sum_errors(labelled.labels, labelled.prediction, large_error=large_error, metrics=REGRESSION.values())
    return count_classified(
        labelled.labels,
        labelled.prediction,
        probabilities=labelled.probabilities,
        classes=labelled.classes,
        confidence=labelled.confidence if labelled.probabilities is None else None,
        metrics=CLASSIFICATION.values(),
    )
