"""The tables of a monitor's store, as the newest migration leaves them. SQLite and PostgreSQL alike.

A table of records has a column for each field of the record, so that fields are written once; `read`, `insert`
and `update` are the only translation between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import sqlalchemy as sql

from drift.detect.profiles.binning import Binning
from drift.detect.profiles.profiles import Profile
from drift.metrics.protocol import Measure
from drift.monitor.drift.distances import SignalDrift
from drift.monitor.drift.signals import Losses
from drift.monitor.reference.batch_variation import Counted
from drift.monitor.reference.limits import AlarmSpec, RunRule
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import PredictionRows, from_bytes, to_bytes
from drift.monitor.store.records import (
    Alert,
    Batch,
    Delivery,
    Finding,
    MonitorRecord,
    MonitorReference,
    Quality,
    SliceMeasure,
)

RecordT = TypeVar("RecordT")
metadata = sql.MetaData()


class Document(sql.TypeDecorator[Any]):
    """A value that is kept as JSON."""

    impl: type[sql.types.TypeEngine[Any]] = sql.JSON
    cache_ok = True

    def __init__(self, dump: Callable[[Any], Any], load: Callable[[Any], Any]) -> None:
        super().__init__()
        self.dump, self.load = dump, load

    def process_bind_param(self, value: Any, dialect: sql.Dialect) -> Any:
        """A value as it is stored."""
        return None if value is None else self.dump(value)

    def process_result_value(self, value: Any, dialect: sql.Dialect) -> Any:
        """A value as it was."""
        return None if value is None else self.load(value)


class Blob(Document):
    """A value that is kept as bytes."""

    impl = sql.LargeBinary
    cache_ok = True


def _dump_profile(profile: Profile) -> dict[str, Any]:
    return {"binning": profile.binning.to_json(), "profile": profile.to_json()}


def _load_profile(data: Mapping[str, Any]) -> Profile:
    return Profile.from_json(data["profile"], binning=Binning.from_json(data["binning"]))


def _dump_measures(measures: tuple[SliceMeasure, ...]) -> list[dict[str, Any]]:
    return [asdict(measure) for measure in measures]


def _load_measures(data: list[dict[str, Any]]) -> tuple[SliceMeasure, ...]:
    return tuple(SliceMeasure(Measure(**each["measure"]), each["of_slice"]) for each in data)


TYPES: Mapping[Any, sql.types.TypeEngine[Any]] = {  # of a column, by that of a record's field
    str: sql.String(),
    int: sql.Integer(),
    float: sql.Float(),
    bool: sql.Boolean(),
    Columns: Document(Columns.to_json, Columns.from_json),
    Quality: Document(asdict, lambda data: Quality(**data)),
    Profile: Document(_dump_profile, _load_profile),
    AlarmSpec: Document(asdict, lambda data: AlarmSpec(**data | {"rule": RunRule(**data["rule"])})),
    PredictionRows: Blob(to_bytes, from_bytes),
    Losses: Blob(
        lambda losses: np.asarray(losses, np.uint8).tobytes(),
        lambda body: np.frombuffer(body, np.uint8).astype(np.float64),
    ),
    tuple[SliceMeasure, ...]: Document(_dump_measures, _load_measures),
    Mapping[str, Counted]: Document(
        lambda groups: {signal: counts.tolist() for signal, counts in groups.items()},
        lambda data: {signal: np.asarray(counts, np.int64) for signal, counts in data.items()},
    ),
    tuple[str, ...]: Document(list, tuple),
    tuple[int, ...]: Document(list, tuple),
    Mapping[str, int]: Document(dict, dict),
    Mapping[str, Any]: Document(dict, dict),
}


def _fields(record: type) -> list[sql.Column[Any]]:
    """Columns for the fields of a record; `id` is the primary key, and is counted up where it is a number."""
    hints, columns = get_type_hints(record), []
    for field in fields(record):
        hint = hints[field.name]
        optional = NoneType in get_args(hint)
        if optional:
            [hint] = [kind for kind in get_args(hint) if kind is not NoneType]
        kind = sql.String() if get_origin(hint) is Literal else TYPES[hint]
        if field.name == "id":
            columns.append(sql.Column("id", kind, primary_key=True))
        else:
            columns.append(sql.Column(field.name, kind, nullable=optional))
    return columns


def _of(record: str, *, key: bool = False) -> sql.Column[int]:
    """A column that names a record of another table, and goes with it."""
    table = "batches" if record == "batch" else f"{record}s"
    own = sql.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sql.Column(record, sql.Integer, own, nullable=False, primary_key=key)


monitors = sql.Table("monitors", metadata, *_fields(MonitorRecord), sql.UniqueConstraint("name"))
batches = sql.Table("batches", metadata, _of("monitor"), *_fields(Batch), sql.UniqueConstraint("monitor", "name"))
sql.Index("batches_in_order", batches.c.monitor, batches.c.at, batches.c.id)
references = sql.Table(
    "references", metadata, _of("monitor"), *_fields(MonitorReference), sql.UniqueConstraint("monitor", "version")
)
alerts = sql.Table("alerts", metadata, _of("monitor"), *_fields(Alert))
findings = sql.Table(
    "findings", metadata, _of("monitor"), *_fields(Finding), sql.UniqueConstraint("monitor", "batch", "key")
)
deliveries = sql.Table("deliveries", metadata, *_fields(Delivery))
deliveries.c.alert.append_foreign_key(sql.ForeignKey("alerts.id", ondelete="CASCADE"))
distances = sql.Table(  # of one signal of a batch from a reference
    "distances", metadata, _of("batch"), _of("reference"), *_fields(SignalDrift),
    sql.PrimaryKeyConstraint("batch", "reference", "signal"),
)  # fmt: skip
sql.Index("distances_of_signal", distances.c.reference, distances.c.signal)
TABLES: Mapping[type, sql.Table] = {
    MonitorRecord: monitors,
    Batch: batches,
    MonitorReference: references,
    Alert: alerts,
    Finding: findings,
    Delivery: deliveries,
    SignalDrift: distances,
}

parts = sql.Table(
    "parts",  # of a batch's rows, each a Parquet file
    metadata,
    _of("batch", key=True),
    sql.Column("part", sql.Integer, primary_key=True),
    sql.Column("rows", sql.Integer, nullable=False),
    sql.Column("hashes", sql.LargeBinary, nullable=False),  # of its keys, uint64 in row order
    sql.Column("body", sql.LargeBinary, nullable=False),
)
measures = sql.Table(
    "measures",
    metadata,
    _of("batch", key=True),
    sql.Column("name", sql.String, primary_key=True),
    sql.Column("of_class", sql.String, primary_key=True),  # empty: of all
    sql.Column("of_slice", sql.String, primary_key=True),  # empty: of all
    sql.Column("value", sql.Float, nullable=False),
    sql.Column("low", sql.Float),
    sql.Column("high", sql.Float),
    sql.Column("rows", sql.Integer, nullable=False),
)
drifts = sql.Table(
    "drifts",  # of a batch from a reference, as a whole
    metadata,
    _of("batch", key=True),
    _of("reference", key=True),
    sql.Column("inputs", sql.JSON, nullable=False),  # profile
    sql.Column("labels", sql.JSON),
    sql.Column("joint_p_value", sql.Float),  # MMD, of samples
    sql.Column("joint_rows", sql.Integer),
)
limits = sql.Table(
    "limits",  # that were calibrated
    metadata,
    _of("reference", key=True),
    sql.Column("signal", sql.String, primary_key=True),
    sql.Column("rows", sql.Integer, primary_key=True),  # of a batch, at least
    sql.Column("value", sql.Float, nullable=False),
)
truths = sql.Table(
    "truths",  # labels that came before their rows
    metadata,
    _of("monitor", key=True),
    sql.Column("key", sql.String, primary_key=True),
    sql.Column("truth", sql.String, nullable=False),
    sql.Column("came_at", sql.String, nullable=False),
)


def read(
    connection: sql.Connection, record: type[RecordT], *where: sql.ColumnElement[bool], order: Any = (), most: int = 0
) -> list[RecordT]:
    """Stored records.

    Args:
        connection: to the store.
        record: their class.
        where: conditions on the table's columns, all of which hold.
        order: columns to sort by.
        most: how many at most; 0: all.
    """
    columns = [TABLES[record].c[field.name] for field in fields(record)]  # type: ignore[arg-type]
    query = sql.select(*columns).where(*where).order_by(*order)
    make: Callable[..., RecordT] = record
    return [make(*row) for row in connection.execute(query.limit(most) if most else query)]


def read_first(
    connection: sql.Connection, record: type[RecordT], *where: sql.ColumnElement[bool], order: Any = ()
) -> RecordT | None:
    """The first of such records; None if there is none."""
    return next(iter(read(connection, record, *where, order=order, most=1)), None)


def insert(connection: sql.Connection, record: Any, **columns: Any) -> int:
    """Store a record.

    Args:
        connection: to the store.
        record: with the `id` 0 where the database counts it up.
        columns: further ones of its table.

    Returns:
        Its number.
    """
    table = TABLES[type(record)]
    values = vars(record) | columns
    if values.get("id") == 0:
        del values["id"]
    number: int = connection.execute(table.insert().values(**values).returning(table.c.id)).scalar_one()
    return number


def update(connection: sql.Connection, record: Any) -> None:
    """Replace the stored record of the same `id`."""
    table = TABLES[type(record)]
    connection.execute(table.update().where(table.c.id == record.id).values(**vars(record)))
