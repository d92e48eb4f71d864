"""Batches into the store, each once, whole or not at all; labels that came before or after them are joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from drift.errors import StateError
from drift.monitor.pipeline.batch_builder import BatchBuilder, SeenKeys
from drift.monitor.pipeline.labels import join_labels, keep_limits, put_measures
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.sources.slices import parse_slice
from drift.monitor.store import MonitorStore, batches
from drift.monitor.store.batches import Hashes
from drift.monitor.store.records import Batch, MonitorRecord

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
