"""What people found out about rows of a monitor, all of it or that with one verdict or tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.monitor.store import MonitorStore, alerts
from drift.monitor.store.records import MonitorRecord
from drift.monitor.web.sections.protocol import Section


def _show(store: MonitorStore, monitor: MonitorRecord, query: Mapping[str, str]) -> Mapping[str, Any]:
    verdict, tag = query.get("verdict", ""), query.get("tag", "")
    with store.read() as connection:
        everything = alerts.all_findings(connection, monitor)
    rows = [row for row in everything if verdict in ("", row.verdict) and (not tag or tag in row.tags)]
    return {"findings": rows, "verdict": verdict, "tag": tag}


FINDINGS = Section("findings", "Findings", _show, order=2)
