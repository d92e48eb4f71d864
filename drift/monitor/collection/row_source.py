"""The source of an ingest: a file, a folder, a database, a data frame, or the scoring log of the loop."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drift.data.frames import is_frame, pandas_frame
from drift.data.readers import Chunks, open_source
from drift.errors import UsageError
from drift.monitor.collection.scoring_log import LogRows, without_calendar
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.store import MonitorStore, batches

if TYPE_CHECKING:
    import pandas as pd

LOG = "log"  # the source that is the loop's own log


@dataclass(frozen=True)
class RowSource:
    """What an ingest reads.

    Attributes:
        chunks: rows, in the order of the source.
        columns: which column is what, as the monitor has to be asked for.
        batching: how rows are cut into batches.
        ordered: whether the rows of a batch come one after the other.
        model: registered name of the model whose scoring log this is; empty for another source.
    """

    chunks: Chunks
    columns: Columns
    batching: Batching
    ordered: bool
    model: str


@dataclass(frozen=True)
class FrameRows:
    """A data frame as a source of one chunk."""

    frame: pd.DataFrame
    name: str = "data frame"
    files: bool = False

    def __iter__(self) -> Iterator[pd.DataFrame]:
        yield self.frame


def open_rows(source: Any, *, query: str = "", **reading: Any) -> Chunks:
    """A source by its address, or a data frame of pandas, Polars or Arrow.

    Args:
        source: a database's URL, a CSV or Parquet file, a folder of such, or a frame.
        query: of a database: a SELECT, or the name of a table.
        reading: further arguments of `drift.data.readers.open_source`, which a frame does not need.

    Raises:
        UsageError: a query without a database, or the other way round.
    """
    if is_frame(source):
        return FrameRows(pandas_frame(source, "source"))
    return open_source(str(source), query=query, **reading)


def open_ingest(
    store: MonitorStore,
    monitor: str,
    source: Any,
    *,
    requested: Columns,
    query: str = "",
    deployment: str = "",
    slices: Collection[str] = (),
) -> RowSource:
    """The source of an ingest, with the columns that the monitor knows already.

    Args:
        store: of the monitor.
        monitor: its name; it need not be there yet.
        source: `log`, or what `open_rows` takes.
        requested: which column is what, as far as it was named.
        query: of a database.
        deployment: of the scoring log; by default the one that the monitor follows, or else the newest.
        slices: texts of the slices that were named.

    Raises:
        UsageError: no column of predictions is named, or columns differ from those of the monitor.
        StateError: there is no scoring log.
    """
    is_log = not is_frame(source) and str(source) == LOG
    known = settled_columns(store, monitor, unless_empty=bool(requested.prediction) or is_log)
    if is_log:
        log = open_log(store, monitor, deployment)
        columns = log.columns if known is not None else without_calendar(log.columns, slices)
        return RowSource(log, columns, Batching(column=columns.batch), True, log.deployment.model)
    Batching(requested.batch, requested.every, requested.batch_size)  # raises where several of them are named
    if known is None and not requested.prediction:
        raise UsageError(
            "expected --prediction COLUMN at a monitor's first ingest: which column holds the model's answer?"
        )
    columns = requested if known is None else known.fit_to(requested)
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
    return RowSource(chunks, requested, batching, ordered, "")


def open_log(store: MonitorStore, monitor: str, deployment: str = "") -> LogRows:
    """The rows of the deployment that is named, else of the one that the monitor follows, else of the newest one.

    Raises:
        StateError: there is no such deployment.
    """
    from drift.loop.project_dir import ProjectDir

    path = ProjectDir(create=False).log
    followed = None if deployment else LogRows.followed(path, store, monitor)
    return followed or LogRows.newest(path, deployment)


def settled_columns(store: MonitorStore, monitor: str, *, unless_empty: bool = False) -> Columns | None:
    """The columns that a monitor was begun with.

    Args:
        store: of the monitor.
        monitor: its name.
        unless_empty: None, too, where it has neither batches nor a reference.
    """
    with store.read() as connection:
        record = batches.find_monitor(connection, monitor)
        if record is None or (unless_empty and batches.is_empty(connection, record)):
            return None
    return record.columns
