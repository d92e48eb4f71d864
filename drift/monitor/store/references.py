"""References and what batches are from them, in the store. Every function is given a connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sql

from drift.detect.profiles.profiles import Profile
from drift.monitor.drift.distances import JointDrift, SignalDrift
from drift.monitor.store.records import Drift, MonitorRecord, MonitorReference
from drift.monitor.store.tables import batches, distances, drifts, insert, limits, read, read_first, references


def add_reference(connection: sql.Connection, monitor: MonitorRecord, reference: MonitorReference) -> int:
    """Store a reference as the next version, which is then in force; its number."""
    newest = sql.select(sql.func.max(references.c.version)).where(references.c.monitor == monitor.id)
    version = (connection.execute(newest).scalar_one() or 0) + 1
    return insert(connection, replace(reference, version=version), monitor=monitor.id)


def all_references(connection: sql.Connection, monitor: MonitorRecord) -> list[MonitorReference]:
    """All versions, oldest first; the last one is in force."""
    return read(connection, MonitorReference, references.c.monitor == monitor.id, order=[references.c.version])


def current_reference(connection: sql.Connection, monitor: MonitorRecord) -> MonitorReference | None:
    """The reference that is in force."""
    order = [references.c.version.desc()]
    return read_first(connection, MonitorReference, references.c.monitor == monitor.id, order=order)


def current_version(connection: sql.Connection, monitor: MonitorRecord) -> int | None:
    """The number of the reference that is in force."""
    newest = sql.select(sql.func.max(references.c.id)).where(references.c.monitor == monitor.id)
    number: int | None = connection.execute(newest).scalar_one()
    return number


def set_drift(connection: sql.Connection, batch: int, reference: MonitorReference, drift: Drift) -> None:
    """Put a batch's drift from a reference in the place of an earlier one."""
    for table in (distances, drifts):
        connection.execute(table.delete().where(table.c.batch == batch, table.c.reference == reference.id))
    own = {"batch": batch, "reference": reference.id}
    joint = drift.joint
    connection.execute(
        drifts.insert().values(
            **own,
            inputs=drift.inputs.to_json(),
            labels=drift.labels.to_json() if drift.labels else None,
            joint_p_value=joint.p_value if joint else None,
            joint_rows=joint.rows if joint else None,
        )
    )
    if drift.signals:
        connection.execute(distances.insert(), [own | vars(signal) for signal in drift.signals])


def drift_of_batch(connection: sql.Connection, batch: int, reference: MonitorReference) -> Drift | None:
    """How far a batch is from a reference; None if it was not measured."""
    own = (drifts.c.batch == batch) & (drifts.c.reference == reference.id)
    row = connection.execute(drifts.select().where(own)).mappings().one_or_none()
    if row is None:
        return None
    labels = None
    if row["labels"] is not None and reference.labels is not None:
        labels = Profile.from_json(row["labels"], binning=reference.labels.binning)
    joint = None if row["joint_p_value"] is None else JointDrift(row["joint_p_value"], row["joint_rows"])
    signals = read(connection, SignalDrift, distances.c.batch == batch, distances.c.reference == reference.id)
    return Drift(Profile.from_json(row["inputs"], binning=reference.inputs.binning), labels, tuple(signals), joint)


def measured_batches(connection: sql.Connection, reference: MonitorReference) -> set[int]:
    """Numbers of the batches whose drift from a reference is known."""
    query = sql.select(drifts.c.batch).where(drifts.c.reference == reference.id)
    return set(connection.execute(query).scalars())


def signal_history(
    connection: sql.Connection, reference: MonitorReference, *names: str, signals: Iterable[str] | None = None
) -> list[tuple[Any, ...]]:
    """Batch number, signal and the named columns of every distance from a reference, oldest batch first."""
    columns = (distances.c.batch, distances.c.signal, *(distances.c[name] for name in names))
    query = sql.select(*columns).join(batches, batches.c.id == distances.c.batch)
    query = query.where(distances.c.reference == reference.id).order_by(batches.c.at, batches.c.id)
    if signals is not None:
        query = query.where(distances.c.signal.in_(list(signals)))
    return [tuple(row) for row in connection.execute(query)]


def joint_history(connection: sql.Connection, reference: MonitorReference) -> dict[int, float]:
    """The p-value of all features together, by batch number."""
    query = sql.select(drifts.c.batch, drifts.c.joint_p_value).where(
        drifts.c.reference == reference.id, drifts.c.joint_p_value.is_not(None)
    )
    return dict(connection.execute(query).tuples().all())


def known_limits(connection: sql.Connection, reference: MonitorReference) -> dict[int, dict[str, float]]:
    """Limits that were calibrated, by signal for batches of so many rows."""
    query = sql.select(limits.c.rows, limits.c.signal, limits.c.value).where(limits.c.reference == reference.id)
    stored: dict[int, dict[str, float]] = {}
    for rows, signal, value in connection.execute(query):
        stored.setdefault(rows, {})[signal] = value
    return stored


def add_limits(
    connection: sql.Connection, reference: MonitorReference, rows: int, calibrated: Mapping[str, float]
) -> None:
    """Store calibrated limits; those that another process has stored meanwhile stay."""
    stored = known_limits(connection, reference).get(rows, {})
    own = {"reference": reference.id, "rows": rows}
    new = [own | {"signal": signal, "value": value} for signal, value in calibrated.items() if signal not in stored]
    if new:
        connection.execute(limits.insert(), new)
