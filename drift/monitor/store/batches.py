"""Monitors and their batches in the store. Every function is given a connection; none opens or commits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import sqlalchemy as sql
from numpy.typing import NDArray

from drift.metrics.protocol import Measure
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import PredictionRows, from_bytes
from drift.monitor.store.records import Batch, MonitorRecord, Quality, SliceMeasure, now
from drift.monitor.store.tables import batches, insert, measures, monitors, parts, read, read_first, references, truths

Hashes = NDArray[np.uint64]
MOST_AT_ONCE = 500  # values of one statement


def find_monitor(connection: sql.Connection, name: str) -> MonitorRecord | None:
    """A monitor by its name."""
    return read_first(connection, MonitorRecord, monitors.c.name == name)


def all_monitors(connection: sql.Connection) -> list[MonitorRecord]:
    """All of them, by name."""
    return read(connection, MonitorRecord, order=[monitors.c.name])


def begin_monitor(connection: sql.Connection, name: str, columns: Columns, slices: Iterable[str]) -> MonitorRecord:
    """Store a new monitor, or replace one that is still empty; else return the stored one of that name."""
    stored = find_monitor(connection, name)
    new = MonitorRecord(stored.id if stored else 0, name, columns, tuple(slices), now())
    if stored is None:
        return replace(new, id=insert(connection, new))
    if (stored.columns, stored.slices) == (new.columns, new.slices) or not is_empty(connection, stored):
        return stored
    connection.execute(monitors.update().where(monitors.c.id == new.id).values(**vars(new)))
    return new


def is_empty(connection: sql.Connection, monitor: MonitorRecord) -> bool:
    """Whether it has neither batches nor a reference, so that nothing depends on its columns."""
    own = (sql.select(table.c.id).where(table.c.monitor == monitor.id).limit(1) for table in (batches, references))
    return all(connection.execute(query).first() is None for query in own)


def all_batches(connection: sql.Connection, monitor: MonitorRecord) -> list[Batch]:
    """A monitor's batches, oldest first."""
    return read(connection, Batch, batches.c.monitor == monitor.id, order=[batches.c.at, batches.c.id])


def count_batches(connection: sql.Connection, monitor: MonitorRecord) -> int:
    """How many a monitor has."""
    query = sql.select(sql.func.count()).select_from(batches).where(batches.c.monitor == monitor.id)
    return int(connection.execute(query).scalar_one())


def newest_batch(connection: sql.Connection, monitor: MonitorRecord) -> Batch | None:
    """The last of a monitor's batches by time; None if there is none."""
    order = [batches.c.at.desc(), batches.c.id.desc()]
    return read_first(connection, Batch, batches.c.monitor == monitor.id, order=order)


def find_batch(
    connection: sql.Connection, monitor: MonitorRecord, *, name: str | None = None, id: int = 0
) -> Batch | None:
    """A batch by its name or its number."""
    which = batches.c.id == id if name is None else batches.c.name == name
    return read_first(connection, Batch, batches.c.monitor == monitor.id, which)


def add_batch(
    connection: sql.Connection, monitor: MonitorRecord, batch: Batch, stored: Iterable[Mapping[str, Any]]
) -> int:
    """Store a new batch with its rows, under the number that it has, if any.

    Args:
        connection: to the store.
        monitor: whose.
        batch: its record.
        stored: its rows, in parts of some `rows` each: with the `hashes` of their keys (uint64), and the `body`, which
            is a Parquet file.

    Returns:
        Its number.
    """
    number = insert(connection, batch, monitor=monitor.id)
    for at, part in enumerate(stored):
        connection.execute(parts.insert().values(batch=number, part=at, **part))
    return number


def remove_batch(connection: sql.Connection, batch: Batch) -> None:
    """Forget a batch and all that hangs on it."""
    connection.execute(batches.delete().where(batches.c.id == batch.id))


def set_labels(connection: sql.Connection, batch: int, known: int, truth_digest: str, quality: Quality) -> None:
    """Store how many rows of a batch have a label, the digest of these, and the counts of wrong rows."""
    changed = {"known": known, "truth_digest": truth_digest, "quality": quality}
    connection.execute(batches.update().where(batches.c.id == batch).values(**changed))


def rows_of(connection: sql.Connection, batch: int) -> Iterator[tuple[int, PredictionRows]]:
    """A batch's rows, part by part, each with its number."""
    numbers = connection.execute(sql.select(parts.c.part).where(parts.c.batch == batch).order_by(parts.c.part))
    for number in numbers.scalars().all():
        query = sql.select(parts.c.body).where(parts.c.batch == batch, parts.c.part == number)
        yield number, from_bytes(connection.execute(query).scalar_one())


