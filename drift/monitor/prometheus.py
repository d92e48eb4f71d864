"""The newest state of all monitors for Prometheus, in its text format."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from drift.monitor.drift.signals import display_name
from drift.monitor.store import MonitorStore, alerts, batches, references
from drift.monitor.store.records import MonitorRecord

GAUGES = {
    "batches": ("Batches stored.", ()),
    "rows": ("Rows stored.", ()),
    "newest_batch_timestamp_seconds": ("Time of the newest row.", ()),
    "last_ingest_timestamp_seconds": ("When the newest batch was stored.", ()),
    "metric": ("A measure of the newest batch whose truth is known.", ("metric",)),
    "distance": ("Jensen-Shannon divergence of the newest batch from the reference, in nats.", ("signal",)),
    "distance_limit": ("What it may be before the batch counts as bad.", ("signal",)),
    "alerts": ("Alerts in each state.", ("state",)),
    "deliveries_pending": ("Messages about alerts that wait to be delivered.", ()),
}


def exposition(store: MonitorStore) -> str:
    """Gauges of every monitor's newest state, format 0.0.4."""
    from prometheus_client import generate_latest
    from prometheus_client.metrics_core import GaugeMetricFamily

    families = {
        name: GaugeMetricFamily(f"drift_monitor_{name}", words, labels=["monitor", *labels])
        for name, (words, labels) in GAUGES.items()
    }
    with store.read() as connection:
        for monitor in batches.all_monitors(connection):
            for name, labels, value in _state(connection, monitor):
                families[name].add_metric([monitor.name, *labels], value)
    registry: Any = SimpleNamespace(collect=families.values)
    return generate_latest(registry).decode()


def _state(connection: Any, monitor: MonitorRecord) -> Iterator[tuple[str, tuple[str, ...], float]]:
    everything = batches.all_batches(connection, monitor)
    yield "batches", (), len(everything)
    yield "rows", (), sum(batch.rows for batch in everything)
    if everything:
        yield "newest_batch_timestamp_seconds", (), max(batch.fresh_at for batch in everything)
        stored = max(datetime.fromisoformat(batch.ingested_at).timestamp() for batch in everything)
        yield "last_ingest_timestamp_seconds", (), stored
    counted = alerts.count_alerts(connection, monitor)
    for state in ("open", "acknowledged", "closed"):
        yield "alerts", (state,), counted.get(state, 0)
    yield "deliveries_pending", (), len(alerts.deliveries_of(connection, monitor, "pending"))
    reference = references.current_reference(connection, monitor)
    share = reference.promise.truth_share if reference is not None else 0.0
    known = next((batch for batch in reversed(everything) if batch.known >= max(1, share * batch.rows)), None)
    for measured in batches.measures_of_batch(connection, known.id) if known else ():
        if not measured.of_slice and not measured.measure.of_class:
            yield "metric", (measured.measure.name,), measured.measure.value
    drift = references.drift_of_batch(connection, everything[-1].id, reference) if reference and everything else None
    for signal in drift.signals if drift else ():
        yield "distance", (display_name(signal.signal),), signal.jensen_shannon
        yield "distance_limit", (display_name(signal.signal),), signal.limit
