"""Setting a reference: its rows chosen from the store, another source or a training run, then stored as a version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from drift.errors import UsageError
from drift.monitor.collection.row_source import open_log, open_rows
from drift.monitor.pipeline.labels import in_force
from drift.monitor.pipeline.reference import ReferenceLimits, make_reference
from drift.monitor.reference.limits import AlarmSpec
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import PredictionRows, joined
from drift.monitor.sources.slices import parse_slice
from drift.monitor.sources.values import cut_short
from drift.monitor.store import MonitorStore, batches, references
from drift.monitor.store.records import MonitorRecord, MonitorReference

DEPLOYED = "deployed"  # in place of a training run: that of the deployment which the monitor follows
ENOUGH_BATCHES = 10  # of a reference


@dataclass(frozen=True)
class ReferenceResult:
    """Result of setting a reference.

    Attributes:
        reference: the version that was stored.
        measured: batches that were measured against it.
        notes: messages about a reference that is small.
    """

    reference: MonitorReference
    measured: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Which rows are the reference, and what is doubtful about them."""
        reference = self.reference
        text = f"reference {reference.version}: {reference.rows:,} rows, {reference.chosen}; by {reference.agreed_by}"
        return "\n".join([f"{text}; {self.measured:,} batches measured against it", *self.notes])


def set_reference(
    store: MonitorStore,
    monitor: MonitorRecord,
    *,
    by: str,
    why: str,
    first_batches: int = 0,
    since: str = "",
    until: str = "",
    data: Any = None,
    query: str = "",
    training_run: str = "",
    name: str = "",
    alarms: AlarmSpec | None = None,
) -> ReferenceLimits:
    """Store a new version of the reference, which is in force from now on; batches are not measured against it yet.

    Exactly one of `first_batches`, `since` with `until`, `data`, and `training_run` names the rows.

    Args:
        store: of the monitor.
        monitor: whose.
        by: who approves the rows.
        why: on what grounds they are good.
        first_batches: the monitor's first so many batches.
        since: rows of the store from this time on, ISO 8601 in UTC unless it tells its zone.
        until: rows of the store up to before this time.
        data: another source with the monitor's columns: a file, a folder, a database's URL or a data frame.
        query: of a database.
        training_run: MLflow id of a training run of the loop, whose model was accepted on the rows; `deployed` is the
            run of the deployment that the monitor follows.
        name: of the reference, for people.
        alarms: what counts as bad, and how rarely by chance.

    Returns:
        The reference with its limits.

    Raises:
        UsageError: not one of the four ways, or no rows there.
        DataError: too few rows, or rows that lack the monitor's columns.
    """
    ways = sum((first_batches > 0, bool(since or until), data is not None, bool(training_run)))
    if ways != 1:
        raise UsageError(
            "expected one of --first_batches, --from and --to, --data, and --training_run; got"
            f" {'several' if ways else 'none'}"
        )
    if training_run:
        run = open_log(store, monitor.name).training_run if training_run == DEPLOYED else training_run
        parts, chosen = [rows_of_run(monitor, run)], f"accepted in training run {run}"
    elif first_batches:
        parts, chosen = _first_batches(store, monitor, first_batches), f"the first {first_batches} batches"
    elif data is None:
        bounds = (f"from {since}" if since else "", f"to {until}" if until else "")
        parts, chosen = _period(store, monitor, since, until), " ".join(filter(None, bounds))
    else:
        rows, source = _read(monitor.columns, data, query)
        parts, chosen = [rows], f"rows of {source}"
    reference = make_reference(
        joined(parts),
        sizes=[len(part) for part in parts],
        chosen=chosen,
        by=cut_short(by),
        why=why,
        name=cut_short(name.strip()),
        slices=[parse_slice(text) for text in monitor.slices],
        alarms=alarms,
    )
    with store.write() as connection:
        references.add_reference(connection, monitor, reference)
    limits = in_force(store, monitor)
    assert limits is not None  # noqa: S101 - added above
    return limits


