"""Tables, and the blocks they are cut into. NumPy only: knows nothing of models, servers or MLflow.

A *table* is validated once, when it is read (`drift.data.tables`); all other code relies on that.
A *block* is a run of consecutive rows that is scored together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from drift.data.array_files import require_small
from drift.data.frames import is_frame, number_rows, require_different_names
from drift.data.losses import checked_losses, predicted_classes, wrong_answers
from drift.errors import BlockError

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a table, scored together.

    Attributes:
        index: 0-based position in its deployment.
        rows: row numbers in the table.
        features: (n, d).
        labels: (n,) class codes, or None when the truth is not known yet.
        timestamps: (n,), non-decreasing.
    """

    index: int
    rows: range
    features: Floats
    labels: Integers | None
    timestamps: Times | None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Answer:
    """What a predictor said about a block, and which version of the model said it.

    Attributes:
        probabilities: (n, classes), rows sum to 1.
        version: registry version; 0 for a model that is not registered.
    """

    probabilities: Floats
    version: int

    @property
    def predictions(self) -> Integers:
        """Most probable class of each row, (n,).

        Raises:
            BlockError: a probability is NaN.
        """
        return predicted_classes(self.probabilities, f" of version {self.version}" if self.version else "")


class Predictor(Protocol):
    """Anything that answers features with probabilities: a server, a model in this process, a stub."""

    def predict(self, features: Floats) -> Answer:
        """Class probabilities of `features` (n, d)."""
        ...


@dataclass(frozen=True)
class ScoredBlock:
    """A block joined with the answer it got.

    Attributes:
        block: the rows.
        answer: the model's.
        seconds: wall time from the first byte sent to the last one received.
    """

    block: Block
    answer: Answer
    seconds: float

    @classmethod
    def of_features(cls, features: Any, index: int = 0, *, names: Sequence[str] = ()) -> ScoredBlock:
        """A block without a model or labels, for detectors that watch features alone.

        Args:
            features: (n, d) array or tensor, or a data frame.
            index: of the block.
            names: of a data frame's columns in the reference's order, `reference.names`.

        Raises:
            BlockError: no numbers, a data frame without `names`, or one with other columns.

        >>> import pandas as pd
        >>> ScoredBlock.of_features(pd.DataFrame({"b": [1.0], "a": [2.0]}), names=("a", "b")).block.features
        array([[2., 1.]])
        """
        if is_frame(features) and not names:
            raise BlockError("expected the columns' order with a data frame: pass names=reference.names")
        values, _ = number_rows(features, "block", names)
        rows = len(values)
        block = Block(index, range(rows), values, None, None)
        return cls(block, Answer(np.ones((rows, 1), np.float32), 0), 0.0)

    @classmethod
    def of_losses(cls, losses: Sequence[float] | NDArray[Any], index: int = 0) -> ScoredBlock:
        """A block known by its losses alone, (n,): 0 right, 1 wrong; for detectors that watch errors."""
        answers = _answers_of(losses)
        rows = len(answers)
        block = Block(index, range(rows), np.empty((rows, 0), np.float32), np.zeros(rows, np.int64), None)
        return cls(block, Answer(answers, 0), 0.0)

    @property
    def predictions(self) -> Integers:
        """Most probable class of each row, (n,).

        Raises:
            BlockError: a probability is NaN.
        """
        return predicted_classes(self.answer.probabilities, f" of block {self.block.index}")

    @property
    def mean_confidence(self) -> float:
        """Mean probability of the predicted class, in (0, 1]."""
        return float(self.answer.probabilities.max(axis=1).mean())

    @property
    def losses(self) -> NDArray[np.float64]:
        """The loss of each row, (n,): 0 right, 1 wrong.

        Raises:
            BlockError: the labels are not known yet, some are missing, or a probability is NaN.
        """
        if self.block.labels is None:
            raise BlockError(f"expected labels for block {self.block.index}, got none: the truth is not known yet")
        return wrong_answers(self.answer.probabilities, self.block.labels, f" of block {self.block.index}")

    @property
    def correct(self) -> int:
        """Number of rows whose predicted class is the true one."""
        return len(self.block) - int(self.losses.sum())

    @property
    def wrong(self) -> int:
        """Number of rows predicted wrongly."""
        return len(self.block) - self.correct

    @property
    def accuracy(self) -> float:
        """Share of rows predicted correctly, in [0, 1]."""
        return self.correct / len(self.block)


