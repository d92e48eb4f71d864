"""What a monitor holds: in words, and what was measured as data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drift.errors import DriftError
from drift.monitor.report import batch_records
from drift.monitor.store import MonitorStore, batches, references
from drift.monitor.store.records import MonitorRecord

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("batch", "first_time", "last_time")


def monitor_words(store: MonitorStore, name: str) -> str:
    """How many batches a monitor has, and which reference is in force."""
    try:
        with store.read() as connection:
            monitor = batches.find_monitor(connection, name)
            if monitor is None:
                return "no batches"
            count = len(batches.all_batches(connection, monitor))
            reference = references.current_reference(connection, monitor)
    except DriftError as error:
        return str(error)
    version = f"reference {reference.version}" if reference else "no reference"
    return f"{count:,} batch{'' if count == 1 else 'es'}, {version}"


def measure_frame(store: MonitorStore, monitor: MonitorRecord) -> pd.DataFrame:
    """Measures of all batches; see `drift.monitor.library.Monitor.metrics`."""
    import pandas as pd

    rows = [
        {name: batch[name] for name in NAMES} | measure
        for batch in batch_records(store, monitor)
        for measure in batch["measures"]
    ]
    columns = [*NAMES, "measure", "of_class", "of_slice", "value", "low", "high", "rows"]
    frame = pd.DataFrame(rows).rename(columns={"name": "measure"}).reindex(columns=columns)
    of = ["of_class", "of_slice"]
    frame[of] = frame[of].astype(object).where(frame[of].notna(), None)
    return frame.astype({"value": float, "low": float, "high": float})


def distance_frame(store: MonitorStore, monitor: MonitorRecord) -> pd.DataFrame:
    """Distances of every signal from the reference in force; see `drift.monitor.library.Monitor.distances`."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    with store.read() as connection:
        reference = references.current_reference(connection, monitor)
        if reference is not None:
            names = {batch.id: batch.name for batch in batches.all_batches(connection, monitor)}
            history = references.signal_history(connection, reference, "jensen_shannon", "limit", "bad")
            rows = [(names[number], *values) for number, *values in history]
    frame = pd.DataFrame(rows, columns=["batch", "signal", "value", "limit", "bad"])
    return frame.astype({"value": float, "limit": float, "bad": bool})
