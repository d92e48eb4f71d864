"""Models trained on windows of a stream, each once: what one policy trains, the next one finds in the cache.

A version's answers to all rows after its window are kept with it, so that a policy is replayed by looking them up. So
are those to the newest rows of its window, which say how well it fits what was current when it was trained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Floats, Predictor, Rows, Table
from drift.data.losses import predicted_classes
from drift.errors import DataError, TrainingError
from drift.system.array_files import read_array, write_array

FAMILY = "blend 1"  # ensembles on short and long windows; raise the number when what is fitted changes
OWN_ROWS = 1_008  # newest rows of its window that a version's answers are kept for

Fit: TypeAlias = Callable[[Rows, int, int], Predictor]
"""Of training rows, the number of classes, and a seed: a model."""


@dataclass(frozen=True, eq=False)
class ReplayVersion:
    """A model, represented by its answers.

    Attributes:
        rows: that it was trained on.
        probabilities: (n, classes) of the rows from `first` to the end of the stream.
        right: (n,) whether they are; not to be looked at where labels are not known yet.
        seed: of its training.
    """

    rows: range
    probabilities: Floats
    right: NDArray[np.bool_]
    seed: int = 0

    @property
    def first(self) -> int:
        """The first row that there is an answer to; those before `rows.stop` it has been trained on."""
        return _first(self.rows)

    def answers(self, rows: range) -> Floats:
        """Class probabilities of rows, (len(rows), classes).

        Raises:
            DataError: rows before those that there are answers to.
        """
        if rows.start < self.first:
            raise DataError(f"expected rows from {self.first} on, got {rows}")
        return self.probabilities[rows.start - self.first : rows.stop - self.first]


class ReplayVersions:
    """Trains versions of one family on one stream, or takes them from the cache."""

    def __init__(self, table: Table, fit: Fit, *, family: str, cache: Path | None) -> None:
        """Name the `family` with all that its fitting depends on: it is part of the cache's key."""
        self.table = table
        self.trained = 0  # fits that the cache did not have
        self._fit = fit
        self._known: dict[tuple[int, int, int], ReplayVersion] = {}
        self._newest: tuple[range, int, Predictor] | None = None  # what was trained last, and on what
        self._folder = None
        if cache is not None:
            key = hashlib.sha256(f"{table.digest()} {family}".encode()).hexdigest()[:16]
            self._folder = cache / key

    def get(self, rows: range, seed: int) -> ReplayVersion:
        """The version trained on `rows` with `seed`.

        Raises:
            TrainingError: the rows are of one class only.
            StateError: the cache cannot be written.
        """
        key = rows.start, rows.stop, seed
        if key not in self._known:
            path = None if self._folder is None else self._folder / f"{rows.start}-{rows.stop}-{seed}.npy"
            probabilities = None if path is None else read_array(path)
            first = _first(rows)
            expected = len(self.table) - first, len(self.table.classes)
            if probabilities is None or probabilities.shape != expected:
                answer = self._fitted(rows, seed).predict(self.table.features[first:])
                probabilities = np.asarray(answer.probabilities, np.float32)
                if path is not None:
                    write_array(path, probabilities, failure=f"the cache {path.parent} cannot be written")
            right = predicted_classes(probabilities) == self.table.labels[first:]
            self._known[key] = ReplayVersion(rows, probabilities, right, seed)
        return self._known[key]

    def model(self, version: ReplayVersion) -> Predictor:
        """The model itself; the cache holds answers only, so it is trained again unless it was the last one trained."""
        if self._newest is not None and self._newest[:2] == (version.rows, version.seed):
            return self._newest[2]
        return self._fitted(version.rows, version.seed)

    def _fitted(self, rows: range, seed: int) -> Predictor:
        train = self.table.part(rows)
        if len(np.unique(train.labels)) < 2:
            raise TrainingError(f"rows {rows.start} to {rows.stop - 1} are all of one class")
        self.trained += 1
        model = self._fit(train, len(self.table.classes), seed)
        self._newest = rows, seed, model
        return model


def _first(rows: range) -> int:
    """Of the rows that a version trained on `rows` answers."""
    return max(rows.start, rows.stop - OWN_ROWS)


def family_on(device: str) -> str:
    """The family's name in the cache's key: what was trained on a GPU differs in its last digits."""
    return FAMILY if device == "cpu" else f"{FAMILY} on {device}"


def fit_member_of_family(train: Rows, classes: int, seed: int, *, device: str = "cpu") -> Predictor:
    """A blend that was fitted on a device, and answers on the CPU."""
    from drift.models.blend import fit_blend
    from drift.models.predict import LocalPredictor

    return LocalPredictor(fit_blend(train, seed=seed, classes=classes, device=device))
