"""Versions of a replay, trained once and kept, and how several of them answer a block together.

Models trained on windows of a stream, each once: what one policy trains, the next one finds in the cache.

A version's answers to all rows after its window are kept with it, so that a policy is replayed by looking them up. So
are those to the newest rows of its window, which say how well it fits what was current when it was trained.

How stored versions answer a block: from what they answered to earlier blocks, whose labels are known by now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Block, Floats, Integers, Predictor, Rows, Table
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


RECENT_ROWS = 2_500  # on which versions are compared
HALF_LIFE = 336.0  # rows: a week of half-hours
SMALLEST = 1e-3  # a probability below this counts as this much


class Combiner(Protocol):
    """One protocol for every way to answer from the versions trained so far."""

    name: str

    def answer(self, block: Block, versions: Sequence[ReplayVersion], table: Table) -> Floats:
        """Class probabilities of a block, (n, classes).

        Args:
            block: to answer; its own labels are not to be looked at, nor later rows.
            versions: trained so far, in order, on rows before the block.
            table: the stream; labels of the rows before the block are known.
        """
        ...


@runtime_checkable
class SingleVersionCombiner(Combiner, Protocol):
    """A combiner by which one version answers a block alone: it can be served."""

    def select(self, block: Block, versions: Sequence[ReplayVersion]) -> ReplayVersion:
        """The version that answers a block; arguments as those of `answer`."""
        ...

    def answer(self, block: Block, versions: Sequence[ReplayVersion], table: Table) -> Floats:
        """Look the selected version's answers up."""
        return self.select(block, versions).answers(block.rows)


class Newest(SingleVersionCombiner):
    """The newest version answers alone."""

    name = "newest"

    def select(self, block: Block, versions: Sequence[ReplayVersion]) -> ReplayVersion:
        """The last one trained."""
        return versions[-1]


class Recall(SingleVersionCombiner):
    """The stored version that was right most often on the newest rows answers alone: an old one may come back.

    Rows that a version was trained on count, too: that is what lets a new one in before it has answered anything.
    """

    name = "recall"

    def select(self, block: Block, versions: Sequence[ReplayVersion]) -> ReplayVersion:
        """The best one; the newest of equals."""
        scores = recent_accuracies(versions, block.rows.start)
        return versions[len(scores) - 1 - int(np.argmax(scores[::-1]))]


class Mix:
    """All stored versions answer together, those that were better lately more heavily, on the newest labels' level.

    Log-probabilities are averaged with weights that fall with recent errors (exponential weights, Littlestone and
    Warmuth 1994). Then one offset for each class is fitted to the newest labels, so that what has become more frequent
    is answered more often; no weight of a network changes. The constants are within .001 of the best on simulated
    streams whose threshold moves (docs/decisions/0011).
    """

    name = "mix"
    sharpness = 30.0  # of the weights: a version that was right .1 more often weighs 20 times as much
    half_life = 100.0  # rows, of the labels that offsets are fitted to
    most_rows = 1_008  # that offsets are fitted to
    ridge = 20.0  # on the squares of the offsets, against the summed log losses
    steps = 5  # of Newton's method

    def answer(self, block: Block, versions: Sequence[ReplayVersion], table: Table) -> Floats:
        """Mix, fit the offsets, add them."""
        start = block.rows.start
        weights = np.exp(self.sharpness * recent_accuracies(versions, start))
        rows = range(max(versions[0].first, start - self.most_rows), block.rows.stop)
        logs = np.zeros((len(rows), len(table.classes)))
        total = np.zeros((len(rows), 1))
        for weight, version in zip(weights, versions, strict=True):
            skip = max(0, version.first - rows.start)
            logs[skip:] += weight * np.log(np.maximum(version.answers(rows[skip:]), SMALLEST))
            total[skip:] += weight
        logs /= total
        known = start - rows.start
        age = np.arange(known, 0, -1)
        offsets = self._offsets(logs[:known], table.labels[rows.start : start], 0.5 ** (age / self.half_life))
        return np.asarray(_softmax(logs[known:] + offsets), np.float32)

    def _offsets(
        self, logs: NDArray[np.float64], labels: Integers, weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(classes,) that minimise the weighted log loss with a ridge."""
        classes = logs.shape[1]
        offsets, truth = np.zeros(classes), np.eye(classes)[labels]
        for _ in range(self.steps):
            probabilities = _softmax(logs + offsets)
            slope = weights @ (probabilities - truth) + self.ridge * offsets
            curve = (
                np.diag(weights @ probabilities)
                - (probabilities * weights[:, None]).T @ probabilities
                + self.ridge * np.eye(classes)
            )
            offsets = offsets - np.linalg.solve(curve, slope)
        return offsets


COMBINERS: dict[str, Combiner] = {combiner.name: combiner for combiner in (Newest(), Recall(), Mix())}


def recent_accuracies(versions: Sequence[ReplayVersion], start: int) -> NDArray[np.float64]:
    """How often each version was right on the rows before `start`, newer ones counting more, (versions,) in [0, 1]."""
    accuracies = []
    for version in versions:
        rows = range(max(version.first, start - RECENT_ROWS), start)
        weights = 0.5 ** (np.arange(len(rows), 0, -1) / HALF_LIFE)
        accuracies.append(
            float(weights @ version.right[rows.start - version.first : start - version.first] / weights.sum())
        )
    return np.array(accuracies)


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
