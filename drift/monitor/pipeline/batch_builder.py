"""Batches that are built chunk by chunk; their rows are kept compressed, so that they need not fit in memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.monitor.pipeline.measure import Limits, Measured, Measuring
from drift.monitor.sources.rows import PredictionRows, Texts, from_bytes, joined, to_bytes
from drift.monitor.sources.slices import Slice
from drift.monitor.store.batches import Hashes
from drift.monitor.store.records import Batch, MonitorReference, now

PART_ROWS = 100_000  # that are kept together
IN_MEMORY = 32_000_000  # bytes of a batch; what is more goes to a temporary file


class BatchBuilder:
    """Takes the rows of one batch."""

    def __init__(
        self,
        name: str,
        *,
        source: str,
        keyed: bool,
        reference: MonitorReference | None,
        slices: Sequence[Slice] = (),
        waiting: Mapping[str, Any] | None = None,
        stored: bool = False,
    ) -> None:
        """Begin a batch.

        Args:
            name: of it.
            source: where its rows come from.
            keyed: whether rows have keys of their own, so that a repeated one is a duplicate.
            reference: that it is measured against.
            slices: that are followed.
            waiting: labels that came before their rows, by key.
            stored: whether there is such a batch already, so that its rows are likely to need no measuring.
        """
        self.name, self.buffered = name, 0
        self._source, self._keyed, self.waiting = source, keyed, waiting or {}
        self._measuring, self._measured = Measuring(reference=reference, slices=slices), not stored
        self._buffer: list[PredictionRows] = []
        self._bodies = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed with the batch
        self._parts: list[tuple[int, Hashes, int]] = []  # rows, hashes of keys, bytes
        self._digest = self._truth_digest = self._duplicates = self._known = 0
        self._versions: Counter[str] = Counter()
        self._times: tuple[np.datetime64, np.datetime64] | None = None
        self._middles: list[tuple[np.datetime64, int]] = []  # of each part: the median of its times, and its rows
        self.joined_labels: list[str] = []  # keys of those that were waiting

    def add(self, rows: PredictionRows) -> None:
        """Take some rows."""
        self._buffer.append(rows)
        self.buffered += len(rows)
        if self.buffered >= PART_ROWS:
            self.flush()

    def flush(self) -> None:
        """Measure and compress what was taken."""
        if not self._buffer:
            return
        rows = joined(self._buffer)
        self._buffer, self.buffered = [], 0
        hashes = hash_keys(rows.keys)
        if self._keyed:
            rows, hashes = self._without_duplicates(rows, hashes)
        if not len(rows):
            return
        self._digest = (self._digest + row_digest(rows, keyed=self._keyed)) % 2**64
        if self.waiting:
            rows = self._with_waiting(rows)
        self._truth_digest = (self._truth_digest + label_digest(rows)) % 2**64
        self._known += int(rows.labelled.sum())
        if self._measured:
            self._measuring.add(rows)
        if rows.versions is not None:
            self._versions.update(Counter(str(version) for version in rows.versions.tolist()))
        if rows.times is not None:
            ends = rows.times.min(), rows.times.max()
            self._times = ends if self._times is None else (min(self._times[0], ends[0]), max(self._times[1], ends[1]))
            self._middles.append((np.sort(rows.times)[len(rows) // 2], len(rows)))
        body = to_bytes(rows)
        self._bodies.write(body)
        self._parts.append((len(rows), hashes, len(body)))

    def says_nothing_new(self, stored: Batch) -> bool:
        """Whether it has the rows of a stored batch and no label that this one lacks."""
        self.flush()
        same = (len(self.hashes), f"{self._digest:016x}") == (stored.rows, stored.digest)
        return same and (not self._known or f"{self._truth_digest:016x}" == stored.truth_digest)

    def finish(
        self, *, limits: Limits | None = None, seen: SeenKeys | None = None, own: Hashes | None = None
    ) -> tuple[Batch, Measured]:
        """The record of the whole batch, and its measures; nothing can be added afterwards.

        Args:
            limits: of distances, for the run rule.
            seen: keys of stored batches.
            own: those of the stored batch of this name, which do not repeat themselves.
        """
        self.flush()
        if not self._measured:
            for rows in self.rows():
                self._measuring.add(rows)
            self._measured = True
        new = self.hashes if own is None else self.hashes[~among(self.hashes, np.sort(own))]
        repeated = seen.count(new) if seen is not None and self._keyed else 0
        measured = self._measuring.result(limits=limits, duplicates=self._duplicates, repeated=repeated)
        came = now()
        first, last = (None, None) if self._times is None else (str(end) for end in self._times)
        middle = _median(self._middles) if self._middles else np.datetime64(came[:23], "ms")
        batch = Batch(
            id=0,
            name=self.name,
            at=float((min(middle, np.datetime64(came[:23], "ms")) - np.datetime64(0, "ms")) / np.timedelta64(1, "s")),
            first_time=first,
            last_time=last,
            rows=measured.rows,
            known=measured.known,
            digest=f"{self._digest:016x}",
            truth_digest=f"{self._truth_digest:016x}",
            source=self._source,
            versions=dict(self._versions),
            quality=measured.quality,
            ingested_at=came,
        )
        return batch, measured

    def parts(self) -> Iterator[Mapping[str, Any]]:
        """Its rows, part by part, as `add_batch` takes them."""
        self._bodies.seek(0)
        for rows, hashes, size in self._parts:
            yield {"rows": rows, "hashes": hashes.tobytes(), "body": self._bodies.read(size)}

    def rows(self) -> Iterator[PredictionRows]:
        """Its rows, part by part, decoded."""
        for part in self.parts():
            yield from_bytes(part["body"])

    @property
    def hashes(self) -> Hashes:
        """Of the keys of all its rows."""
        return np.concatenate([np.zeros(0, np.uint64), *(part[1] for part in self._parts)])

    def close(self) -> None:
        """Let go of what was kept."""
        self._bodies.close()

    def _without_duplicates(self, rows: PredictionRows, hashes: Hashes) -> tuple[PredictionRows, Hashes]:
        import pandas as pd

        again = pd.Series(hashes).duplicated().to_numpy() | np.isin(hashes, self.hashes)
        self._duplicates += int(again.sum())
        if again.any():
            rows, hashes = rows.take(~again), hashes[~again]
        return rows, hashes

    def _with_waiting(self, rows: PredictionRows) -> PredictionRows:
        labels = rows.labels.copy()
        for at, (key, known) in enumerate(zip(rows.keys.tolist(), rows.labelled.tolist(), strict=True)):
            if key in self.waiting:
                self.joined_labels.append(key)
                if not known:
                    labels[at] = self.waiting[key]
        return rows.with_labels(labels)


def _median(middles: Sequence[tuple[np.datetime64, int]]) -> np.datetime64:
    """That of all rows, each taken to be in the middle of its part; a few with a wrong clock move no batch."""
    half, seen = sum(rows for _, rows in middles) / 2, 0
    for middle, rows in sorted(middles):
        seen += rows
        if seen > half:
            return middle
    return sorted(middles)[-1][0]


def hash_keys(keys: Texts) -> Hashes:
    """A hash of each key, (n,): 64 bits."""
    from pandas.util import hash_array

    return np.asarray(hash_array(keys, categorize=False), np.uint64)


def among(hashes: Hashes, ordered: Hashes) -> NDArray[np.bool_]:
    """Which hashes are in a sorted array."""
    if not len(ordered):
        return np.zeros(len(hashes), bool)
    places = np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)
    return np.asarray(ordered[places] == hashes)


class SeenKeys:
    """A growing set of key hashes, with lookup."""

    def __init__(self) -> None:
        self._sorted: list[Hashes] = []

    def add(self, hashes: Hashes) -> None:
        """Add the keys of a batch; arrays of similar size are merged, so that there are few."""
        new = np.sort(hashes)
        while self._sorted and len(self._sorted[-1]) <= 2 * len(new):
            new = np.sort(np.concatenate([self._sorted.pop(), new]))
        self._sorted.append(new)

    def count(self, hashes: Hashes) -> int:
        """How many of these there are."""
        seen = np.zeros(len(hashes), bool)
        for ordered in self._sorted:
            seen |= among(hashes, ordered)
        return int(seen.sum())


def label_digest(rows: PredictionRows) -> int:
    """Order-independent digest of (key, label) pairs."""
    from pandas.util import hash_array

    known = rows.labelled
    labels = rows.labels[known]
    values = hash_array(labels if labels.dtype == np.float64 else labels.astype(object), categorize=False)
    return int((values.astype(np.uint64) ^ hash_keys(rows.keys)[known]).sum(dtype=np.uint64))


def row_digest(rows: PredictionRows, *, keyed: bool) -> int:
    """Order-independent digest of rows without their labels: a sum of 64-bit hashes."""
    import pandas as pd
    from pandas.util import hash_pandas_object

    parts: dict[str, Any] = {f"f{at}": rows.features[name] for at, name in enumerate(rows.features)}
    parts |= {"prediction": rows.prediction} | ({"key": rows.keys} if keyed else {})
    parts |= {name: part for name in ("times", "versions", "confidence") if (part := getattr(rows, name)) is not None}
    if rows.probabilities is not None:
        parts |= {f"p{at}": rows.probabilities[:, at] for at in range(len(rows.classes))}
    hashed = hash_pandas_object(pd.DataFrame(parts, index=range(len(rows))), index=False)
    return int(hashed.to_numpy(np.uint64).sum(dtype=np.uint64))
