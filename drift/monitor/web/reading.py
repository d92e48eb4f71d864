"""A cache over the store: the reference in force, and results that take long and have not changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from drift.monitor.store import MonitorStore, references
from drift.monitor.store.records import Batch, MonitorRecord, MonitorReference

MOST = 64  # things that are remembered
MOST_AT_ONCE = 2  # large ones that are made at the same time
T = TypeVar("T")


class Reading:
    """A store with a cache of what was computed from it."""

    def __init__(self, store: MonitorStore) -> None:
        self.store = store
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[tuple[Any, ...], threading.Lock] = {}  # by key, while somebody makes it
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)

    def reference(self, connection: Any, monitor: MonitorRecord) -> MonitorReference | None:
        """The reference in force."""
        newest = references.current_version(connection, monitor)
        if newest is None:
            return None
        return self.once(("reference", newest), lambda: references.current_reference(connection, monitor))

    def once(self, key: tuple[Any, ...], make: Callable[[], T], *, large: bool = False) -> T:
        """What `make` gave for this key before, or gives now.

        Args:
            key: what it depends on.
            make: makes it.
            large: whether it takes so much time and memory that few are made at once; such a one needs no other.
        """
        with self._lock:
            if key in self._kept:
                remembered: T = self._remembered(key)
                return remembered
            making = self._making.setdefault(key, threading.Lock())
        with making:  # others that want the same wait for it: made for each, ten would take ten times the memory
            with self._lock:
                if key in self._kept:
                    known: T = self._remembered(key)
                    return known
            try:
                with self._room if large else nullcontext():
                    value = make()
                with self._lock:
                    self._kept[key] = value
                    while len(self._kept) > MOST:
                        self._kept.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def _remembered(self, key: tuple[Any, ...]) -> Any:
        self._kept.move_to_end(key)
        return self._kept[key]


def stamp(
    connection: Any, monitor: MonitorRecord, reference: MonitorReference | None, everything: Sequence[Batch]
) -> tuple[Any, ...]:
    """A cache key that changes with the monitor's batches, labels and reference."""
    measured = len(references.measured_batches(connection, reference)) if reference else 0
    digest = hash(tuple((batch.id, batch.digest, batch.truth_digest) for batch in everything))
    return monitor.id, reference.id if reference else 0, len(everything), measured, digest


def beside(everything: Sequence[Batch], batch: Batch) -> dict[str, Batch | None]:
    """The batches before and after one."""
    places = {other.id: at for at, other in enumerate(everything)}
    at = places[batch.id]
    return {
        "before": everything[at - 1] if at else None,
        "after": everything[at + 1] if at + 1 < len(everything) else None,
    }
