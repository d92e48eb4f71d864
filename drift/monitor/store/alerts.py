"""Alerts, their deliveries, and findings in the store. Every function is given a connection."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sql

from drift.monitor.store.records import Alert, Delivery, Finding, MonitorRecord
from drift.monitor.store.tables import alerts, deliveries, findings, insert, read, read_first


def all_alerts(connection: sql.Connection, monitor: MonitorRecord, *states: str) -> list[Alert]:
    """A monitor's alerts (in one of these states), newest first."""
    in_state = [alerts.c.state.in_(states)] if states else []
    return read(connection, Alert, alerts.c.monitor == monitor.id, *in_state, order=[alerts.c.id.desc()])


def find_alert(connection: sql.Connection, monitor: MonitorRecord, number: int) -> Alert | None:
    """An alert by its number."""
    return read_first(connection, Alert, alerts.c.monitor == monitor.id, alerts.c.id == number)


def add_alert(connection: sql.Connection, monitor: MonitorRecord, alert: Alert) -> Alert:
    """Store a new alert; returns it with its number."""
    return replace(alert, id=insert(connection, alert, monitor=monitor.id))


def count_alerts(connection: sql.Connection, monitor: MonitorRecord) -> dict[str, int]:
    """Alerts in each state."""
    query = sql.select(alerts.c.state, sql.func.count()).where(alerts.c.monitor == monitor.id).group_by(alerts.c.state)
    return dict(connection.execute(query).tuples().all())


def add_delivery(connection: sql.Connection, delivery: Delivery) -> None:
    """A message that is to go out."""
    connection.execute(deliveries.insert().values(**vars(delivery)))


def deliveries_of(connection: sql.Connection, monitor: MonitorRecord, *states: str) -> list[Delivery]:
    """A monitor's deliveries (in one of these states), in the order of their alerts."""
    own = deliveries.c.alert.in_(sql.select(alerts.c.id).where(alerts.c.monitor == monitor.id))
    in_state = [deliveries.c.state.in_(states)] if states else []
    return read(
        connection, Delivery, own, *in_state, order=[deliveries.c.alert, deliveries.c.not_before, deliveries.c.id]
    )


def all_findings(connection: sql.Connection, monitor: MonitorRecord) -> list[Finding]:
    """What people found out, newest first."""
    return read(connection, Finding, findings.c.monitor == monitor.id, order=[findings.c.id.desc()])


def set_finding(connection: sql.Connection, monitor: MonitorRecord, finding: Finding) -> int:
    """Store a finding in place of an earlier one about the same row; its number."""
    same = (findings.c.monitor == monitor.id) & (findings.c.batch == finding.batch) & (findings.c.key == finding.key)
    connection.execute(findings.delete().where(same))
    return insert(connection, finding, monitor=monitor.id)