def reference_notes(store: MonitorStore, monitor: MonitorRecord, reference: MonitorReference) -> list[str]:
    """Where a reference is too small for the guarantee on false alarms, in words."""
    notes, losses = [], reference.losses
    error = float(losses.std() / np.sqrt(len(losses))) if len(losses) else 0.0
    if reference.promise.tolerated_loss < 2 * error:
        notes.append(
            f"the reference loss has standard error {error:.2g}; with --tolerated_loss {2 * error:.2g} or more, false"
            " alarms are as rare as that says"
        )
    if not len(losses) and (monitor.columns.truth or monitor.columns.key):
        notes.append(
            "no truth of the reference is known yet, so that errors are not followed: agree again when it has come"
        )
    with store.read() as connection:
        sizes = [batch.rows for batch in batches.all_batches(connection, monitor)]
    count = reference.rows / float(np.median(sizes)) if sizes else np.inf
    if count < ENOUGH_BATCHES:
        notes.append(
            f"the reference has the rows of {count:.1f} batches; how much batches differ by themselves it can say from"
            f" {ENOUGH_BATCHES} on"
        )
    return notes


def _read(columns: Columns, data: Any, query: str) -> tuple[PredictionRows, str]:
    """Rows of another source, and its name."""
    chunks = open_rows(
        data, query=query, columns=columns.needed, texts=columns.texts, ignore=columns.ignore,
        order=(columns.time,) if columns.time else (),
    )  # fmt: skip
    parts = [columns.read(frame) for frame in chunks if len(frame)]
    if not parts:
        raise UsageError(f"expected rows in {chunks.name}, got none")
    return joined(parts), chunks.name


def _first_batches(store: MonitorStore, monitor: MonitorRecord, count: int) -> list[PredictionRows]:
    with store.read() as connection:
        stored = batches.all_batches(connection, monitor)
        if count > len(stored):
            raise UsageError(f"expected at most {len(stored)} batches, as there are; got --first_batches {count}")
        return [joined([rows for _, rows in batches.rows_of(connection, batch.id)]) for batch in stored[:count]]


def _period(store: MonitorStore, monitor: MonitorRecord, since: str, until: str) -> list[PredictionRows]:
    """Rows of a period, by batch, oldest first."""
    start = _moment(since, np.datetime64(-(2**62), "ms"))
    stop = _moment(until, np.datetime64(2**62, "ms"))
    if not monitor.columns.time:
        raise UsageError("expected a monitor whose rows have times (--time at its first ingest) with --from and --to")
    chosen = []
    with store.read() as connection:
        for batch in batches.all_batches(connection, monitor):
            parts = [
                rows if rows.times is None else rows.take((rows.times >= start) & (rows.times < stop))
                for _, rows in batches.rows_of(connection, batch.id)
            ]
            if any(map(len, parts)):
                chosen.append(joined([part for part in parts if len(part)]))
    if not chosen:
        raise UsageError("expected some rows, got none from that period")
    return chosen


def _moment(text: str, default: np.datetime64) -> np.datetime64:
    if not text:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"expected a time in UTC such as 1997-08-24T00:00, got {text!r}") from error
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "ms")


def rows_of_run(monitor: MonitorRecord, run: str) -> PredictionRows:
    """The rows that a model of the loop was accepted on, as rows of a monitor.

    Args:
        monitor: whose features are taken.
        run: MLflow id of a training run.

    Raises:
        UsageError: the rows lack a feature of the monitor.
    """
    import tempfile
    from pathlib import Path

    import pandas as pd

    from drift.data.losses import predicted_classes
    from drift.data.values import widened
    from drift.tracking.connection.store import connect
    from drift.tracking.runs.lookup import load_reference

    with tempfile.TemporaryDirectory() as folder:
        accepted = load_reference(connect(), run, Path(folder))
    wanted = [name for name, _ in monitor.columns.features]
    absent = [name for name in wanted if name not in accepted.names]
    if absent:
        raise UsageError(
            f"expected a run whose reference has features {', '.join(wanted)}; it lacks {', '.join(absent)}"
        )
    classes = np.asarray(accepted.class_names, object)
    features = widened(accepted.features) if monitor.columns.rules else accepted.features.astype(np.float64)
    frame = pd.DataFrame(features, columns=list(accepted.names))
    return PredictionRows(
        np.asarray([str(at) for at in range(len(accepted))], object),
        classes[predicted_classes(accepted.probabilities, " of the reference")],
        classes[accepted.labels],
        frame[wanted],
        confidence=accepted.probabilities.max(axis=1).astype(np.float64),
    )
