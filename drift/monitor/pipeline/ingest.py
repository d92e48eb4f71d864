"""From a source into the store: rows are cut into batches, and each batch is stored as soon as it is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import is_frame
from drift.errors import UsageError
from drift.monitor.collection.row_source import LOG, deployment_notes, open_log, open_rows, without_calendar
from drift.monitor.pipeline.batch_builder import BatchBuilder
from drift.monitor.pipeline.batch_writer import BatchWriter, Ingested
from drift.monitor.pipeline.labels import in_force
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import PredictionRows, Texts
from drift.monitor.sources.slices import parse_slice
from drift.monitor.store import MonitorStore, batches
from drift.monitor.store.records import MonitorRecord

if TYPE_CHECKING:
    import pandas as pd

UNLIKELY_SHARE, ENOUGH_ROWS = 0.01, 100  # rows with too small a probability are an error from these on
ROUNDING = 1e-6  # of a probability
MOST_BUFFERED = 1_000_000  # rows of all open batches that are not compressed yet


def ingest_source(
    store: MonitorStore,
    monitor: str,
    source: Any,
    *,
    requested: Columns,
    query: str = "",
    deployment: str = "",
    slices: tuple[str, ...] = (),
    **options: Any,
) -> Ingested:
    """Read a source by its address, with the columns that the monitor knows already.

    Args:
        store: of the monitor.
        monitor: its name; it need not be there yet.
        source: `log`, or what `open_rows` takes.
        requested: which column is what, as far as it was named.
        query: of a database.
        deployment: of the scoring log; by default the one that the monitor follows, or else the newest.
        slices: texts of the slices that were named.
        options: others of `ingest`.

    Raises:
        UsageError: no column of predictions is named, or columns differ from those of the monitor.
        StateError: there is no scoring log.
    """
    is_log = not is_frame(source) and str(source) == LOG
    with store.read() as connection:
        record = batches.find_monitor(connection, monitor)
        may_begin = bool(requested.prediction) or is_log  # anew, where nothing is stored yet
        if record is not None and may_begin and batches.is_empty(connection, record):
            record = None
    if is_log:
        log = open_log(store, monitor, deployment)
        columns = log.columns if record is not None else without_calendar(log.columns, slices)
        result = ingest(
            store, monitor, log, source=log.name, columns=columns, batching=Batching(column=columns.batch),
            ordered=True, slices=slices, of_one_class=False, **options,
        )  # fmt: skip
        result.model = log.deployment.model
        with store.read() as connection:
            record = batches.find_monitor(connection, monitor)
            stored = batches.all_batches(connection, record) if record is not None else []
        result.notes = deployment_notes([batch for batch in stored if batch.source == result.source])
        return result
    Batching(requested.batch, requested.every, requested.batch_size)  # raises where several of them are named
    if record is None and not requested.prediction:
        raise UsageError(
            "expected --prediction COLUMN at a monitor's first ingest: which column holds the model's answer?"
        )
    columns = requested if record is None else record.columns.fit_to(requested)
    batching = Batching(columns.batch, columns.every, columns.batch_size)
    order = batching.order(columns)
    chunks = open_rows(
        source, query=query, columns=columns.needed, texts=columns.texts, order=order,
        ignore=[name for name in columns.ignore if name not in columns.named],
    )  # fmt: skip
    keeps_order = chunks.files or is_frame(source) or str(source).startswith("sqlite")  # gives rows as they were put in
    if batching.size and not (keeps_order or order or "order by" in query.lower()):
        raise UsageError(
            "expected --time, --key or a query with ORDER BY beside --batch_size: rows of a database have no order of"
            " their own, and every so many of them would be others each time"
        )
    ordered = not chunks.files or bool(batching.size) or not (batching.column or batching.every)
    return ingest(
        store, monitor, chunks, source=chunks.name, columns=requested, batching=batching, ordered=ordered,
        slices=slices, **options,
    )  # fmt: skip


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
    result = Ingested(source=source)
    cutter: _BatchCutter | None = None
    first, file, last = 0, "", ""
    try:
        for frame in chunks:
            if not len(frame):
                continue
            if cutter is None:
                monitor, result.begun = _find_or_begin(store, name, frame, columns, slices, of_one_class)
                settled = monitor.columns.fit_to(columns)
                result.left_out = _left_out(frame, settled)
                writer = BatchWriter(store, monitor, in_force(store, monitor), result, replace=replace)
                cutter = _BatchCutter(writer, settled, batching, _probability_check(settled, of_one_class))
            if not batching.column and not batching.every and frame.attrs.get("file", "") != file:
                file = frame.attrs.get("file", "")
                first = first if batching.size else 0  # rows without keys are counted within a batch
            last = cutter.take(frame, first, file)
            first += len(frame)
            if ordered:
                cutter.store_finished(last)
            else:
                cutter.bound_memory()
            progress(f"{result.stored:,} batches", first, 0)
        if cutter is not None:
            cutter.store_rest(partial)
    finally:
        for builder in cutter.open.values() if cutter is not None else ():
            builder.close()
    return result


def _find_or_begin(
    store: MonitorStore, name: str, frame: pd.DataFrame, columns: Columns, slices: tuple[str, ...], of_one_class: bool
) -> tuple[MonitorRecord, bool]:
    """The monitor of that name; it begins with these rows if it is not there, or is empty and columns are named.

    Returns:
        the monitor, and whether it begins now.
    """
    with store.read() as connection:
        monitor = batches.find_monitor(connection, name)
        begins = monitor is None or (bool(columns.prediction) and batches.is_empty(connection, monitor))
    if monitor is None or begins:  # a first ingest that failed binds nobody
        settled = _settle(frame, columns, slices, of_one_class)
        with store.write() as connection:
            monitor = batches.begin_monitor(connection, name, settled, slices)
    if slices and slices != monitor.slices:
        raise UsageError(
            f"expected the slices that the monitor began with ({'; '.join(monitor.slices) or 'none'}):"
            " leave --slice out, or begin another monitor with --monitor NAME"
        )
    return monitor, begins


def _settle(frame: pd.DataFrame, columns: Columns, texts: tuple[str, ...], of_one_class: bool) -> Columns:
    """The columns of a monitor that begins with these rows, once nothing is wrong with rows and slices."""
    slices = [parse_slice(text) for text in texts]
    settled = columns.settle(frame, keep={part.column for each in slices for part in each.conditions})
    twice = [name for name, count in Counter(each.name for each in slices).items() if count > 1]
    if twice:
        raise UsageError(f"expected slices with names of their own, got several called {twice[0]!r}")
    rows = settled.read(frame)
    for each in slices:
        each.rows(rows.features)
    check = _probability_check(settled, of_one_class)
    if check is not None and (problem := check.add(rows)):
        raise UsageError(f"expected the {problem}: if they are of one class, name it with --positive CLASS")
    return settled


def _probability_check(columns: Columns, of_one_class: bool) -> ProbabilityCheck | None:
    if not of_one_class or not columns.probability or columns.positive or columns.probabilities:
        return None
    return ProbabilityCheck(columns.probability)


def _left_out(frame: pd.DataFrame, columns: Columns) -> tuple[str, ...]:
    """Columns of a source that a monitor does not follow."""
    known = {*columns.named, *columns.ignore, *(name for name, _ in columns.features)}
    prefix = columns.probabilities
    return tuple(
        name for name in map(str, frame.columns) if name not in known and not (prefix and name.startswith(prefix))
    )


@dataclass
class _BatchCutter:
    """Gives rows to the batches that more rows may come for, and stores those that are whole."""

    writer: BatchWriter
    columns: Columns
    batching: Batching
    check: ProbabilityCheck | None
    open: dict[str, BatchBuilder] = field(default_factory=dict)

    def take(self, frame: pd.DataFrame, first: int, file: str) -> str:
        """Give the rows of a chunk to their batches; the last row's batch."""
        rows = self.columns.read(frame, first=first)
        if self.check is not None:
            self.writer.result.unlikely = self.check.add(rows)
        names = self.batching.labels(frame, rows.times, first=first, file=file)
        for name, positions in _groups(names):
            if name not in self.open:
                self.open[name] = self.writer.builder(name)
            self.open[name].add(rows if len(positions) == len(rows) else rows.take(positions))
        return str(names[-1])

    def bound_memory(self) -> None:
        """Compress what is open where it has grown large."""
        if sum(builder.buffered for builder in self.open.values()) > MOST_BUFFERED:
            for builder in self.open.values():
                builder.flush()

    def store_finished(self, last: str) -> None:
        """Store the batches before the last one, unless their period is not over."""
        for name in [name for name in self.open if name != last and not self.batching.may_grow(name, _now())]:
            self.writer.write(self.open.pop(name))

    def store_rest(self, partial: bool) -> None:
        """Store the batches that are left; without `partial`, not the one that more rows may come for."""
        names = list(self.open)
        if names and (self.batching.every or self.batching.size) and not partial:  # more rows may come for the last
            newest = self.batching.unfinished(names, _now())
            builder = self.open[newest]
            builder.flush()
            if not self.batching.size or len(builder.hashes) < self.batching.size:
                self.writer.result.unfinished = newest
                self.open.pop(newest).close()
        for name in list(self.open):
            self.writer.write(self.open.pop(name))


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