@dataclass(frozen=True)
class Reference:
    """The fixed rows that a model was accepted on; later blocks are judged against them.

    Attributes:
        features: (n, d).
        labels: (n,).
        probabilities: (n, classes), the accepted model's answers.
        feature_names: d, all different, or none.
        classes: their names, all different, or none.
    """

    features: Floats
    labels: Integers
    probabilities: Floats
    feature_names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shapes = [np.shape(part) for part in (self.features, self.labels, self.probabilities)]
        if [len(shape) for shape in shapes] != [2, 1, 2] or len({shape[0] for shape in shapes}) > 1:
            raise BlockError(
                "expected features (n, d), labels (n,) and probabilities (n, classes) of a reference,"
                f" got shapes {', '.join(map(str, shapes))}"
            )
        if self.feature_names and len(self.feature_names) != shapes[0][1]:
            raise BlockError(f"expected {shapes[0][1]} feature names, got {len(self.feature_names)}")
        require_different_names(self.feature_names, "reference", what="features")
        require_different_names(self.classes, "reference", what="classes")

    @classmethod
    def of_features(cls, features: Any, feature_names: Sequence[str] = ()) -> Reference:
        """A reference without a model, for detectors that watch features alone.

        Args:
            features: (n, d) array or tensor, or a data frame.
            feature_names: d names; of a data frame, its columns in this order. Its own, or none, by default.

        Raises:
            BlockError: no numbers, duplicate names, or a data frame of other columns.
        """
        values, names = number_rows(features, "reference", feature_names)
        rows = len(values)
        labels, answers = np.zeros(rows, np.int64), np.ones((rows, 1), np.float32)
        return cls(values, labels, answers, tuple(feature_names) or names)

    @classmethod
    def of_losses(cls, losses: Sequence[float] | NDArray[Any]) -> Reference:
        """A reference known by its losses alone, (n,): 0 right, 1 wrong; for detectors that watch errors."""
        answers = _answers_of(losses)
        return cls(np.empty((len(answers), 0), np.float32), np.zeros(len(answers), np.int64), answers)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def losses(self) -> NDArray[np.float64]:
        """The accepted model's loss on each row, (n,): 0 right, 1 wrong.

        Raises:
            BlockError: a label is missing, or a probability is NaN.
        """
        return wrong_answers(self.probabilities, self.labels, " of the reference")

    @property
    def accuracy(self) -> float:
        """The accepted accuracy, in [0, 1]."""
        return 1 - float(self.losses.mean())

    @property
    def names(self) -> tuple[str, ...]:
        """What the features are called, (d,): "0", "1", ... if they have no names."""
        return self.feature_names or tuple(str(at) for at in range(self.features.shape[1]))

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are called: "0", "1", ... if they have no names."""
        return self.classes or tuple(str(at) for at in range(self.probabilities.shape[1]))

    def save(self, path: Path) -> None:
        """Write to an .npz file of plain arrays."""
        np.savez_compressed(
            path,
            features=self.features,
            labels=self.labels,
            probabilities=self.probabilities,
            feature_names=np.asarray(self.feature_names, dtype=np.str_),
            classes=np.asarray(self.classes, dtype=np.str_),
        )

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Read what `save` wrote; nothing is unpickled.

        Raises:
            BlockError: its arrays would fill the memory, or do not fit together.
            zipfile.BadZipFile, ValueError, KeyError: it is no file of arrays, or one is missing.
        """
        require_small(path)
        with np.load(path, allow_pickle=False) as arrays:
            names = {name: tuple(arrays[name].tolist()) for name in ("feature_names", "classes") if name in arrays}
            return cls(arrays["features"], arrays["labels"], arrays["probabilities"], **names)


