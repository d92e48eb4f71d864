"""Sources of rows: a file, a folder, a database, a data frame, or the scoring log of the loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drift.data.calendar import CALENDAR_NAMES
from drift.data.frames import is_frame, pandas_frame
from drift.data.readers import Chunks, open_source
from drift.errors import DataError, StateError
from drift.loop.card import DataSource
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.slices import parse_slice
from drift.monitor.store import MonitorStore, batches

if TYPE_CHECKING:
    import pandas as pd

    from drift.data.blocks import Table
    from drift.monitor.store.records import Batch

LOG = "log"  # the source that is the loop's own log
FEW_ROWS = 20  # of a batch, in the mean
COLUMNS = Columns(
    "prediction", truth="truth", key="row", time="time", batch="block", version="version", probability="confidence"
)


def without_calendar(columns: Columns, slices: Iterable[str]) -> Columns:
    """Columns of a monitor that begins from the log: what is computed from the time is no feature.

    Position in the day and in the week differs between any two batches that are shorter than that, which would alarm
    without any drift; the detectors of a deployment leave it out, too.

    Args:
        columns: of the log. Without times nothing is computed: columns of those names are the user's own.
        slices: that the user named; a slice can only be of features, so that those which it names are followed.
    """
    if not columns.time:
        return columns
    named = {condition.column for text in slices for condition in parse_slice(text).conditions}
    return replace(columns, ignore=tuple(name for name in CALENDAR_NAMES if name not in named))


def deployment_notes(stored: Sequence[Batch]) -> list[str]:
    """Messages about a deployment's batches that are very small, or answered by several versions of the model."""
    rows, notes = sum(batch.rows for batch in stored), []
    if stored and rows < FEW_ROWS * len(stored):
        notes.append(
            f"a batch has {rows / len(stored):.1f} rows in the mean, fewer than {FEW_ROWS}, which say little of"
            " accuracy and distances: a larger --block_size of drift deploy makes larger batches"
        )
    versions: Counter[str] = Counter()
    for batch in stored:
        versions.update(batch.versions)
    if len(versions) > 1:
        counts = ", ".join(f"{version} ({count:,} rows)" for version, count in versions.items())
        notes.append(f"{len(versions)} versions of the model answered: {counts}")
    return notes


@dataclass(frozen=True)
class LogRows:
    """The rows of one deployment, block by block.

    Attributes:
        path: of the scoring log.
        deployment: whose rows are read.
    """

    path: Path
    deployment: Deployment
    files = False

    @classmethod
    def newest(cls, path: Path, deployment: str = "") -> LogRows:
        """The log's newest deployment, or the one of that name.

        Raises:
            StateError: there is none.
        """
        if not path.is_file():
            raise StateError(f"there is no scoring log {path}: run from the folder of a deployment, or set DRIFT_HOME")
        deployments = [each for each in Journal(path).deployments() if deployment in ("", each.id)]
        if not deployments:
            raise StateError(f"the scoring log {path} has no deployment{f' {deployment!r}' if deployment else ''}")
        return cls(path, deployments[-1])

    @property
    def name(self) -> str:
        """The deployment."""
        return self.deployment.id

    @property
    def columns(self) -> Columns:
        """Which column is what; a table without times has none."""
        return COLUMNS if self._table().timestamps is not None else replace(COLUMNS, time="")

    @property
    def training_run(self) -> str:
        """The MLflow run of the model that the deployment began with, whose reference it was accepted on."""
        from drift.tracking.connection.store import connect
        from drift.tracking.registry import Registry

        return Registry(connect(), self.deployment.model).get(self.deployment.first_champion).run_id

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """One chunk a block.

        Raises:
            DataError: the table is not the one that was scored.
        """
        import pandas as pd

        table = self._table()
        if len(table) < self.deployment.stop_row or table.digest(range(self.deployment.stop_row)) != (
            self.deployment.options.get("digest")
        ):
            raise DataError(f"{table.name} is not the table that deployment {self.deployment.id} scored")
        classes = np.asarray(table.classes, object)
        for block in Journal(self.path).predictions(self.deployment.id):
            part = slice(int(block["row"][0]), int(block["row"][-1]) + 1)
            labels = block["label"]
            columns = {
                "row": block["row"],
                "block": [f"block {number}" for number in block["block"]],
                "version": block["version"],
                "prediction": classes[block["prediction"]],
                "truth": np.where(labels >= 0, classes[np.maximum(labels, 0)], None),
                "confidence": block["confidence"],
            }
            if table.timestamps is not None:
                columns["time"] = table.timestamps[part]
            columns |= {name: table.features[part, at] for at, name in enumerate(table.feature_names)}
            yield pd.DataFrame(columns)

    def _table(self) -> Table:
        from drift.loop.releases.promote import card_of
        from drift.loop.releases.trusted import trusted_registry
        from drift.tracking.connection.store import connect

        source = DataSource.from_json(self.deployment.options["source"])
        registry = trusted_registry(connect(), self.deployment.model, Journal(self.path))
        card = card_of(registry, registry.get(self.deployment.first_champion))
        return source.load().recoded(card.classes)


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


def open_log(store: MonitorStore, monitor: str, deployment: str = "") -> LogRows:
    """The rows of the deployment that is named, else of the one that the monitor follows, else of the newest one.

    Raises:
        StateError: there is no such deployment.
    """
    from drift.loop.project_dir import ProjectDir

    path = ProjectDir(create=False).log
    if not deployment:
        with store.read() as connection:
            record = batches.find_monitor(connection, monitor)
            stored = batches.all_batches(connection, record) if record is not None else []
        if stored and stored[-1].source:
            with suppress(StateError):  # it is not in this log
                return LogRows.newest(path, stored[-1].source)
    return LogRows.newest(path, deployment)
