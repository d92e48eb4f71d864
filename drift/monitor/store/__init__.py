"""The monitor's memory: SQLite by default, PostgreSQL by URL. The only room that writes to it."""

from drift.monitor.store import alerts, batches, references
from drift.monitor.store.opening import Store

__all__ = ["Store", "alerts", "batches", "references"]
