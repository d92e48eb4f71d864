"""Alerts, their deliveries, and findings in the store. Every function is given a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import sqlalchemy as sql

from drift.monitor.store.records import Alert, Finding, MonitorRecord
from drift.monitor.store.tables import alerts, deliveries, findings


@dataclass(frozen=True)
class Delivery:
    """A message that is to go out, or has gone."""

    id: str
    alert: int
    kind: str  # of the channel
    target: str
    message: Mapping[str, Any]
    state: str  # pending, done or given up
    attempts: int
    not_before: float  # seconds since 1970
    error: str
    done_at: str | None = None


def all_alerts(connection: sql.Connection, monitor: MonitorRecord, *states: str) -> list[Alert]:
    """A monitor's alerts (in one of these states), newest first."""
    query = alerts.select().where(alerts.c.monitor == monitor.id).order_by(alerts.c.id.desc())
    if states:
        query = query.where(alerts.c.state.in_(states))
    return [_alert(row) for row in connection.execute(query).mappings()]


def find_alert(connection: sql.Connection, monitor: MonitorRecord, number: int) -> Alert | None:
    """An alert by its number."""
    query = alerts.select().where(alerts.c.monitor == monitor.id, alerts.c.id == number)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _alert(row)


def add_alert(connection: sql.Connection, monitor: MonitorRecord, alert: Alert) -> int:
    """Store a new alert; its number."""
    values = asdict(alert) | {"monitor": monitor.id}
    del values["id"]
    number: int = connection.execute(alerts.insert().values(**values).returning(alerts.c.id)).scalar_one()
    return number


def set_alert(connection: sql.Connection, alert: Alert) -> None:
    """Put an alert in the place of what is stored of it."""
    values = asdict(alert)
    del values["id"]
    connection.execute(alerts.update().where(alerts.c.id == alert.id).values(**values))


def count_alerts(connection: sql.Connection, monitor: MonitorRecord) -> dict[str, int]:
    """Alerts in each state."""
    query = sql.select(alerts.c.state, sql.func.count()).where(alerts.c.monitor == monitor.id).group_by(alerts.c.state)
    return dict(connection.execute(query).tuples().all())


def add_delivery(connection: sql.Connection, delivery: Delivery) -> None:
    """A message that is to go out."""
    connection.execute(deliveries.insert().values(**asdict(delivery)))


def set_delivery(connection: sql.Connection, delivery: Delivery) -> None:
    """Put a delivery in the place of what is stored of it."""
    values = asdict(delivery)
    del values["id"]
    connection.execute(deliveries.update().where(deliveries.c.id == delivery.id).values(**values))


def deliveries_of(connection: sql.Connection, monitor: MonitorRecord, *states: str) -> list[Delivery]:
    """A monitor's deliveries (in one of these states), in the order of their alerts."""
    query = (
        deliveries.select()
        .join(alerts, alerts.c.id == deliveries.c.alert)
        .where(alerts.c.monitor == monitor.id)
        .order_by(deliveries.c.alert, deliveries.c.not_before, deliveries.c.id)
    )
    if states:
        query = query.where(deliveries.c.state.in_(states))
    return [Delivery(**row) for row in connection.execute(query).mappings()]


def all_findings(connection: sql.Connection, monitor: MonitorRecord) -> list[Finding]:
    """What people found out, newest first."""
    query = findings.select().where(findings.c.monitor == monitor.id).order_by(findings.c.id.desc())
    return [_finding(row) for row in connection.execute(query).mappings()]


def set_finding(connection: sql.Connection, monitor: MonitorRecord, finding: Finding) -> int:
    """Remember a finding, in the place of an earlier one about the same row; its number."""
    same = (findings.c.monitor == monitor.id) & (findings.c.batch == finding.batch) & (findings.c.key == finding.key)
    connection.execute(findings.delete().where(same))
    values = asdict(finding) | {"monitor": monitor.id, "tags": list(finding.tags), "row": dict(finding.row)}
    del values["id"]
    number: int = connection.execute(findings.insert().values(**values).returning(findings.c.id)).scalar_one()
    return number


def _alert(row: sql.RowMapping) -> Alert:
    return Alert(**{field.name: row[field.name] for field in fields(Alert)} | {"seen": tuple(row["seen"])})


def _finding(row: sql.RowMapping) -> Finding:
    return Finding(**{field.name: row[field.name] for field in fields(Finding)} | {"tags": tuple(row["tags"])})
