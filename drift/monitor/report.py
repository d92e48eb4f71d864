"""A monitor's history: as one HTML file that asks nothing of the network, as plain records, and as data frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift import __version__
from drift.charts.plots import Chart
from drift.monitor.drift.signals import display_name
from drift.monitor.store import MonitorStore, alerts, batches, references
from drift.monitor.store.records import MonitorRecord, MonitorReference, now
from drift.monitor.web.charts import distance_chart, unlinked
from drift.monitor.web.views import OF_CHANCE, Views, points_of
from drift.monitor.web.wording import templates
from drift.report.page import plotly_library, write_whole

if TYPE_CHECKING:
    import pandas as pd

MOST_SIGNALS = 50  # that have a chart of their own
NAMES = ("batch", "first_time", "last_time")


def write_monitor_report(store: MonitorStore, monitor: MonitorRecord, path: Path) -> Path:
    """Write the page to `path`, whole or not at all."""
    views = Views(store)
    shown = views.overview(monitor)
    with store.read() as connection:
        stored_alerts = alerts.all_alerts(connection, monitor)
        findings = alerts.all_findings(connection, monitor)
        reference = references.current_reference(connection, monitor)
    template = templates().get_template("report.html.j2")
    html = template.render(
        monitor=monitor,
        shown=shown,
        metric_charts={name: unlinked(chart) for name, chart in views.metric_charts(monitor).items()},
        signal_charts=_signal_charts(store, monitor, reference) if reference else {},
        alerts=stored_alerts,
        verdicts={name: sum(finding.verdict == name for finding in findings) for name in ("anomaly", "real")},
        style=(Path(__file__).parent / "web" / "static" / "monitor.css").read_text(),
        script=(Path(__file__).parent / "web" / "static" / "monitor.js").read_text(),
        plotly=plotly_library(),
        made_at=now(),
        version=__version__,
    )
    return write_whole(html, path)


def batch_records(store: MonitorStore, monitor: MonitorRecord) -> list[dict[str, Any]]:
    """What the page says of each batch, as plain values, oldest first.

    Returns:
        For each batch its name, times, rows, rows with labels, version, and all its measures: of all rows, by class and
        by slice.
    """
    with store.read() as connection:
        everything = batches.all_batches(connection, monitor)
        measured = batches.history(connection, monitor, whole=False)
    return [
        {
            "batch": batch.name,
            **{name: getattr(batch, name) for name in ("first_time", "last_time", "rows", "known", "version")},
            "measures": [
                vars(each.measure) | {"of_slice": each.of_slice or None} for each in measured.get(batch.id, [])
            ],
        }
        for batch in everything
    ]


def _signal_charts(store: MonitorStore, monitor: MonitorRecord, reference: MonitorReference) -> dict[str, Chart]:
    """KL of each signal over batches, with what chance explains."""
    with store.read() as connection:
        everything = batches.all_batches(connection, monitor)
        rows = references.signal_history(connection, reference, "kl", "kl_threshold")
    by_signal: dict[str, dict[int, tuple[float, float]]] = {}
    for number, signal, kl, threshold in rows:
        by_signal.setdefault(signal, {})[number] = (kl, threshold)
    charts = {}
    for signal, values in list(by_signal.items())[:MOST_SIGNALS]:
        kl, limits = zip(*(values.get(batch.id, (None, None)) for batch in everything), strict=True)
        chart = distance_chart(points_of(everything, kl), limits, name="KL", limit=OF_CHANCE)
        charts[display_name(signal)] = unlinked(chart)
    return charts


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
