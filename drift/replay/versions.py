"""Models trained on windows of a stream, each once: what one policy trains, the next one finds in the cache.

A version's answers to all rows after its window are kept with it, so that a policy is replayed by looking them up.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from drift.blocks import Floats, Predictor, Rows, Table
from drift.disk import write_at_once
from drift.errors import DataError, StateError, TrainingError

Fit: TypeAlias = Callable[[Rows, int, int], Predictor]
"""Of training rows, the number of classes, and a seed: a model."""


@dataclass(frozen=True)
class Version:
    """A model, known by its answers."""

    rows: range  # that it was trained on
    probabilities: Floats  # (n, classes) of the rows from `rows.stop` to the end of the stream

    def answers(self, rows: range) -> Floats:
        """Class probabilities of later rows, (len(rows), classes)."""
        if rows.start < self.rows.stop:
            raise DataError(f"expected rows after {self.rows.stop - 1}, the last one trained on, got {rows}")
        return self.probabilities[rows.start - self.rows.stop : rows.stop - self.rows.stop]


class Versions:
    """Trains versions of one family on one stream, or takes them from the cache."""

    def __init__(self, table: Table, fit: Fit, *, family: str, cache: Path | None) -> None:
        """Name the `family` with all that its fitting depends on: it is part of the cache's key."""
        self.table = table
        self.trained = 0  # fits that the cache did not have
        self._fit = fit
        self._known: dict[tuple[int, int, int], Version] = {}
        self._folder = None
        if cache is not None:
            key = hashlib.sha256(f"{table.digest()} {family}".encode()).hexdigest()[:16]
            self._folder = cache / key

    def get(self, rows: range, seed: int) -> Version:
        """The version trained on `rows` with `seed`.

        Raises:
            TrainingError: the rows are of one class only.
            StateError: the cache cannot be written.
        """
        key = rows.start, rows.stop, seed
        if key not in self._known:
            path = None if self._folder is None else self._folder / f"{rows.start}-{rows.stop}-{seed}.npy"
            found = _read(path)
            expected = len(self.table) - rows.stop, len(self.table.classes)
            if found is None or found.shape != expected:
                found = self._train(rows, seed)
                _write(path, found)
            self._known[key] = Version(rows, found)
        return self._known[key]

    def _train(self, rows: range, seed: int) -> Floats:
        train = self.table.part(rows)
        if len(np.unique(train.labels)) < 2:
            raise TrainingError(f"rows {rows.start} to {rows.stop - 1} are all of one class")
        self.trained += 1
        model = self._fit(train, len(self.table.classes), seed)
        return np.asarray(model.predict(self.table.features[rows.stop :]).probabilities, np.float32)


def _read(path: Path | None) -> Floats | None:
    """What is cached; None if nothing is, or half of it."""
    if path is None or not path.is_file():
        return None
    try:
        found: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found


def _write(path: Path | None, found: Floats) -> None:
    if path is None:
        return
    whole = io.BytesIO()
    np.save(whole, found, allow_pickle=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, whole.getvalue())
    except OSError as error:
        raise StateError(f"the cache {path.parent} cannot be written: {error.strerror or error}") from error