def set_part(connection: sql.Connection, batch: int, part: int, body: bytes) -> None:
    """Replace a part by the same rows with more labels."""
    connection.execute(parts.update().where(parts.c.batch == batch, parts.c.part == part).values(body=body))


def key_hashes(connection: sql.Connection, monitor: MonitorRecord, *, most: int) -> Iterator[tuple[int, Hashes]]:
    """Hashes of the keys of batches, the newest first, until `most` rows were given."""
    query = (
        sql.select(parts.c.batch, parts.c.part, parts.c.rows)
        .join(batches, batches.c.id == parts.c.batch)
        .where(batches.c.monitor == monitor.id)
        .order_by(batches.c.at.desc(), batches.c.id.desc(), parts.c.part)
    )
    seen = 0
    for batch, part, rows in connection.execute(query).all():
        if seen >= most:
            return
        seen += rows
        hashes = sql.select(parts.c.hashes).where(parts.c.batch == batch, parts.c.part == part)
        yield batch, np.frombuffer(connection.execute(hashes).scalar_one(), np.uint64)


def hashes_of(connection: sql.Connection, batch: int) -> Hashes:
    """Hashes of the keys of one batch."""
    query = sql.select(parts.c.hashes).where(parts.c.batch == batch).order_by(parts.c.part)
    arrays = [np.frombuffer(some, np.uint64) for some in connection.execute(query).scalars()]
    return np.concatenate([np.zeros(0, np.uint64), *arrays])


def set_measures(connection: sql.Connection, batch: int, measured: Iterable[SliceMeasure]) -> None:
    """Put a batch's measures in the place of earlier ones."""
    connection.execute(measures.delete().where(measures.c.batch == batch))
    rows = [
        asdict(each.measure) | {"batch": batch, "of_class": each.measure.of_class or "", "of_slice": each.of_slice}
        for each in measured
    ]
    if rows:
        connection.execute(measures.insert(), rows)


def measures_of_batch(connection: sql.Connection, batch: int) -> list[SliceMeasure]:
    """All measures of a batch."""
    query = measures.select().where(measures.c.batch == batch)
    return [_slice_measure(row) for row in connection.execute(query).mappings()]


def history(
    connection: sql.Connection, monitor: MonitorRecord, names: Iterable[str] | None = None, *, whole: bool = True
) -> dict[int, list[SliceMeasure]]:
    """Measures by batch number: of all rows and classes together if `whole`, else also of classes and slices."""
    query = measures.select().join(batches, batches.c.id == measures.c.batch).where(batches.c.monitor == monitor.id)
    if names is not None:
        query = query.where(measures.c.name.in_(list(names)))
    if whole:
        query = query.where(measures.c.of_class == "", measures.c.of_slice == "")
    by_batch: dict[int, list[SliceMeasure]] = {}
    for row in connection.execute(query).mappings():
        by_batch.setdefault(row["batch"], []).append(_slice_measure(row))
    return by_batch


def add_waiting_labels(connection: sql.Connection, monitor: MonitorRecord, waiting: Mapping[str, str]) -> None:
    """Keep labels whose rows have not come yet, one or more; a newer one takes the place of an older."""
    remove_waiting_labels(connection, monitor, waiting)
    came = now()
    rows = [{"monitor": monitor.id, "key": key, "truth": truth, "came_at": came} for key, truth in waiting.items()]
    connection.execute(truths.insert(), rows)


def remove_waiting_labels(connection: sql.Connection, monitor: MonitorRecord, keys: Iterable[str]) -> None:
    """Remove waiting labels whose rows have come."""
    left = list(keys)
    for start in range(0, len(left), MOST_AT_ONCE):
        some = truths.c.key.in_(left[start : start + MOST_AT_ONCE])
        connection.execute(truths.delete().where(truths.c.monitor == monitor.id, some))


def waiting_labels(connection: sql.Connection, monitor: MonitorRecord) -> dict[str, str]:
    """Labels whose rows have not come yet, by key."""
    query = sql.select(truths.c.key, truths.c.truth).where(truths.c.monitor == monitor.id)
    return dict(connection.execute(query).tuples().all())


def _slice_measure(row: sql.RowMapping) -> SliceMeasure:
    """A measure as it is stored."""
    measure = Measure(row["name"], row["value"], row["low"], row["high"], row["rows"], row["of_class"] or None)
    return SliceMeasure(measure, row["of_slice"])
