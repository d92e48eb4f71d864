"""What a page of the navigation declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drift.monitor.store import MonitorStore
from drift.monitor.store.records import MonitorRecord


@dataclass(frozen=True)
class Section:
    """A page of a monitor at `/monitors/NUMBER/NAME`, drawn by `templates/NAME.html.j2`.

    Attributes:
        name: last part of the address, and name of the template.
        title: words of the link.
        show: from the store, the monitor and the query of the address: what the template gets, by name. The template
            has `monitor` besides, and what `base.html.j2` needs.
        order: place among the links, the smallest first; by name where it is the same.
    """

    name: str
    title: str
    show: Callable[[MonitorStore, MonitorRecord, Mapping[str, str]], Mapping[str, Any]]
    order: int = 100
