"""Predictions for tests: a stationary stream of rows, and one whose first feature moves from some batch on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from drift.monitor.pipeline.batch_writer import Ingested
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.pipeline.set_reference import set_reference
from drift.monitor.reference.limits import AlarmSpec
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.store import MonitorStore, batches
from drift.monitor.store.records import MonitorRecord

COLUMNS = Columns("prediction", truth="truth", key="id", time="at", batch="day", probability="p", version="model")


@dataclass(frozen=True)
class World:
    """Batches of rows."""

    batches: int = 8
    rows: int = 200
    moved_from: int | None = None  # the first batch whose feature `a` has moved
    wrong_from: int | None = None  # the first batch in which answers are often wrong
    truth_until: int | None = None  # the first batch whose truth has not come
    seed: int = 0

    def batch(self, index: int) -> pd.DataFrame:
        """One batch; the same whenever it is asked for."""
        rng = np.random.default_rng([self.seed, index])
        a, b = rng.normal(size=(2, self.rows))
        if self.moved_from is not None and index >= self.moved_from:
            a = a + 1.0
        p = 1 / (1 + np.exp(-2 * b))
        truth = rng.uniform(size=self.rows) < p
        if self.wrong_from is not None and index >= self.wrong_from:
            truth = truth ^ (rng.uniform(size=self.rows) < 0.4)
        start = np.datetime64("2026-01-01T00:00") + np.timedelta64(index, "D")
        known = self.truth_until is None or index < self.truth_until
        return pd.DataFrame(
            {
                "id": np.arange(self.rows) + index * self.rows,
                "at": start + np.arange(self.rows).astype("timedelta64[m]"),
                "day": f"day {index:03d}",
                "model": "1" if index < 5 else "2",
                "a": a,
                "b": b,
                "state": rng.choice(["NSW", "VIC", "QLD"], size=self.rows),
                "prediction": np.where(p > 0.5, "UP", "DOWN"),
                "p": np.maximum(p, 1 - p),
                "truth": np.where(truth, "UP", "DOWN") if known else None,
            }
        )

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for index in range(self.batches):
            yield self.batch(index)

    def known(self) -> World:
        """The same with all truth."""
        return replace(self, truth_until=None)


def take_in(
    store: MonitorStore, world: World | list[pd.DataFrame], *, slices: tuple[str, ...] = (), replace: bool = False
) -> Ingested:
    """Ingest a world into the monitor "m"."""
    return ingest(
        store, "m", world, source="test", columns=COLUMNS, batching=Batching(column="day"), ordered=True, slices=slices,
        replace=replace,
    )  # fmt: skip


def monitor_of(store: MonitorStore) -> MonitorRecord:
    """The monitor "m"."""
    with store.read() as connection:
        found = batches.find_monitor(connection, "m")
    assert found is not None
    return found


def agree(store: MonitorStore, first: int, promise: AlarmSpec | None = None) -> None:
    """Agree on the first batches as the reference."""
    set_reference(store, monitor_of(store), first_batches=first, by="tests", why="they are good", alarms=promise)
