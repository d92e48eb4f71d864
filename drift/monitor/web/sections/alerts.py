"""All alerts of a monitor, with what people did about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.store.records import MonitorRecord
from drift.monitor.web.sections.protocol import Section


def _show(store: MonitorStore, monitor: MonitorRecord, query: Mapping[str, str]) -> Mapping[str, Any]:
    with store.read() as connection:
        rows = alerts.all_alerts(connection, monitor)
        numbers = {batch.name: batch.id for batch in batches.all_batches(connection, monitor)}
    return {"alerts": rows, "numbers": numbers}


ALERTS = Section("alerts", "Alerts", _show, order=1)
