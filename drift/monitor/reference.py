"""The rows that batches are judged against: chosen once, agreed by a person, and calibrated for batches of a size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from drift.detect.binned.binning import Bins, QuantileBins
from drift.detect.binned.columns import Column
from drift.detect.binned.counts import NamedCounts
from drift.detect.binned.distances import jensen_shannon
from drift.detect.binned.profiles import Profile
from drift.errors import DataError
from drift.monitor.explain.conditions import Slice
from drift.monitor.limits import Promise, bucket, distance_limit
from drift.monitor.measuring import Measuring, bins_of
from drift.monitor.records import Reference, now
from drift.monitor.rows import Rows
from drift.monitor.signals import LABEL, inputs_of, labels_of, losses_of

SAMPLE_ROWS = 20_000  # that are kept: neighbours and dependence are looked up in them
LEAST_ROWS = 50
LARGE = 0.9  # quantile of the reference's absolute errors above which an error is large
SUSPICION = 0.05  # level at which rows are believed to come in runs
LEAST_GROUPS = 5  # batches of the reference that say how much batches differ
SHUFFLES = 99
CONFIDENCE = 0.8  # of the bound on the ratio


def make_reference(
    rows: Rows,
    *,
    chosen: str,
    by: str,
    why: str,
    name: str = "",
    slices: Sequence[Slice] = (),
    promise: Promise | None = None,
) -> Reference:
    """A reference from rows in the order of time.

    Args:
        rows: 50 or more.
        chosen: how they were, in words.
        by: who agrees that they are good.
        why: on what grounds.
        name: of the reference, for people.
        slices: that are followed.
        promise: on alarms.

    Raises:
        DataError: too few rows.
    """
    if len(rows) < LEAST_ROWS:
        raise DataError(f"expected a reference of {LEAST_ROWS} rows or more, got {len(rows)}: choose a longer stretch")
    large_error = None
    if rows.prediction.dtype == np.float64 and rows.known.any():
        errors = np.abs(rows.prediction - rows.truth)[rows.known]
        large_error = float(np.quantile(errors, LARGE))
    measuring = Measuring(reference=None, slices=slices)
    measuring.add(rows)
    inputs, labels = bins_of(rows)
    return Reference(
        id=0,
        version=0,
        name=name,
        chosen=chosen,
        rows=len(rows),
        inputs=inputs,
        labels=labels,
        measures=measuring.result().measures,
        losses=losses_of(rows, large_error),
        large_error=large_error,
        sample=rows if len(rows) <= SAMPLE_ROWS else rows.take(np.arange(len(rows) - SAMPLE_ROWS, len(rows))),
        agreed_by=by,
        agreed_at=now(),
        why=why,
        promise=promise or Promise(),
    )


class Calibration:
    """Limits of a reference for batches of any size, each calibrated once."""

    def __init__(self, reference: Reference, *, known: Callable[[int], Mapping[str, float]] = lambda rows: {}) -> None:
        """`known` answers with limits that were calibrated before, by rows."""
        self.reference, self._known = reference, known
        self._columns = inputs_of(reference.sample) | labels_of(reference.sample)
        self._found: dict[int, dict[str, float]] = {}
        self.fresh: dict[int, dict[str, float]] = {}  # calibrated here, by rows; for the caller to remember

    @property
    def signals(self) -> int:
        """How many share the promise: each has a part of it."""
        slices = {one.of_slice for one in self.reference.measures if one.of_slice}
        return len(self.reference.inputs.columns) + 1 + len(slices)  # and the label

    def limits(self, rows: int, *, of_labels: bool = False) -> Mapping[str, float]:
        """Limits of the Jensen-Shannon divergence by signal, for a batch of `rows`, or for so many truths."""
        size = bucket(rows)
        if size not in self._found:
            self._found[size] = dict(self._known(size))
        found, profile = self._found[size], self.reference.labels if of_labels else self.reference.inputs
        left = [signal for signal in profile.columns if signal not in found] if profile is not None else []
        if profile is not None and left:
            fresh = {signal: self._calibrated(profile, signal, size) for signal in left}
            found.update(fresh)
            self.fresh.setdefault(size, {}).update(fresh)
        return found

    def _calibrated(self, profile: Profile, signal: str, rows: int) -> float:
        bins, promise = profile.binning.columns[signal], self.reference.promise
        values = self._columns.get(signal, ())
        return distance_limit(
            bins,
            profile.columns[signal],
            rows,
            rate=promise.rate(self.signals),
            rule=promise.rule,
            inflation=inflation_of(bins, np.asarray(values) if len(values) else np.zeros(0), rows),
        )

    @property
    def has_labels(self) -> bool:
        """Whether the truth of the reference is known."""
        return self.reference.labels is not None and LABEL in self.reference.labels.columns


def inflation_of(bins: Bins, values: NDArray[np.generic], rows: int) -> float:
    """By how much batches of the reference differ more from the whole of it than rows in any order would; 1 or more.

    The reference is cut into batches, and the mean of their Jensen-Shannon divergences from the whole compared with
    that of rows drawn without an order. If it is beyond 19 of 20 such means, the ratio counts, at the upper end of what
    as many batches say of a variance. With fewer than five batches shorter ones are taken, and the ratio is assumed to
    grow with their length, which is the worst that it can do.

    Args:
        bins: of the signal.
        values: of the reference, in the order of time.
        rows: of a batch.
    """
    from scipy.stats import chi2

    size = min(rows, len(values) // LEAST_GROUPS)
    if size < 2:
        return 1.0
    groups = len(values) // size
    newest = values[len(values) - groups * size :]
    counts = _cells(bins, [newest[at * size : (at + 1) * size] for at in range(groups)])
    whole = counts.sum(axis=0)
    shares = (whole / whole.sum())[:, None]
    observed = float(jensen_shannon(shares, counts.T / size).mean())
    drawn = np.random.default_rng(0).multivariate_hypergeometric(
        whole, size, size=groups * SHUFFLES, method="marginals"
    )
    null = jensen_shannon(shares, drawn.T / size).reshape(SHUFFLES, groups).mean(axis=1)
    if observed <= np.quantile(null, 1 - SUSPICION) or null.mean() <= 0:
        return 1.0
    bound = (groups - 1) / float(chi2.ppf(1 - CONFIDENCE, groups - 1))
    return max(1.0, observed / float(null.mean()) * bound * max(1.0, rows / size))


def _cells(bins: Bins, groups: Sequence[NDArray[np.generic]]) -> NDArray[np.int64]:
    """Rows of each group in each cell, (groups, cells)."""
    counted = [bins.count(Column("values", group)) for group in groups]
    if isinstance(bins, QuantileBins):
        return np.asarray([(*one.counts, one.missing) for one in counted], np.int64)
    names = sorted({name for one in counted if isinstance(one, NamedCounts) for name in one.counts})
    return np.asarray(
        [
            [*(one.counts.get(name, 0) for name in names), one.other, one.missing]
            for one in counted
            if isinstance(one, NamedCounts)
        ],
        np.int64,
    )
