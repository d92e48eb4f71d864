"""What pages read more than once: the reference in force, and whatever takes long and has not changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drift.monitor.records import Batch, Monitor, Reference
from drift.monitor.store import Store, references

MOST = 64  # things that are remembered
T = TypeVar("T")


class Reading:
    """A store, and what was made of it lately."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[tuple[Any, ...], threading.Lock] = {}

    def reference(self, connection: Any, monitor: Monitor) -> Reference | None:
        """The reference in force."""
        newest = references.current_version(connection, monitor)
        if newest is None:
            return None
        return self.once(("reference", newest), lambda: references.current_reference(connection, monitor))

    def once(self, key: tuple[Any, ...], made: Callable[[], T]) -> T:
        """What `made` gave for this key before, or gives now."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: T = self._kept[key]
                return found
            turn = self._making.setdefault(key, threading.Lock())
        with turn:  # one request makes it, and others for the same wait: each would take its memory and time
            with self._lock:
                if key in self._kept:
                    made_meanwhile: T = self._kept[key]
                    return made_meanwhile
            try:
                value = made()
                with self._lock:
                    self._kept[key] = value
                    while len(self._kept) > MOST:
                        self._kept.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value


def stamp(
    connection: Any, monitor: Monitor, reference: Reference | None, everything: Sequence[Batch]
) -> tuple[Any, ...]:
    """What changes when there is something new to be shown."""
    measured = references.count_measured(connection, reference) if reference else 0
    digest = hash(tuple((batch.id, batch.digest, batch.truth_digest) for batch in everything))
    return monitor.id, reference.id if reference else 0, len(everything), measured, digest


def beside(everything: Sequence[Batch], batch: Batch) -> dict[str, Batch | None]:
    """The batches before and after one."""
    places = {one.id: at for at, one in enumerate(everything)}
    at = places[batch.id]
    return {
        "before": everything[at - 1] if at else None,
        "after": everything[at + 1] if at + 1 < len(everything) else None,
    }
