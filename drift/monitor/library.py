"""The monitor as a library: one class over the store, the pipeline, the alerts and the report; commands call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from drift.data.schema import time_option
from drift.errors import DriftError, UsageError
from drift.monitor.alerts.check import Checked, acknowledge, check, close, still_bad
from drift.monitor.alerts.messages import Delivered, Watch, deliver
from drift.monitor.collection.row_source import open_rows
from drift.monitor.pipeline.batch_writer import Ingested
from drift.monitor.pipeline.ingest import ingest_source
from drift.monitor.pipeline.labels import JoinedLabels, in_force, join_labels, measure_all
from drift.monitor.pipeline.set_reference import ReferenceResult, reference_notes, set_reference
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.reference.limits import AlarmSpec
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import Task
from drift.monitor.store import MonitorStore, alerts, batches, references
from drift.monitor.store.opening import locate_store, next_command
from drift.monitor.store.records import Alert, Finding, MonitorRecord, MonitorReference
from drift.system.options import as_names
from drift.system.person import person

if TYPE_CHECKING:
    import pandas as pd

LONGEST_REASON = 1000  # characters
T = TypeVar("T")


class Monitor:
    """A deployed model's predictions, followed batch by batch against a reference.

    Attributes:
        store: the database that holds the monitor.
        name: of the monitor in it; it begins with its first rows.

    A stream of 30 days, ten of which are the reference:

    >>> import tempfile, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> rows = pd.DataFrame({"day": np.arange(3000) // 100, "x": rng.normal(size=3000)})
    >>> rows["answer"] = np.where(rows["x"] > 0, "up", "down")
    >>> rows["label"] = np.where(rows["x"] + rng.normal(scale=0.3, size=3000) > 0, "up", "down")
    >>> with tempfile.TemporaryDirectory() as folder, Monitor.open(f"{folder}/monitor.db") as monitor:
    ...     ingested = monitor.ingest(rows, prediction="answer", label="label", batch="day")
    ...     accepted = monitor.set_reference(first_batches=10, why="accepted by the buyers")
    ...     checked = monitor.check()
    ...     metrics = monitor.metrics()
    >>> ingested.stored, accepted.reference.version, len(checked.open)
    (30, 1, 0)
    >>> metrics[metrics["measure"] == "accuracy"].shape[0]
    30
    """

    def __init__(self, store: MonitorStore, name: str = "default", *, option: str = "") -> None:
        """Follow a monitor of a store.

        Args:
            store: that is open, or else `UsageError` is raised: `Monitor.open` opens one by its path.
            name: of the monitor.
            option: how the store was named, for commands in messages; empty for the default store.
        """
        if not isinstance(store, MonitorStore):
            raise UsageError(f"expected an open store, got {type(store).__name__}: use drift.Monitor.open(path)")
        self.store, self.name, self._option = store, name, option

    @classmethod
    def open(cls, store: str | Path | None = None, name: str | None = None, *, create: bool = True) -> Self:
        """Open a monitor.

        Args:
            store: a file (SQLite), or a database's URL (SQLite or PostgreSQL); `env:NAME` and `@FILE` take a URL that
                others must not see from a variable or a file. Default: what `DRIFT_MONITOR_STORE` names, or else
                `.drift/monitor.db` of the project.
            name: of the monitor, `default` if it is not given. A store may hold several.
            create: make the store if there is none.

        Raises:
            UsageError: there is no store and it is not to be made, no folder for it, or a URL of another database.
            StateError: it cannot be reached, or was written by a newer version.
        """
        option, name = str(store or ""), name or "default"
        return cls(MonitorStore(locate_store(option, name, create=create)), name, option=option)

    def __repr__(self) -> str:
        try:
            record = self.find()
            if record is None:
                return f"Monitor({self.name!r}, no batches)"
            with self.store.read() as connection:
                count = batches.count_batches(connection, record)
                reference = references.current_reference(connection, record)
            version = f"reference {reference.version}" if reference else "no reference"
        except DriftError as error:
            return f"Monitor({self.name!r}, {error})"
        return f"Monitor({self.name!r}, {count:,} batch{'' if count == 1 else 'es'}, {version})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the store."""
        self.store.close()

    def next_command(self, command: str, **options: object) -> str:
        """A command about this monitor, such as `monitor check`, with options by name, to be printed."""
        return next_command(command, self.name, self._option, **options)

    def find(self) -> MonitorRecord | None:
        """What the store holds of it; None before its first rows."""
        with self.store.read() as connection:
            return batches.find_monitor(connection, self.name)

    @property
    def record(self) -> MonitorRecord:
        """The same.

        Raises:
            UsageError: there is no such monitor; the message names those that there are.
        """
        record = self.find()
        if record is None:
            with self.store.read() as connection:
                names = [monitor.name for monitor in batches.all_monitors(connection)]
            known = f"it has {', '.join(names)}" if names else "it is empty: drift monitor ingest begins one"
            raise UsageError(f"expected a monitor of {self.store.name}, got {self.name!r}; {known}")
        return record

    @property
    def reference(self) -> MonitorReference | None:
        """The reference that is in force."""
        return self._read(references.current_reference)

    @property
    def references(self) -> list[MonitorReference]:
        """All versions of the reference, oldest first; the last one is in force."""
        return self._read(references.all_references)

    def ingest(
        self,
        source: Any,
        *,
        query: str = "",
        prediction: str = "",
        label: str = "",
        key: str = "",
        time: str = "",
        batch: str = "",
        every: str = "",
        batch_size: int = 0,
        version: str = "",
        probability: str = "",
        positive: str = "",
        probabilities: str = "",
        ignore: str | Sequence[str] = (),
        categories: str | Sequence[str] = (),
        task: Task | None = None,
        slices: str | Sequence[str] = (),
        deployment: str = "",
        replace: bool = False,
        partial: bool = False,
        progress: Progress = ignore_progress,
    ) -> Ingested:
        """Read batches of predictions; what is stored already stays as it is.

        The first rows settle which column is what, and all other columns are features; later calls need not repeat it.

        Args:
            source: a data frame of pandas, Polars or Arrow, a CSV or Parquet file, a folder of such, a database's URL,
                or `log`: the scoring log of the loop.
            query: of a database: a SELECT, or the name of a table.
            prediction: column with the model's answer, a class or a number. Required for the first rows.
            label: column with the true class or value, missing where it has not come yet.
            key: column that identifies a row; labels that come later are joined by it.
            time: column with the time of each row, in UTC unless it tells its zone; NAME:day_first or NAME:month_first
                says how 01/02/2026 is meant.
            batch: column that says which batch a row is of.
            every: a batch for every period of `time` instead: `30min`, `6h`, `1d`, `1w`.
            batch_size: a batch for every so many rows instead.
            version: column with the version of the model.
            probability: column with the probability of the predicted class, from 0 to 1.
            positive: the class that `probability` is of, whichever is predicted.
            probabilities: what the columns of all classes' probabilities begin with, such as `p_`.
            ignore: columns that are no features. Here, in `categories` and in `slices` a text is one, a list several.
            categories: features that are categories though they are numbers.
            task: `classification` or `regression`; by default as the predictions look.
            slices: rows to follow apart, such as `night: hour < 6 and state == 'NSW'`.
            deployment: of the scoring log; by default the one that is followed, or the newest.
            replace: replace batches that are stored with other rows.
            partial: also store the last batch of `every` or `batch_size`, for which more rows may come.
            progress: called with words, how much is done, and of how much (0: not known).

        Returns:
            How many batches and rows were stored. A batch that is stored with other rows is left as it is: `refused`
            has a message about each; `replace=True` replaces them.

        Raises:
            UsageError: columns that contradict each other, or differ from those that the monitor began with.
            DataError: rows that cannot be used; the batches before them are stored.
        """
        time_name, time_format = time_option(time)
        requested = Columns(
            prediction, label, key, time_name, batch, every, batch_size, version, probability, positive, probabilities,
            as_names(ignore), as_names(categories), task, time_format=time_format,
        )  # fmt: skip
        return ingest_source(
            self.store, self.name, source, requested=requested, query=query, deployment=deployment,
            slices=as_names(slices), replace=replace, partial=partial, progress=progress,
        )  # fmt: skip

    def labels(
        self, source: Any, *, query: str = "", key: str = "", label: str = "", progress: Progress = ignore_progress
    ) -> JoinedLabels:
        """Join labels that came later to the stored rows, by key; those whose rows have not come wait for them.

        Args:
            source: as for `ingest`, with a column of keys and a column of labels.
            query: of a database.
            key: column with the keys; by default the one of the monitor's rows.
            label: column with the labels; by default the one of the monitor's rows.
            progress: called with words, how much is done, and of how much.

        Returns:
            How many labels were joined, how many changed one, and how many wait for their rows.

        Raises:
            UsageError: rows of the monitor have no keys, or no column of labels is known.
        """
        record = self.record
        columns = replaced(record.columns, key=key or record.columns.key, truth=label or record.columns.truth)
        if not columns.key or not columns.truth or not record.columns.key:
            raise UsageError(
                "expected a monitor whose rows have keys (--key at its first ingest), and --key and --truth columns"
                " here"
            )
        chunks = open_rows(source, query=query, columns=(columns.key, columns.truth), texts=(columns.key,))
        parts = [columns.keyed_labels(frame) for frame in chunks]
        if not parts:
            raise UsageError(f"expected truths in {chunks.name}, got no rows")
        keys, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
        return join_labels(
            self.store, record, keys, labels, calibration=in_force(self.store, record), progress=progress
        )

    def set_reference(
        self,
        *,
        why: str,
        first_batches: int = 0,
        since: str = "",
        until: str = "",
        data: Any = None,
        query: str = "",
        training_run: str = "",
        by: str = "",
        name: str = "",
        alarms: AlarmSpec | None = None,
        progress: Progress = ignore_progress,
    ) -> ReferenceResult:
        """Set the rows that batches are judged against, as the next version, and measure all stored batches.

        Exactly one of `first_batches`, `since` with `until`, `data`, and `training_run` names the rows.

        Args:
            why: on what grounds these rows are good.
            first_batches: the monitor's first so many batches.
            since: rows of the store from this time on, ISO 8601.
            until: rows of the store up to before this time.
            data: a source with the monitor's columns, as for `ingest`.
            query: of a database.
            training_run: MLflow id of the training run whose model was accepted on the rows, or `deployed`.
            by: who approves them; by default the user of this process.
            name: of the reference, for people.
            alarms: what counts as bad, and how rarely by chance.
            progress: called with words, how much is done, and of how much.

        Returns:
            The version that was stored, how many batches were measured against it, and notes about a reference that is
            small.

        Raises:
            UsageError: not exactly one choice of rows, or none of such rows.
            DataError: fewer than 50 rows.
        """
        record = self.record
        limits = set_reference(
            self.store, record, by=by or person(), why=why.strip()[:LONGEST_REASON], first_batches=first_batches,
            since=since, until=until, data=data, query=query, training_run=training_run, name=name, alarms=alarms,
        )  # fmt: skip
        measured = measure_all(self.store, record, limits, progress=progress)
        return ReferenceResult(limits.reference, measured, tuple(reference_notes(self.store, record, limits.reference)))

    def check(self, watch: Watch | None = None, *, progress: Progress = ignore_progress) -> Checked:
        """Judge new batches, open and close alerts, and queue messages about them.

        Without a reference, `reference` of the result is None and no batch is judged: no open alert says nothing then.
        Only freshness is followed, where `watch.expect_every` asks for it.

        Args:
            watch: what is watched for, and who gets messages.
            progress: called with words, how much is done, and of how much.

        Returns:
            The alerts that were opened and closed now, and all that are open or acknowledged.

        Raises:
            UsageError: there is no such monitor.
        """
        return check(self.store, self.record, watch or Watch(), progress=progress)

    def deliver(self, watch: Watch) -> Delivered:
        """Deliver queued messages to the channels of a watch; what fails waits for the next call."""
        quiet = {"quiet": watch.quiet_hours.over} if watch.quiet_hours else {}
        return deliver(self.store, self.record, watch.channels, **quiet)

    @property
    def alerts(self) -> list[Alert]:
        """All alerts, newest first."""
        return self._read(alerts.all_alerts)

    def acknowledge(self, alert: int, *, why: str, by: str = "") -> Alert:
        """Note that somebody looks after an alert.

        Args:
            alert: its number.
            why: kept, and shown.
            by: who; by default the user of this process.

        Raises:
            UsageError: there is no such alert, or it is closed.
        """
        return acknowledge(
            self.store, self.record, self._alert(alert), by=by or person(), why=why.strip()[:LONGEST_REASON]
        )

    def close_alert(self, alert: int, *, why: str, by: str = "") -> tuple[Alert, str]:
        """Close an alert; its signal is followed anew from the next batch on.

        Args:
            alert: its number.
            why: kept, and shown.
            by: who; by default the user of this process.

        Returns:
            The alert, and what the newest batch says if it is still beyond the limit, so that it may open again; empty
            if it is not.

        Raises:
            UsageError: there is no such alert, or it is closed.
        """
        record = self.record
        closed = close(self.store, record, self._alert(alert), by=by or person(), why=why.strip()[:LONGEST_REASON])
        return closed, still_bad(self.store, record, closed)

    def _alert(self, number: int) -> Alert:
        alert = self._read(lambda connection, record: alerts.find_alert(connection, record, number))
        if alert is None or alert.state == "closed":
            raise UsageError(f"expected an alert that is not closed, got {number}")
        return alert

    @property
    def findings(self) -> list[Finding]:
        """What people found out about rows, newest first."""
        return self._read(alerts.all_findings)

    def metrics(self) -> pd.DataFrame:
        """Measures of all batches: of all rows, by class and by slice.

        Returns:
            One row for each measure of a batch, oldest batch first, with columns batch, first_time, last_time, measure,
            of_class and of_slice (None: of all), value, low and high (95 % interval, NaN without one) and rows.
        """
        from drift.monitor.report import measure_frame

        return measure_frame(self.store, self.record)

    def distances(self) -> pd.DataFrame:
        """Distances of every signal of the batches from the reference in force.

        Returns:
            One row for each signal of a measured batch, oldest batch first, with columns batch, signal, value
            (Jensen-Shannon divergence in nats), limit (infinite where none is calibrated) and bad; none without a
            reference.
        """
        from drift.monitor.report import distance_frame

        return distance_frame(self.store, self.record)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the monitor's history as one HTML file, whose path is returned: aggregates only, no network.

        Args:
            path: where to; by default `monitor-NAME.html` in the project's folder of reports.

        Raises:
            StateError: it cannot be written.
        """
        from drift.monitor.report import write_monitor_report

        record = self.record
        if path is None:
            from drift.loop.project_dir import ProjectDir

            safe = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in self.name)
            path = ProjectDir(read=True).reports / f"monitor-{safe}.html"
        return write_monitor_report(self.store, record, Path(path))

    def _read(self, query: Callable[[Any, MonitorRecord], T]) -> T:
        record = self.record
        with self.store.read() as connection:
            return query(connection, record)
