"""Series that the rules follow, from the store: distances of signals, losses of slices, the loss of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drift.detect.sequential.dependence import measure_dependence
from drift.metrics.regression.errors import LARGE as LARGE_ERRORS
from drift.monitor.alerts.rules import DistancePoint, LossPoint
from drift.monitor.drift.signals import ACCURACY, LABEL, display_name
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.reference.limits import AlarmSpec, loss_limit
from drift.monitor.store import batches, references
from drift.monitor.store.records import Batch, MonitorRecord, MonitorReference, SliceMeasure


def is_judged(batch: Batch, signal: str, alarms: AlarmSpec) -> bool:
    """Whether a signal can be judged by a batch now, or only when more of its labels have come."""
    by_truth = signal == LABEL or signal.startswith((ACCURACY, LARGE_ERRORS))
    return not by_truth or batch.known >= max(1, alarms.truth_share * batch.rows)


def loss_name(reference: MonitorReference) -> str:
    """The measure that losses are read off: accuracy, or the share of large errors."""
    return ACCURACY if reference.large_error is None else LARGE_ERRORS


def loss_words(reference: MonitorReference) -> str:
    """That measure's loss, for people."""
    large = reference.large_error
    return "error rate" if large is None else f"share of errors above {large:.3g}"


def loss_of(measured: SliceMeasure) -> float:
    """The loss that a measure of accuracy or of large errors says."""
    return 1 - measured.measure.value if measured.measure.name == ACCURACY else measured.measure.value


def counts_for(reference: MonitorReference, batch: Batch) -> bool:
    """Whether a batch is judged by a reference: of a later version, only those that came after it was agreed."""
    return reference.version == 1 or batch.ingested_at > reference.agreed_at


def batches_since(connection: Any, monitor: MonitorRecord, reference: MonitorReference) -> list[Batch]:
    """Batches that are judged by a reference, oldest first."""
    return [batch for batch in batches.all_batches(connection, monitor) if counts_for(reference, batch)]


def run_histories(
    connection: Any, monitor: MonitorRecord, calibration: ReferenceLimits, since: Sequence[Batch]
) -> list[tuple[str, list[DistancePoint]]]:
    """All series under the run rule: the distance of each signal from the reference, and losses of slices."""
    reference = calibration.reference
    by_id = {batch.id: batch for batch in since}
    histories: dict[str, list[DistancePoint]] = {}
    for number, signal, value, limit, bad in references.signal_history(
        connection, reference, "jensen_shannon", "limit", "bad"
    ):
        batch = by_id.get(number)
        if batch is not None and is_judged(batch, signal, reference.promise):
            words = f"{display_name(signal)}: Jensen-Shannon {value:.3g} from the reference, limit {limit:.3g}"
            histories.setdefault(signal, []).append(DistancePoint(batch, bad, words))
    return [*histories.items(), *_slice_histories(connection, monitor, calibration, since)]


def loss_history(
    connection: Any, monitor: MonitorRecord, reference: MonitorReference, since: Sequence[Batch]
) -> list[LossPoint]:
    """The loss of all rows, over batches."""
    name = loss_name(reference)
    history = batches.history(connection, monitor, [name])
    return [
        LossPoint(batch, loss_of(history[batch.id][0]), history[batch.id][0].measure.rows)
        for batch in since
        if batch.id in history and is_judged(batch, name, reference.promise)
    ]


def _slice_histories(
    connection: Any, monitor: MonitorRecord, calibration: ReferenceLimits, since: Sequence[Batch]
) -> list[tuple[str, list[DistancePoint]]]:
    """The losses of each slice against its losses in the reference; serially dependent, as those of all rows are."""
    reference, alarms = calibration.reference, calibration.reference.promise
    name = loss_name(reference)
    accepted = {
        measured.of_slice: measured
        for measured in reference.measures
        if measured.of_slice and measured.measure.name == name
    }
    if not accepted:
        return []
    history = batches.history(connection, monitor, [name], whole=False)
    histories: dict[str, list[DistancePoint]] = {}
    rate = alarms.rate(calibration.signals)
    for batch in since:
        for measured in history.get(batch.id, ()):
            if measured.of_slice not in accepted or measured.measure.of_class or not is_judged(batch, name, alarms):
                continue
            was, rows = accepted[measured.of_slice], measured.measure.rows
            limit = loss_limit(
                loss_of(was) * was.measure.rows,
                was.measure.rows,
                rows,
                rate=rate,
                rule=alarms.rule,
                inflation=rows / measure_dependence(reference.losses, rows).effective_rows,
            )
            words = f"{loss_words(reference)} {loss_of(measured):.3f} where {measured.of_slice}"
            words += f", {loss_of(was):.3f} in the reference, limit {limit:.3f}"
            followed = DistancePoint(batch, loss_of(measured) > limit, words)
            histories.setdefault(f"{name} of {measured.of_slice}", []).append(followed)
    return list(histories.items())
