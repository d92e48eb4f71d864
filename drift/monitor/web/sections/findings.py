"""What people found out about rows of a monitor, all of it or that with one verdict or tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.monitor.store import MonitorStore
from drift.monitor.store.records import MonitorRecord
from drift.monitor.web.sections.protocol import Section
from drift.monitor.web.views import Views


def _show(store: MonitorStore, monitor: MonitorRecord, query: Mapping[str, str]) -> Mapping[str, Any]:
    verdict, tag = query.get("verdict", ""), query.get("tag", "")
    rows = Views(store).errors.findings(monitor, verdict=verdict, tag=tag)
    return {"findings": rows, "verdict": verdict, "tag": tag}


FINDINGS = Section("findings", "Findings", _show, order=2)