class ProbabilityCheck:
    """Counts rows whose probability no predicted class can have."""

    def __init__(self, column: str) -> None:
        """Begin; `column` is the name of the column with the probabilities."""
        self._column = column
        self._rows = self._small = 0
        self._classes: tuple[str, ...] = ()

    def add(self, rows: PredictionRows) -> str:
        """Take rows into account; a message about all so far, empty where too few of them are wrong."""
        classes = tuple(sorted({*rows.prediction.tolist(), *rows.labels.tolist()} - {None}))
        if not {*classes} <= {*self._classes}:  # of more classes, smaller probabilities are right
            self._rows = self._small = 0
            self._classes = tuple(sorted({*classes, *self._classes}))
        if classes == self._classes:
            self._rows += len(rows)
            if rows.confidence is not None and len(classes) > 1:  # of k classes, the most probable one has 1/k or more
                self._small += int((rows.confidence < 1 / len(classes) - ROUNDING).sum())
        if self._rows < ENOUGH_ROWS or self._small <= UNLIKELY_SHARE * self._rows:
            return ""
        count = len(self._classes)
        return (
            f"probability of the predicted class in column {self._column!r}, {1 / count:.2g} or more of {count} classes"
            f" ({', '.join(self._classes[:9])}); got less in {self._small:,} of {self._rows:,} rows"
        )
