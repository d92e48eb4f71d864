"""From a source into the store: batches once each, whole or not at all, and truths by key whenever they come."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.errors import StateError, UsageError
from drift.monitor.pipeline.batch_builder import BatchBuilder, Gathered, SeenKeys
from drift.monitor.pipeline.labels import in_force, join_truths, keep_limits
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns, unlikely
from drift.monitor.sources.rows import PredictionRows, Texts
from drift.monitor.sources.slices import parse_slice
from drift.monitor.store import MonitorStore, batches, references
from drift.monitor.store.records import Batch, MonitorRecord, MonitorReference

if TYPE_CHECKING:
    import pandas as pd

UNLIKELY_SHARE, ENOUGH_ROWS = 0.01, 100  # rows with too small a probability are an error from these on
MOST_BUFFERED = 1_000_000  # rows of all open batches that are not compressed yet
MOST_KEYS = 5_000_000  # of the newest batches, among which repeated rows are looked for
Tell = Callable[[str, int, int], None]  # what is done, how far, of how much (0: not known)


@dataclass
class Ingested:
    """What came of an ingest."""

    stored: int = 0  # batches
    rows: int = 0  # of them
    unchanged: int = 0  # batches that were there already
    replaced: int = 0
    truths: int = 0  # that were joined to rows stored earlier, or changed
    duplicates: int = 0  # rows left out
    unfinished: str = ""  # a batch that more rows may come for, and was left
    refused: list[str] = field(default_factory=list)  # batches that are stored with other rows
    left_out: tuple[str, ...] = ()  # columns of the source that the monitor does not follow
    unlikely: str = ""  # where probabilities are too small to be those of the predicted class: in words


def ingest(
    store: MonitorStore,
    name: str,
    chunks: Iterable[pd.DataFrame],
    *,
    source: str,
    columns: Columns,
    batching: Batching,
    ordered: bool,
    slices: tuple[str, ...] = (),
    replace: bool = False,
    partial: bool = False,
    of_one_class: bool = True,
    tell: Tell = lambda words, done, total: None,
) -> Ingested:
    """Read a source into a monitor's store; what is stored already stays as it is.

    Each batch is committed with its rows, measures and drift in one transaction, so that after a crash it is there
    whole or not at all, and the same command goes on.

    Args:
        store: where to.
        name: of the monitor; it begins with its first rows.
        chunks: of the source.
        source: what it is called, without a password.
        columns: which column is what, as asked for.
        batching: how it is cut.
        ordered: whether a batch's rows come together.
        slices: to be followed, as texts.
        replace: put batches that are stored with other rows in their place.
        partial: also store the last batch of a period or number of rows, for which more rows may come.
        of_one_class: whether probabilities may be of one class by mistake, and are looked at for that.
        tell: of progress.

    Raises:
        DataError: rows that cannot be used; batches before them are stored.
        UsageError: a monitor that begins with probabilities that are not of the predicted class.
    """
    return _Ingest(store, name, source, columns, batching, slices, replace, of_one_class, tell).run(
        chunks, ordered=ordered, partial=partial
    )


@dataclass
class _Ingest:
    store: MonitorStore
    name: str
    source: str
    columns: Columns
    batching: Batching
    slices: tuple[str, ...]
    replace: bool
    of_one_class: bool
    tell: Tell
    monitor: MonitorRecord | None = None
    calibration: ReferenceLimits | None = None
    seen: SeenKeys = field(default_factory=SeenKeys)
    waiting: Mapping[str, Any] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)  # of stored batches
    open: dict[str, BatchBuilder] = field(default_factory=dict)
    done: Ingested = field(default_factory=Ingested)
    looked_at: tuple[int, int, tuple[str, ...]] = (0, 0, ())  # rows, those with too small a probability, and classes

    def run(self, chunks: Iterable[pd.DataFrame], *, ordered: bool, partial: bool) -> Ingested:
        first, file, last = 0, "", ""
        try:
            for frame in chunks:
                if not len(frame):
                    continue
                if self.monitor is None:
                    self._begin(frame)
                if not self.batching.column and not self.batching.every and frame.attrs.get("file", "") != file:
                    file = frame.attrs.get("file", "")
                    first = first if self.batching.size else 0  # rows without keys are counted within a batch
                last = self._take(frame, first, file)
                first += len(frame)
                if ordered:
                    for label in [label for label in self.open if label != last]:
                        if not self.batching.may_grow(label, _now()):
                            self._store(self.open.pop(label))
                elif sum(gathering.buffered for gathering in self.open.values()) > MOST_BUFFERED:
                    for gathering in self.open.values():
                        gathering.flush()
                self.tell(f"{self.done.stored:,} batches", first, 0)
            self._store_rest(partial)
        finally:
            for gathering in self.open.values():
                gathering.close()
        return self.done

    def _begin(self, frame: pd.DataFrame) -> None:
        with self.store.read() as connection:
            found = batches.find_monitor(connection, self.name)
            empty = found is None or batches.is_empty(connection, found)
        if found is None or (empty and self.columns.prediction):  # a first ingest that failed binds nobody
            wanted = [parse_slice(text) for text in self.slices]
            settled = self.columns.settle(frame, keep={part.column for each in wanted for part in each.conditions})
            twice = [name for name, count in Counter(one.name for one in wanted).items() if count > 1]
            if twice:
                raise UsageError(f"expected slices with names of their own, got several called {twice[0]!r}")
            rows = settled.read(frame)  # what is wrong with them, or with slices, is said before anything is stored
            for one in wanted:
                one.rows(rows.features)
            if self._look_at(settled, rows):
                raise UsageError(
                    f"expected the {self.done.unlikely}: if they are of one class, name it with --positive CLASS"
                )
            self.looked_at = (0, 0, ())
            with self.store.write() as connection:
                found = batches.begin_monitor(connection, self.name, settled, self.slices)
        if self.slices and self.slices != found.slices:
            raise UsageError(
                f"expected the slices that the monitor began with ({'; '.join(found.slices) or 'none'}):"
                " leave --slice out, or begin another monitor with --monitor NAME"
            )
        self.monitor, self.columns = found, found.columns.fit_to(self.columns)
        known = {*self.columns.named, *self.columns.ignore, *(name for name, _ in self.columns.features)}
        prefix = self.columns.probabilities
        self.done.left_out = tuple(
            name for name in map(str, frame.columns) if name not in known and not (prefix and name.startswith(prefix))
        )
        self.calibration = in_force(self.store, found)
        with self.store.read() as connection:
            self.waiting = self._as_truths(batches.waiting_truths(connection, found))
            self.names = {batch.name for batch in batches.all_batches(connection, found)}
            if self.columns.key:
                for _, hashes in batches.key_hashes(connection, found, most=MOST_KEYS):
                    self.seen.add(hashes)

    def _as_truths(self, waiting: Mapping[str, str]) -> Mapping[str, Any]:
        return {key: float(text) for key, text in waiting.items()} if self.columns.task == "regression" else waiting

    def _take(self, frame: pd.DataFrame, first: int, file: str) -> str:
        """Give the rows of a chunk to their batches; the last row's batch."""
        rows = self.columns.read(frame, first=first)
        self._look_at(self.columns, rows)
        labels = self.batching.labels(frame, rows.times, first=first, file=file)
        for label, chosen in _groups(labels):
            if label not in self.open:
                self.open[label] = self._gathering(label)
            self.open[label].add(rows if len(chosen) == len(rows) else rows.take(chosen))
        return str(labels[-1])

    def _look_at(self, columns: Columns, rows: PredictionRows) -> bool:
        """Count rows whose probability is too small for the class that they predict; whether those are too many."""
        if not self.of_one_class or not columns.probability or columns.positive or columns.probabilities:
            return False
        found, classes = unlikely(rows)
        seen, small, before = self.looked_at
        if not {*classes} <= {*before}:  # of more classes, smaller probabilities are right
            seen, small, before = 0, 0, tuple(sorted({*classes, *before}))
        if classes == before:
            seen, small = seen + len(rows), small + int(found.sum())
        self.looked_at = seen, small, before
        many = seen >= ENOUGH_ROWS and small > UNLIKELY_SHARE * seen
        self.done.unlikely = (
            f"probability of the predicted class in column {columns.probability!r}, {1 / len(before):.2g} or more of"
            f" {len(before)} classes ({', '.join(before[:9])}); got less in {small:,} of {seen:,} rows"
            if many
            else ""
        )
        return many

    def _gathering(self, label: str) -> BatchBuilder:
        assert self.monitor is not None  # noqa: S101 - begun with the first chunk
        return BatchBuilder(
            label,
            source=self.source,
            keyed=bool(self.columns.key),
            reference=self.calibration.reference if self.calibration else None,
            slices=[parse_slice(text) for text in self.monitor.slices],
            waiting={} if label in self.names else self.waiting,  # what is stored has its truth, or a better one
            stored=label in self.names,
        )

    def _store_rest(self, partial: bool) -> None:
        left = list(self.open)
        if left and self.batching.unfinished_last and not partial:
            newest = self.batching.unfinished(left, _now())
            gathering = self.open[newest]
            gathering.flush()
            if not self.batching.size or len(gathering.hashes) < self.batching.size:
                self.done.unfinished = newest
        for label in left:
            gathering = self.open.pop(label)
            if label == self.done.unfinished:
                gathering.close()
            else:
                self._store(gathering)

    def _store(self, gathering: BatchBuilder) -> None:
        """Commit one batch, if it is not there yet."""
        assert self.monitor is not None  # noqa: S101
        try:
            if self._is_known(gathering):
                self.done.unchanged += 1
                return
            limits = self.calibration.limits if self.calibration else None
            found = gathering.finish(limits=limits, seen=self.seen, own=self._own_hashes(gathering.name))
            with self.store.write() as connection:
                if batches.find_monitor(connection, self.name) != self.monitor:
                    raise StateError(
                        f"monitor {self.name} was begun anew meanwhile, with other columns: run this again"
                    )
                there = batches.find_batch(connection, self.monitor, name=gathering.name)
                what = self._what_to_do(there, found.batch)
                if what == "replace" and there is not None:
                    batches.remove_batch(connection, there)
                    found = dataclasses.replace(found, batch=_in_place_of(there, found.batch))
                if what in ("store", "replace"):
                    put_batch(connection, self.monitor, found, self.calibration.reference if self.calibration else None)
                    batches.take_truths(connection, self.monitor, gathering.joined_truths)
                came = self._as_truths(batches.waiting_truths(connection, self.monitor))
            keep_limits(self.store, self.calibration)
            self._join_what_came(came, gathering.waiting)
            self._count(what, there, found)
            self.names.add(gathering.name)
            self.seen.add(gathering.hashes)
        finally:
            gathering.close()

    def _is_known(self, gathering: BatchBuilder) -> bool:
        """Whether the store holds all of this already."""
        assert self.monitor is not None  # noqa: S101
        if gathering.name not in self.names:
            return False
        with self.store.read() as connection:
            there = batches.find_batch(connection, self.monitor, name=gathering.name)
        return there is not None and gathering.says_nothing_new(there)

    def _own_hashes(self, name: str) -> Any:
        if name not in self.names or self.monitor is None:
            return None
        with self.store.read() as connection:
            there = batches.find_batch(connection, self.monitor, name=name)
            return None if there is None else batches.hashes_of(connection, there.id)

    def _join_what_came(self, waiting: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """Truths that another process has left since a batch was begun: its rows are stored by now."""
        assert self.monitor is not None  # noqa: S101
        new = {key: value for key, value in waiting.items() if key not in known}
        self.waiting = waiting
        if new:
            truth = np.asarray(list(new.values()), np.float64 if self.columns.task == "regression" else object)
            keys = np.asarray(list(new), object)
            self.done.truths += join_truths(self.store, self.monitor, keys, truth, calibration=self.calibration).joined

    def _what_to_do(self, there: Batch | None, new: Batch) -> str:
        if there is None:
            return "store"
        if (there.digest, there.rows) != (new.digest, new.rows):
            return "replace" if self.replace else "refuse"
        if there.truth_digest == new.truth_digest or not new.known:
            return "keep"
        if self.columns.key:
            return "join"  # some of the truth may have come by another way
        return "replace" if new.known >= there.known else "keep"

    def _count(self, what: str, there: Batch | None, found: Gathered) -> None:
        done, new = self.done, found.batch
        if what == "store":
            done.stored += 1
            done.rows += new.rows
            done.duplicates += new.quality.duplicates
        elif what == "replace" and there is not None:
            done.replaced += 1
            done.truths += new.known - there.known if there.digest == new.digest else 0
        elif what == "keep":
            done.unchanged += 1
        elif what == "join" and self.monitor is not None:
            for rows in found.gathering.rows():
                joined = join_truths(
                    self.store,
                    self.monitor,
                    rows.keys[rows.known],
                    rows.truth[rows.known],
                    calibration=self.calibration,
                    within=there.id if there is not None else None,
                )
                done.truths += joined.joined + joined.changed
        elif there is not None:
            done.refused.append(
                f"batch {new.name!r} is stored with other rows ({there.rows:,} of them, now {new.rows:,})"
            )


def _in_place_of(there: Batch, new: Batch) -> Batch:
    """A batch that replaces a stored one: without times it stays where it was; with the same rows it is the same."""
    if new.last_time is None:
        new = dataclasses.replace(new, at=there.at)
    if new.digest == there.digest:  # only its truth is another
        new = dataclasses.replace(new, id=there.id, ingested_at=there.ingested_at)
    return new


def _now() -> np.datetime64:
    return np.datetime64(datetime.now(UTC).replace(tzinfo=None), "ms")


def put_batch(connection: Any, monitor: MonitorRecord, found: Gathered, reference: MonitorReference | None) -> None:
    """Store a batch with its rows, its measures and its drift."""
    number = batches.add_batch(connection, monitor, found.batch, found.gathering.parts())
    batches.set_measures(connection, number, found.measured.measures)
    if reference is not None and found.measured.drift is not None:
        references.set_drift(connection, number, reference, found.measured.drift)


def _groups(labels: Texts) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Positions of each label, in the order of their first rows."""
    import pandas as pd

    codes, names = pd.factorize(labels)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    for name, positions in zip(names, np.split(order, ends[:-1]), strict=True):
        yield str(name), positions
