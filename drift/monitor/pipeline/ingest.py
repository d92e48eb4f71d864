"""From a source into the store: rows are cut into batches, and each batch is stored as soon as it is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.errors import UsageError
from drift.monitor.pipeline.batch_builder import BatchBuilder
from drift.monitor.pipeline.batch_writer import BatchWriter, Ingested
from drift.monitor.pipeline.labels import in_force
from drift.monitor.pipeline.probability_check import ProbabilityCheck
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import Texts
from drift.monitor.sources.slices import Slice, parse_slice
from drift.monitor.store import MonitorStore, batches
from drift.monitor.store.records import MonitorRecord

if TYPE_CHECKING:
    import pandas as pd

MOST_BUFFERED = 1_000_000  # rows of all open batches that are not compressed yet


def ingest(
    store: MonitorStore,
    name: str,
    chunks: Iterable[pd.DataFrame],
    *,
    source: str,
    columns: Columns,
    batching: Batching,
    ordered: bool,
    slices: tuple[str, ...] = (),
    replace: bool = False,
    partial: bool = False,
    of_one_class: bool = True,
    progress: Progress = ignore_progress,
) -> Ingested:
    """Read a source into a monitor's store; what is stored already stays as it is.

    Each batch is committed with its rows, measures and drift in one transaction, so that after a crash it is there
    whole or not at all, and the same command goes on.

    Args:
        store: where to.
        name: of the monitor; it begins with its first rows.
        chunks: of the source.
        source: what it is called, without a password.
        columns: which column is what, as asked for.
        batching: how it is cut.
        ordered: whether a batch's rows come together.
        slices: to be followed, as texts.
        replace: put batches that are stored with other rows in their place.
        partial: also store the last batch of a period or number of rows, for which more rows may come.
        of_one_class: whether probabilities may be of one class by mistake, and are looked at for that.
        progress: called with words, batches and rows so far.

    Raises:
        DataError: rows that cannot be used; batches before them are stored.
        UsageError: a monitor that begins with probabilities that are not of the predicted class.
    """
    run = _Ingest(store, name, columns, batching, slices, replace, of_one_class, Ingested(source=source))
    first, file, last = 0, "", ""
    try:
        for frame in chunks:
            if not len(frame):
                continue
            if run.writer is None:
                run.begin(frame)
            if not batching.column and not batching.every and frame.attrs.get("file", "") != file:
                file = frame.attrs.get("file", "")
                first = first if batching.size else 0  # rows without keys are counted within a batch
            last = run.take(frame, first, file)
            first += len(frame)
            if ordered:
                run.store_finished(last)
            elif sum(builder.buffered for builder in run.open.values()) > MOST_BUFFERED:
                for builder in run.open.values():
                    builder.flush()
            progress(f"{run.result.stored:,} batches", first, 0)
        run.store_rest(partial)
    finally:
        for builder in run.open.values():
            builder.close()
    return run.result


@dataclass
class _Ingest:
    """One ingest: the monitor with its first chunk, and the batches that more rows may come for."""

    store: MonitorStore
    name: str
    columns: Columns
    batching: Batching
    slices: tuple[str, ...]
    replace: bool
    of_one_class: bool
    result: Ingested
    writer: BatchWriter | None = None
    open: dict[str, BatchBuilder] = field(default_factory=dict)
    calibration: ReferenceLimits | None = None
    check: ProbabilityCheck | None = None

    def begin(self, frame: pd.DataFrame) -> None:
        """Find the monitor, or begin it with the first rows."""
        with self.store.read() as connection:
            monitor = batches.find_monitor(connection, self.name)
            empty = monitor is None or batches.is_empty(connection, monitor)
        if monitor is None or (empty and self.columns.prediction):  # a first ingest that failed binds nobody
            monitor = self._begin_monitor(frame)
        if self.slices and self.slices != monitor.slices:
            raise UsageError(
                f"expected the slices that the monitor began with ({'; '.join(monitor.slices) or 'none'}):"
                " leave --slice out, or begin another monitor with --monitor NAME"
            )
        self.columns = monitor.columns.fit_to(self.columns)
        self.check = self._probability_check(self.columns)
        known = {*self.columns.named, *self.columns.ignore, *(name for name, _ in self.columns.features)}
        prefix = self.columns.probabilities
        self.result.left_out = tuple(
            name for name in map(str, frame.columns) if name not in known and not (prefix and name.startswith(prefix))
        )
        self.calibration = in_force(self.store, monitor)
        self.writer = BatchWriter(self.store, monitor, self.calibration, self.result, replace=self.replace)

    def _begin_monitor(self, frame: pd.DataFrame) -> MonitorRecord:
        slices = [parse_slice(text) for text in self.slices]
        settled = self.columns.settle(frame, keep={part.column for each in slices for part in each.conditions})
        _require_names_of_their_own(slices)
        rows = settled.read(frame)  # what is wrong with them, or with slices, is said before anything is stored
        for each in slices:
            each.rows(rows.features)
        check = self._probability_check(settled)
        if check is not None:
            check.add(rows)
            if check.problem:
                raise UsageError(
                    f"expected the {check.problem}: if they are of one class, name it with --positive CLASS"
                )
        self.result.begun = True
        with self.store.write() as connection:
            return batches.begin_monitor(connection, self.name, settled, self.slices)

    def _probability_check(self, columns: Columns) -> ProbabilityCheck | None:
        if not self.of_one_class or not columns.probability or columns.positive or columns.probabilities:
            return None
        return ProbabilityCheck(columns.probability)

    def take(self, frame: pd.DataFrame, first: int, file: str) -> str:
        """Give the rows of a chunk to their batches; the last row's batch."""
        rows = self.columns.read(frame, first=first)
        if self.check is not None:
            self.check.add(rows)
            self.result.unlikely = self.check.problem
        names = self.batching.labels(frame, rows.times, first=first, file=file)
        for name, positions in _groups(names):
            if name not in self.open:
                self.open[name] = self._builder(name)
            self.open[name].add(rows if len(positions) == len(rows) else rows.take(positions))
        return str(names[-1])

    def _builder(self, name: str) -> BatchBuilder:
        writer = self._writer
        stored = name in writer.names
        return BatchBuilder(
            name,
            source=self.result.source,
            keyed=bool(self.columns.key),
            reference=self.calibration.reference if self.calibration else None,
            slices=[parse_slice(text) for text in writer.monitor.slices],
            waiting={} if stored else writer.waiting,  # what is stored has its labels, or better ones
            stored=stored,
        )

    @property
    def _writer(self) -> BatchWriter:
        assert self.writer is not None  # noqa: S101 - begun with the first chunk
        return self.writer

    def store_finished(self, last: str) -> None:
        """Store the batches before the last one, unless their period is not over."""
        for name in [name for name in self.open if name != last and not self.batching.may_grow(name, _now())]:
            self._writer.write(self.open.pop(name))

    def store_rest(self, partial: bool) -> None:
        """Store the batches that are left; without `partial`, not the one that more rows may come for."""
        names = list(self.open)
        if names and self.batching.unfinished_last and not partial:
            newest = self.batching.unfinished(names, _now())
            builder = self.open[newest]
            builder.flush()
            if not self.batching.size or len(builder.hashes) < self.batching.size:
                self.result.unfinished = newest
        for name in names:
            builder = self.open.pop(name)
            if name == self.result.unfinished:
                builder.close()
            else:
                self._writer.write(builder)


def _require_names_of_their_own(slices: Iterable[Slice]) -> None:
    twice = [name for name, count in Counter(each.name for each in slices).items() if count > 1]
    if twice:
        raise UsageError(f"expected slices with names of their own, got several called {twice[0]!r}")


def _now() -> np.datetime64:
    return np.datetime64(datetime.now(UTC).replace(tzinfo=None), "ms")


def _groups(labels: Texts) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Positions of each label, in the order of their first rows."""
    import pandas as pd

    codes, names = pd.factorize(labels)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    for name, positions in zip(names, np.split(order, ends[:-1]), strict=True):
        yield str(name), positions
