"""Writing to the store: batches, labels that come later, and what is measured of both.

Batches into the store, each once, whole or not at all; labels that came before or after them are joined.

Labels that come later, joined to their rows by key; batches measured again when labels or the reference change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.errors import StateError
from drift.monitor.pipeline.batch_builder import BatchBuilder, SeenKeys, among, hash_keys, label_digest
from drift.monitor.pipeline.measure import Measured, Measuring, ReferenceLimits
from drift.monitor.progress import Progress, ignore_progress
from drift.monitor.sources.rows import Texts, parse_slice, to_bytes
from drift.monitor.store import MonitorStore, batches, references
from drift.monitor.store.batches import Hashes
from drift.monitor.store.records import Batch, MonitorRecord, Quality

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


MOST_KEYS = 5_000_000  # of the newest batches, among which repeated rows are looked for


@dataclass
class Ingested:
    """Result of an ingest.

    Attributes:
        stored: batches that were stored.
        rows: rows of these batches.
        unchanged: batches that were stored before.
        replaced: batches that took the place of stored ones.
        truths: labels that were joined to rows stored earlier, or changed.
        duplicates: rows that were left out, since their key is in the batch already.
        unfinished: name of a batch that more rows may come for, and that was left; empty if there is none.
        refused: messages about batches that are stored with other rows.
        left_out: columns of the source that the monitor does not follow.
        unlikely: message where probabilities are too small to be those of the predicted class; empty if they are not.
        source: what the rows were read from.
        model: registered name of the model whose scoring log that is; empty for another source.
        begun: whether the monitor begins with these rows.
        notes: messages about a deployment whose batches are very small, or answered by several versions.
    """

    stored: int = 0
    rows: int = 0
    unchanged: int = 0
    replaced: int = 0
    truths: int = 0
    duplicates: int = 0
    unfinished: str = ""
    refused: list[str] = field(default_factory=list)
    left_out: tuple[str, ...] = ()
    unlikely: str = ""
    source: str = ""
    model: str = ""
    begun: bool = False
    notes: list[str] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """What was counted, as plain values."""
        others = ("source", "model", "begun", "notes")
        return {name: value for name, value in vars(self).items() if name not in others}


class BatchWriter:
    """Stores the batches of one ingest.

    Attributes:
        monitor: whose batches.
        names: of the batches that are stored.
        waiting: labels whose rows have not come yet, by key.
        result: what was counted so far.
    """

    def __init__(
        self,
        store: MonitorStore,
        monitor: MonitorRecord,
        calibration: ReferenceLimits | None,
        result: Ingested,
        *,
        replace: bool,
    ) -> None:
        """Look up what is stored.

        Args:
            store: of the monitor.
            monitor: whose batches.
            calibration: of the reference in force.
            result: to be counted in.
            replace: whether batches that are stored with other rows are replaced.
        """
        self._store, self.monitor, self._calibration, self.result = store, monitor, calibration, result
        self._replace, self._seen = replace, SeenKeys()
        with store.read() as connection:
            self.waiting = self._typed(batches.waiting_labels(connection, monitor))
            self.names = {batch.name for batch in batches.all_batches(connection, monitor)}
            if monitor.columns.key:
                for _, hashes in batches.key_hashes(connection, monitor, most=MOST_KEYS):
                    self._seen.add(hashes)

    def builder(self, name: str) -> BatchBuilder:
        """A batch that rows can be added to."""
        stored = name in self.names
        return BatchBuilder(
            name,
            source=self.result.source,
            keyed=bool(self.monitor.columns.key),
            reference=self._calibration.reference if self._calibration else None,
            slices=[parse_slice(text) for text in self.monitor.slices],
            waiting={} if stored else self.waiting,  # what is stored has its labels, or better ones
            stored=stored,
        )

    def write(self, builder: BatchBuilder) -> None:
        """Commit one batch, if it is not stored yet.

        Raises:
            StateError: another process has begun the monitor anew.
        """
        try:
            own_keys: Hashes | None = None
            if builder.name in self.names:
                with self._store.read() as connection:
                    stored = batches.find_batch(connection, self.monitor, name=builder.name)
                    own_keys = batches.hashes_of(connection, stored.id) if stored is not None else None
                if stored is not None and builder.says_nothing_new(stored):
                    self.result.unchanged += 1
                    return
            limits = self._calibration.limits if self._calibration else None
            batch, measured = builder.finish(limits=limits, seen=self._seen, own=own_keys)
            with self._store.write() as connection:
                if batches.find_monitor(connection, self.monitor.name) != self.monitor:
                    raise StateError(
                        f"monitor {self.monitor.name} was begun anew meanwhile, with other columns: run this again"
                    )
                stored = batches.find_batch(connection, self.monitor, name=builder.name)
                action = self._action(stored, batch)
                if action == "replace" and stored is not None:
                    batches.remove_batch(connection, stored)
                    batch = _in_place_of(stored, batch)
                if action in ("store", "replace"):
                    number = batches.add_batch(connection, self.monitor, batch, builder.parts())
                    put_measures(connection, number, measured, self._calibration)
                    batches.remove_waiting_labels(connection, self.monitor, builder.joined_labels)
                waiting = self._typed(batches.waiting_labels(connection, self.monitor))
            keep_limits(self._store, self._calibration)
            self._join_new(waiting, builder.waiting)
            self._count(action, stored, batch, builder)
            self.names.add(builder.name)
            self._seen.add(builder.hashes)
        finally:
            builder.close()

    def _typed(self, labels: Mapping[str, str]) -> Mapping[str, Any]:
        """Labels from their texts in the store."""
        regression = self.monitor.columns.task == "regression"
        return {key: float(text) for key, text in labels.items()} if regression else labels

    def _join_new(self, waiting: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """Join labels that another process has left since a batch was begun: its rows are stored by now."""
        new = {key: label for key, label in waiting.items() if key not in known}
        self.waiting = waiting
        if new:
            labels = np.asarray(list(new.values()), np.float64 if self.monitor.columns.task == "regression" else object)
            keys = np.asarray(list(new), object)
            joined = join_labels(self._store, self.monitor, keys, labels, calibration=self._calibration)
            self.result.truths += joined.joined

    def _action(self, stored: Batch | None, new: Batch) -> str:
        """What is done with a batch: store, replace, refuse, keep (the stored one), or join (its labels)."""
        if stored is None:
            return "store"
        if (stored.digest, stored.rows) != (new.digest, new.rows):
            return "replace" if self._replace else "refuse"
        if stored.truth_digest == new.truth_digest or not new.known:
            return "keep"
        if self.monitor.columns.key:
            return "join"  # some of the labels may have come by another way
        return "replace" if new.known >= stored.known else "keep"

    def _count(self, action: str, stored: Batch | None, new: Batch, builder: BatchBuilder) -> None:
        result = self.result
        if stored is None:
            result.stored += 1
            result.rows += new.rows
            result.duplicates += new.quality.duplicates
        elif action == "replace":
            result.replaced += 1
            result.truths += new.known - stored.known if stored.digest == new.digest else 0
        elif action == "keep":
            result.unchanged += 1
        elif action == "join":
            for rows in builder.rows():
                keys, labels = rows.keys[rows.labelled], rows.labels[rows.labelled]
                joined = join_labels(
                    self._store, self.monitor, keys, labels, calibration=self._calibration, within=stored.id
                )
                result.truths += joined.joined + joined.changed
        else:
            result.refused.append(
                f"batch {new.name!r} is stored with other rows ({stored.rows:,} of them, now {new.rows:,})"
            )


def _in_place_of(stored: Batch, new: Batch) -> Batch:
    """A batch that replaces a stored one: without times it stays where it was; with the same rows it is the same."""
    if new.last_time is None:
        new = replace(new, at=stored.at)
    if new.digest == stored.digest:  # only its labels are others
        new = replace(new, id=stored.id, ingested_at=stored.ingested_at)
    return new
