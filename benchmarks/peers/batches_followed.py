"""Batches followed one after the other against a reference: by the monitor, whole, or by Evidently's report of each."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from timing import cpu_seconds, options, peak_megabytes, versions


def ours(files: list[Path], reference: int) -> dict[str, Any]:
    """Ingest, agree on the first batches, check: rows stored, every measure and distance of each batch, alerts."""
    from drift.data.readers.files import FileRows
    from drift.monitor.alerts.check import check
    from drift.monitor.alerts.messages import Watch
    from drift.monitor.pipeline.ingest import ingest
    from drift.monitor.pipeline.labels import in_force, measure_all
    from drift.monitor.pipeline.reference import make_reference
    from drift.monitor.sources.batches import Batching
    from drift.monitor.sources.column_roles import Columns
    from drift.monitor.sources.rows import joined
    from drift.monitor.store import MonitorStore, batches, references

    columns = Columns("prediction", truth="truth", key="key", probability="p")
    with tempfile.TemporaryDirectory() as folder:
        store = MonitorStore(Path(folder) / "m.db")
        source = FileRows(files[0].parent, chunk_rows=50_000)
        ingest(store, "m", source, source="", columns=columns, batching=Batching(), ordered=True)
        with store.write() as connection:
            [monitor] = batches.all_monitors(connection)
            everything = batches.all_batches(connection, monitor)
            parts = [joined([r for _, r in batches.rows_of(connection, one.id)]) for one in everything[:reference]]
            made = make_reference(joined(parts), sizes=[len(part) for part in parts], chosen="", by="", why="")
            references.add_reference(connection, monitor, made)
        calibration = in_force(store, monitor)
        assert calibration is not None
        measure_all(store, monitor, calibration)
        found = check(store, monitor, Watch())
        with store.read() as connection:
            there = references.current_reference(connection, monitor)
            assert there is not None
            bad = {row[0] for row in references.signal_history(connection, there, "bad") if row[2]}
        opened = sorted(alert.batch for alert in found.opened)
        late = {batch.id for batch in everything[reference:]}
        return {"alarms": len(opened), "first": opened[0] if opened else "", "bad_batches": len(bad & late)}


def evidently(files: list[Path], reference: int, *, method: str | None) -> dict[str, Any]:
    """A report of each batch; a batch is flagged if any column drifts, and as a whole if half of them do."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    frames = [pd.read_parquet(file).drop(columns="key") for file in files]
    accepted = pd.concat(frames[:reference], ignore_index=True)
    flagged, whole = [], 0
    for file, frame in zip(files[reference:], frames[reference:], strict=True):
        preset = DataDriftPreset() if method is None else DataDriftPreset(num_method=method)
        told = Report([preset]).run(current_data=frame, reference_data=accepted).dict()
        [drifted] = [one["value"] for one in told["metrics"] if one["metric_name"].startswith("DriftedColumnsCount")]
        whole += drifted["share"] >= 0.5
        if drifted["count"] > 0:
            flagged.append(file.stem)
    return {"alarms": len(flagged), "first": flagged[0] if flagged else "", "bad_batches": whole}


def main() -> None:
    """Time one of them."""
    given = options()
    files = sorted(Path(given["folder"]).glob("*.parquet"))
    wall, cpu = time.perf_counter(), cpu_seconds()
    if given["what"] == "ours":
        found = ours(files, given["reference"])
    else:
        found = evidently(files, given["reference"], method=given["what"] or None)
    spent = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": cpu_seconds() - cpu}
    told = versions(("evidently", "pandas") if given["what"] != "ours" else ("pandas",))
    print(json.dumps(spent | {"peak_mb": peak_megabytes(), "found": found, "versions": told}))


if __name__ == "__main__":
    main()
