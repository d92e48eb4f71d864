"""References and what batches are from them, in the store. Every function is given a connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import sqlalchemy as sql

from drift.detect.profiles.binning import Binning
from drift.detect.profiles.profiles import Profile
from drift.metrics.protocol import Measure
from drift.monitor.drift.distances import JointDrift, SignalDrift
from drift.monitor.reference.limits import AlarmSpec, RunRule
from drift.monitor.sources.rows import from_bytes, to_bytes
from drift.monitor.store.records import Drift, MonitorRecord, MonitorReference, SliceMeasure
from drift.monitor.store.tables import batches, distances, drifts, limits, references

SIGNAL_FIELDS = tuple(field.name for field in fields(SignalDrift))


def add_reference(connection: sql.Connection, monitor: MonitorRecord, reference: MonitorReference) -> int:
    """Store a reference as the next version, which is in force from now on; its number."""
    newest = sql.select(sql.func.max(references.c.version)).where(references.c.monitor == monitor.id)
    version = (connection.execute(newest).scalar_one() or 0) + 1
    inserted = connection.execute(
        references.insert()
        .values(
            monitor=monitor.id,
            version=version,
            name=reference.name,
            chosen=reference.chosen,
            rows=reference.rows,
            inputs=_whole(reference.inputs),
            labels=_whole(reference.labels) if reference.labels else None,
            groups={signal: counts.tolist() for signal, counts in reference.groups.items()},
            measures=[_measure(one) for one in reference.measures],
            losses=np.asarray(reference.losses, np.uint8).tobytes(),
            large_error=reference.large_error,
            sample=to_bytes(reference.sample),
            agreed_by=reference.agreed_by,
            agreed_at=reference.agreed_at,
            why=reference.why,
            promise=asdict(reference.promise),
        )
        .returning(references.c.id)
    )
    number: int = inserted.scalar_one()
    return number


def all_references(connection: sql.Connection, monitor: MonitorRecord) -> list[MonitorReference]:
    """All versions, oldest first; the last one is in force."""
    query = references.select().where(references.c.monitor == monitor.id).order_by(references.c.version)
    return [_reference(row) for row in connection.execute(query).mappings()]


def current_reference(connection: sql.Connection, monitor: MonitorRecord) -> MonitorReference | None:
    """The reference that is in force."""
    query = references.select().where(references.c.monitor == monitor.id).order_by(references.c.version.desc())
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else _reference(row)


def current_version(connection: sql.Connection, monitor: MonitorRecord) -> int | None:
    """The number of the reference that is in force."""
    newest = sql.select(sql.func.max(references.c.id)).where(references.c.monitor == monitor.id)
    found: int | None = connection.execute(newest).scalar_one()
    return found


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
        connection.execute(distances.insert(), [own | asdict(signal) for signal in drift.signals])


def drift_of_batch(connection: sql.Connection, batch: int, reference: MonitorReference) -> Drift | None:
    """How far a batch is from a reference; None if it was not measured."""
    own = (drifts.c.batch == batch) & (drifts.c.reference == reference.id)
    row = connection.execute(drifts.select().where(own)).mappings().one_or_none()
    if row is None:
        return None
    query = distances.select().where(distances.c.batch == batch, distances.c.reference == reference.id)
    labels = None
    if row["labels"] is not None and reference.labels is not None:
        labels = Profile.from_json(row["labels"], binning=reference.labels.binning)
    joint = None if row["joint_p_value"] is None else JointDrift(row["joint_p_value"], row["joint_rows"])
    signals = tuple(_signal(one) for one in connection.execute(query).mappings())
    return Drift(Profile.from_json(row["inputs"], binning=reference.inputs.binning), labels, signals, joint)


def measured_batches(connection: sql.Connection, reference: MonitorReference) -> set[int]:
    """Numbers of the batches whose drift from a reference is known."""
    query = sql.select(drifts.c.batch).where(drifts.c.reference == reference.id)
    return set(connection.execute(query).scalars())


def count_measured(connection: sql.Connection, reference: MonitorReference) -> int:
    """How many those are."""
    query = sql.select(sql.func.count()).select_from(drifts).where(drifts.c.reference == reference.id)
    return int(connection.execute(query).scalar_one())


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


def known_limits(connection: sql.Connection, reference: MonitorReference, rows: int) -> dict[str, float]:
    """Limits that were calibrated for batches of `rows`, by signal."""
    query = sql.select(limits.c.signal, limits.c.value).where(limits.c.reference == reference.id, limits.c.rows == rows)
    return dict(connection.execute(query).tuples().all())


def add_limits(connection: sql.Connection, reference: MonitorReference, rows: int, found: Mapping[str, float]) -> None:
    """Keep calibrated limits; those that another process has kept meanwhile stay."""
    there = known_limits(connection, reference, rows)
    own = {"reference": reference.id, "rows": rows}
    new = [own | {"signal": signal, "value": value} for signal, value in found.items() if signal not in there]
    if new:
        connection.execute(limits.insert(), new)


def _whole(profile: Profile) -> dict[str, Any]:
    return {"binning": profile.binning.to_json(), "profile": profile.to_json()}


def _profile(data: Mapping[str, Any]) -> Profile:
    return Profile.from_json(data["profile"], binning=Binning.from_json(data["binning"]))


def _measure(one: SliceMeasure) -> dict[str, Any]:
    return {"measure": asdict(one.measure), "of_slice": one.of_slice}


def _reference(row: sql.RowMapping) -> MonitorReference:
    return MonitorReference(
        id=row["id"],
        version=row["version"],
        name=row["name"],
        chosen=row["chosen"],
        rows=row["rows"],
        inputs=_profile(row["inputs"]),
        labels=_profile(row["labels"]) if row["labels"] else None,
        groups={signal: np.asarray(counts, np.int64) for signal, counts in row["groups"].items()},
        measures=tuple(SliceMeasure(Measure(**one["measure"]), one["of_slice"]) for one in row["measures"]),
        losses=np.frombuffer(row["losses"], np.uint8).astype(np.float64),
        large_error=row["large_error"],
        sample=from_bytes(row["sample"]),
        agreed_by=row["agreed_by"],
        agreed_at=row["agreed_at"],
        why=row["why"],
        promise=AlarmSpec(**row["promise"] | {"rule": RunRule(**row["promise"]["rule"])}),
    )


def _signal(row: sql.RowMapping) -> SignalDrift:
    return SignalDrift(**{name: row[name] for name in SIGNAL_FIELDS})
