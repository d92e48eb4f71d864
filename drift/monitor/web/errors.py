"""What the pages show of errors: where they are, what moves with them, the worst rows, what was found of such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drift.monitor.alerts.series import loss_name, loss_of
from drift.monitor.analysis.anomaly import Anomaly, Neighbourhood
from drift.monitor.analysis.errors import ErrorSlice, Moved, find_error_slices, largest, moved_together, row_losses
from drift.monitor.drift.signals import LABEL, losses_of
from drift.monitor.sources.rows import PredictionRows, joined
from drift.monitor.store import alerts, batches, references
from drift.monitor.store.records import Batch, Finding, MonitorRecord, MonitorReference
from drift.monitor.web.reading import Reading, beside, stamp

ROWS_SHOWN = 20  # of the worst
MOST_ANALYSED = 200_000  # rows of a batch that errors are analysed in
LAST_BATCHES = 200  # in which signals are looked for that move with the errors


class ErrorViews:
    """Reads what pages show of errors."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def worst(self, monitor: MonitorRecord, batch: Batch) -> dict[str, Any]:
        """The worst rows of a batch, with anomaly scores, nearest reference rows and earlier findings."""
        with self._reading.store.read() as connection:
            reference = self._reading.reference(connection, monitor)
            everything = batches.all_batches(connection, monitor)
            findings = alerts.all_findings(connection, monitor)
            key = stamp(connection, monitor, reference, everything)
        rows = self._reading.once(("worst", batch.id, *key), lambda: self._worst(batch, reference), large=True)
        return {
            "batch": batch,
            "reference": reference,
            "rows": [self._with_findings(row, findings, batch, reference) for row in rows],
            **beside(everything, batch),
        }

    def worst_row(self, monitor: MonitorRecord, batch: Batch, key: str) -> Mapping[str, Any] | None:
        """One of the rows on the page of errors, by its key."""
        rows = self.worst(monitor, batch)["rows"]
        return next((row for row in rows if row["key"] == key), None)

    def neighbourhood(self, reference: MonitorReference) -> Neighbourhood | None:
        """What usual rows are like."""
        if len(reference.sample) < 2 or not len(reference.sample.features.columns):
            return None
        return self._reading.once(("neighbourhood", reference.id), lambda: Neighbourhood(reference.sample.features))

    def slices(self, batch: Batch, reference: MonitorReference | None, key: tuple[Any, ...]) -> tuple[ErrorSlice, ...]:
        """Where the errors of a batch concentrate."""

        def find() -> tuple[ErrorSlice, ...]:
            rows = self._rows(batch)
            if rows is None or not rows.labelled.any():
                return ()
            labelled = rows.take(rows.labelled)
            large = reference.large_error if reference else None
            if labelled.prediction.dtype == np.float64 and large is None:
                return ()
            return find_error_slices(labelled.features, losses_of(labelled, large))

        return self._reading.once(("slices", batch.id, *key), find, large=True)

    def moved(
        self, monitor: MonitorRecord, reference: MonitorReference | None, key: tuple[Any, ...]
    ) -> tuple[Moved, ...]:
        """Signals that move with the errors over the last batches."""

        def find() -> tuple[Moved, ...]:
            if reference is None:
                return ()
            with self._reading.store.read() as connection:
                order = [batch.id for batch in batches.all_batches(connection, monitor)][-LAST_BATCHES:]
                lost = batches.history(connection, monitor, [loss_name(reference)])
                rows = references.signal_history(connection, reference, "jensen_shannon")
            losses = {number: loss_of(many[0]) for number, many in lost.items()}
            distances: dict[str, dict[int, float]] = {}
            for number, signal, value in rows:
                if signal != LABEL:
                    distances.setdefault(signal, {})[number] = value
            return moved_together(
                {name: [known.get(number, np.nan) for number in order] for name, known in distances.items()},
                [losses.get(number, np.nan) for number in order],
            )

        return self._reading.once(("moved", *key), find, large=True)

    def _rows(self, batch: Batch) -> PredictionRows | None:
        with self._reading.store.read() as connection:
            parts, count = [], 0
            for _, rows in batches.rows_of(connection, batch.id):
                parts.append(rows)
                count += len(rows)
                if count >= MOST_ANALYSED:
                    break
        return joined(parts) if parts else None

    def _worst(self, batch: Batch, reference: MonitorReference | None) -> list[dict[str, Any]]:
        rows = self._rows(batch)
        if rows is None:
            return []
        losses = row_losses(rows)
        chosen = largest(losses, most=ROWS_SHOWN)
        some = rows.take(chosen)
        usual = self.neighbourhood(reference) if reference is not None and len(some) else None
        strange: Sequence[Anomaly | None] = usual.anomalies(some.features) if usual else [None] * len(some)
        near = usual.nearest(some.features) if usual else [()] * len(some)
        return [
            {
                **_row(some, at),
                "loss": float(losses[chosen[at]]),
                "anomaly": strange[at],
                "near": [
                    {**_row(reference.sample, neighbour.position), "distance": neighbour.distance}
                    for neighbour in near[at]
                    if reference is not None
                ],
                "frame": some.features.iloc[[at]],
            }
            for at in range(len(some))
        ]

    def _with_findings(
        self, row: dict[str, Any], findings: Sequence[Finding], batch: Batch, reference: MonitorReference | None
    ) -> dict[str, Any]:
        own = next((finding for finding in findings if finding.batch == batch.name and finding.key == row["key"]), None)
        others = [finding for finding in findings if finding is not own]
        similar: list[Finding] = []
        usual = self.neighbourhood(reference) if reference is not None else None
        if usual is not None and others:
            frame = row["frame"]
            table = _frame_of(others, frame)
            similar = [finding for finding, near in zip(others, usual.alike(frame, table)[0], strict=True) if near]
        return row | {"finding": own, "similar": similar[:5]}


def _frame_of(findings: Sequence[Finding], like: Any) -> Any:
    """The features of findings, with the columns and types of a row."""
    import pandas as pd

    columns = {}
    for name in like:
        values = [finding.row.get("features", {}).get(str(name)) for finding in findings]
        number = like[name].dtype.kind == "f"
        columns[name] = np.asarray(
            [np.nan if value is None else value for value in values] if number else values,
            np.float64 if number else object,
        )
    return pd.DataFrame(columns, index=range(len(findings)))


def _row(rows: PredictionRows, at: int) -> dict[str, Any]:
    """A row as plain values."""
    features = {str(name): _plain(value) for name, value in rows.features.iloc[at].items()}
    confidence = None if rows.confidence is None else float(rows.confidence[at])
    return {
        "key": rows.keys[at],
        "prediction": _plain(rows.prediction[at]),
        "truth": _plain(rows.labels[at]),
        "confidence": confidence,
        "time": None if rows.times is None else str(rows.times[at]),
        "features": features,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value) if np.isfinite(value) else str(value)
    return value