def _answers_of(losses: Sequence[float] | NDArray[Any]) -> Floats:
    """Probabilities (n, 2) that are right about a true class 0 where the loss is 0, and wrong where it is 1."""
    wrong = checked_losses(losses, binary=True).astype(np.float32)
    return np.column_stack([1 - wrong, wrong])


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to be judged on.

    Attributes:
        features: (n, d).
        labels: (n,) class codes.
    """

    features: Floats
    labels: Integers

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Table:
    """Validated rows in time order.

    Attributes:
        name: of the table, such as its file.
        feature_names: (d,), all different.
        features: (n, d), finite.
        labels: (n,), codes into `classes`.
        classes: names of the classes, all different.
        timestamps: (n,), non-decreasing.
    """

    name: str
    feature_names: tuple[str, ...]
    features: Floats
    labels: Integers
    classes: tuple[str, ...]
    timestamps: Times | None

    def __post_init__(self) -> None:
        require_different_names(self.feature_names, f"table {self.name}", what="features")
        require_different_names(self.classes, f"table {self.name}", what="classes")

    def __len__(self) -> int:
        return len(self.labels)

    def digest(self, rows: range | None = None) -> str:
        """SHA-256 over names, features and label texts of `rows` (all by default), as 64 hex digits."""
        rows = rows or range(len(self))
        if rows not in self._digests:
            self._digests[rows] = self._digest(rows)
        return self._digests[rows]

    @cached_property
    def _digests(self) -> dict[range, str]:
        """Digests that were computed before: a deployment compares the same rows with several records."""
        return {}

    def _digest(self, rows: range) -> str:
        part = slice(rows.start, rows.stop)
        seen = hashlib.sha256("\x1f".join(self.feature_names).encode())
        seen.update(np.ascontiguousarray(self.features[part]).tobytes())
        texts = np.asarray(self.classes, dtype=object)[self.labels[part]]
        seen.update("\x1f".join(texts).encode())
        return seen.hexdigest()

    def recoded(self, classes: tuple[str, ...]) -> Table:
        """The same rows with label codes of a model that knows `classes`.

        A class which that model has never seen keeps a code behind its last one, so it is always wrong.
        """
        known = classes + tuple(name for name in self.classes if name not in classes)
        codes = np.asarray([known.index(name) for name in self.classes], dtype=np.int64)
        return replace(self, labels=codes[self.labels], classes=known)

    def upto(self, stop: int) -> Table:
        """The rows before `stop`, as if no others had come."""
        times = None if self.timestamps is None else self.timestamps[:stop]
        return replace(self, features=self.features[:stop], labels=self.labels[:stop], timestamps=times)

    def known_from(self, rows: range) -> Table:
        """The same rows, with the classes that occur in `rows` coded first."""
        seen = set(self.labels[rows.start : rows.stop].tolist())
        return self.recoded(tuple(name for code, name in enumerate(self.classes) if code in seen))

    def part(self, rows: range) -> Rows:
        """Features and labels of `rows`."""
        return Rows(self.features[rows.start : rows.stop], self.labels[rows.start : rows.stop])

    def block(self, index: int, rows: range) -> Block:
        """The block of `rows`."""
        part = slice(rows.start, rows.stop)
        times = None if self.timestamps is None else self.timestamps[part]
        return Block(index, rows, self.features[part], self.labels[part], times)


def cut(rows: range, block_size: int) -> list[range]:
    """`rows` in consecutive ranges of `block_size`; none is lost.

    A tail of at least half a block is a block of its own, a shorter one joins the block before it.

    >>> cut(range(100, 150), 20)
    [range(100, 120), range(120, 140), range(140, 150)]
    >>> cut(range(100, 145), 20)
    [range(100, 120), range(120, 145)]
    """
    if block_size < 1:
        raise BlockError(f"expected a block size of 1 or more, got {block_size}")
    if len(rows) < block_size:
        raise BlockError(f"expected at least one block of {block_size} rows, got {len(rows)} rows")
    count = len(rows) // block_size + (2 * (len(rows) % block_size) >= block_size)
    starts = [rows.start + index * block_size for index in range(count)]
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], rows.stop], strict=True)]


def blocks(table: Table, rows: range, block_size: int, *, first: int = 0) -> Iterator[Block]:
    """The blocks of `rows`, from the one with index `first` on."""
    for index, part in enumerate(cut(rows, block_size)):
        if index >= first:
            yield table.block(index, part)
