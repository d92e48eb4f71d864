"""The store of the monitor: SQLite by default, PostgreSQL by URL. The only subpackage that writes to it."""

from drift.monitor.store import alerts, batches, references
from drift.monitor.store.opening import MonitorStore

__all__ = ["MonitorStore", "alerts", "batches", "references"]
