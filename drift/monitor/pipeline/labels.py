"""Labels that come later, joined to their rows by key; batches measured again when labels or the reference change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.monitor.pipeline.batch_builder import among, hash_keys, label_digest
from drift.monitor.pipeline.measure import Measured, Measuring
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.sources.rows import Texts, to_bytes
from drift.monitor.sources.slices import parse_slice
from drift.monitor.store import MonitorStore, batches, references
from drift.monitor.store.records import MonitorRecord, Quality

NO_LIMIT = 1_000_000_000_000


@dataclass(frozen=True)
class JoinedLabels:
    """Result of joining labels.

    Attributes:
        joined: rows that had no label.
        changed: rows that had another label.
        same: rows that had this label.
        waiting: keys whose rows have not come yet; their labels are kept.
        batches: batches with such rows.
        measured: of them, those that were measured again, since a label of theirs is new.
    """

    joined: int = 0
    changed: int = 0
    same: int = 0
    waiting: int = 0
    batches: int = 0
    measured: int = 0


def join_labels(
    store: MonitorStore,
    monitor: MonitorRecord,
    keys: Texts,
    labels: NDArray[Any],
    *,
    calibration: ReferenceLimits | None = None,
    within: int | None = None,
    progress: Progress = ignore_progress,
) -> JoinedLabels:
    """Join labels to rows, batch by batch, each in one transaction, so that it may be done again after a crash.

    Args:
        store: where the rows are.
        monitor: whose.
        keys: (n,); of a key that comes twice, the last one counts.
        labels: (n,), none missing.
        calibration: limits of the reference in force, for the drift of labels.
        within: the only batch whose rows are meant; by default all that have these keys.
        progress: called with words, how much is done, and of how much.
    """
    by_key = dict(zip(keys.tolist(), labels.tolist(), strict=True))
    hashes = np.sort(hash_keys(np.asarray(list(by_key), object))) if by_key else np.zeros(0, np.uint64)
    left, counts, done, measured = set(by_key), Counter[str](), set[int](), 0
    while True:
        with store.write() as connection:  # batches that come meanwhile are found in the next round
            numbers = {within} if within is not None else _batches_of(connection, monitor, hashes)
            if numbers <= done:
                if left and within is None:
                    batches.add_waiting_labels(connection, monitor, {key: str(by_key[key]) for key in left})
                break
        for at, batch in enumerate(sorted(numbers - done)):
            if calibration is not None:
                with store.read() as connection:
                    stored = batches.find_batch(connection, monitor, id=batch)
                calibration.limits(stored.rows if stored else 1)  # it takes a while: not while others wait to write
            with store.write() as connection:
                met, counted = _join_in_batch(connection, monitor, batch, by_key)
                if _new(counted):
                    measure_again(connection, monitor, batch, calibration)
                    measured += 1
            left -= met
            counts += counted
            keep_limits(store, calibration)
            progress("truths", len(done) + at + 1, len(numbers))
        done |= numbers
    return JoinedLabels(counts["joined"], counts["changed"], counts["same"], len(left), len(done), measured)


def _join_in_batch(
    connection: Any, monitor: MonitorRecord, batch: int, labels: Mapping[str, Any]
) -> tuple[set[str], Counter[str]]:
    """Join labels to the rows of a batch: the keys that it has, and how many are joined, changed or the same."""
    met, counts = set[str](), Counter[str]()
    for number, rows in batches.rows_of(connection, batch):
        new, before, labelled = rows.labels.copy(), _new(counts), rows.labelled
        for at, key in enumerate(rows.keys.tolist()):
            if key in labels:
                met.add(key)
                kind = "joined" if not labelled[at] else "same" if new[at] == labels[key] else "changed"
                counts[kind] += 1
                new[at] = new[at] if kind == "same" else labels[key]
        if _new(counts) > before:
            batches.set_part(connection, batch, number, to_bytes(rows.with_labels(new)))
    batches.remove_waiting_labels(connection, monitor, met)  # that may have waited
    return met, counts


def _new(counts: Counter[str]) -> int:
    """Labels that the store did not have."""
    return counts["joined"] + counts["changed"]


def _batches_of(connection: Any, monitor: MonitorRecord, hashes: NDArray[np.uint64]) -> set[int]:
    """Batches that have keys of these hashes."""
    stored = batches.key_hashes(connection, monitor, most=NO_LIMIT)
    return {batch for batch, some in stored if among(some, hashes).any()}


def measure_again(connection: Any, monitor: MonitorRecord, batch: int, calibration: ReferenceLimits | None) -> None:
    """Put a stored batch's measures and drift in the place of earlier ones."""
    reference = calibration.reference if calibration else None
    measuring = Measuring(reference=reference, slices=[parse_slice(text) for text in monitor.slices])
    digest = 0
    for _, rows in batches.rows_of(connection, batch):
        measuring.add(rows)
        digest = (digest + label_digest(rows)) % 2**64
    stored = batches.find_batch(connection, monitor, id=batch)
    quality = stored.quality if stored is not None else Quality()
    limits = calibration.limits if calibration else None
    measured = measuring.result(limits=limits, duplicates=quality.duplicates, repeated=quality.repeated)
    batches.set_labels(connection, batch, measured.known, f"{digest:016x}", measured.quality)
    put_measures(connection, batch, measured, calibration)


def put_measures(connection: Any, batch: int, measured: Measured, calibration: ReferenceLimits | None) -> None:
    """Store the measures and the drift of a batch in the place of earlier ones."""
    batches.set_measures(connection, batch, measured.measures)
    if calibration is not None and measured.drift is not None:
        references.set_drift(connection, batch, calibration.reference, measured.drift)


def measure_all(
    store: MonitorStore, monitor: MonitorRecord, calibration: ReferenceLimits, *, progress: Progress = ignore_progress
) -> int:
    """Measure the batches whose drift from a reference is not known yet; how many there were."""
    with store.read() as connection:
        known = references.measured_batches(connection, calibration.reference)
        left = [batch for batch in batches.all_batches(connection, monitor) if batch.id not in known]
    for done, batch in enumerate(left):
        calibration.limits(batch.rows)  # it takes a while: not while others wait to write
        with store.write() as connection:
            measure_again(connection, monitor, batch.id, calibration)
        keep_limits(store, calibration)
        progress("batches measured", done + 1, len(left))
    return len(left)


def in_force(store: MonitorStore, monitor: MonitorRecord) -> ReferenceLimits | None:
    """The reference that batches are measured against, with the limits that are remembered of it."""
    with store.read() as connection:
        reference = references.current_reference(connection, monitor)
        return ReferenceLimits(reference, references.known_limits(connection, reference)) if reference else None


def keep_limits(store: MonitorStore, calibration: ReferenceLimits | None) -> None:
    """Remember what was calibrated since; not within a transaction, of which there is one at a time."""
    if calibration is None or not calibration.fresh:
        return
    with store.write() as connection:
        for rows, limits in calibration.fresh.items():
            references.add_limits(connection, calibration.reference, rows, limits)
    calibration.fresh.clear()
