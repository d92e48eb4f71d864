"""Which column of a source is what, and chunks of it brought to one form: frames in, `Rows` out.

A monitor's columns are settled by its first rows and kept with it. Later chunks must fit them: a column that was
numbers stays numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.errors import DataError, UsageError
from drift.monitor import values
from drift.monitor.rows import Rows, Task, Texts, known
from drift.streams import broken

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

Kind: TypeAlias = Literal["number", "category"]
ROUNDING = 1e-6  # of a probability
MOST_CLASSES = 100  # more distinct whole numbers than this are a number to predict, not a class


@dataclass(frozen=True)
class Columns:
    """The columns of a monitor's source."""

    prediction: str
    truth: str = ""  # empty: there is no such column
    key: str = ""
    time: str = ""
    batch: str = ""
    every: str = ""  # or a batch for every period of `time`
    batch_size: int = 0  # or one for so many rows
    version: str = ""
    probability: str = ""  # of the predicted class; of the class `positive` if that is given
    positive: str = ""
    probabilities: str = ""  # what the columns of all classes' probabilities begin with
    ignore: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  # features that are categories though they look like numbers
    task: Task | None = None  # None until rows have shown it
    features: tuple[tuple[str, Kind], ...] = ()  # empty until rows have shown them

    @property
    def named(self) -> tuple[str, ...]:
        """Columns that are asked for by name."""
        found = (self.prediction, self.truth, self.key, self.time, self.batch, self.version, self.probability)
        return tuple(dict.fromkeys(name for name in found if name))

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns of a CSV file that are read as they are written: 007 is not 7."""
        return tuple(name for name in (self.key, self.batch, self.time, self.version, *self.categories) if name)

    @property
    def needed(self) -> tuple[str, ...] | None:
        """All columns that a source has to give; None if that is not settled, so all that it has."""
        if not self.features or self.probabilities:
            return None
        return tuple(dict.fromkeys([*self.named, *(name for name, _ in self.features)]))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"features": [list(pair) for pair in self.features]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Columns:
        """What `to_json` gave."""
        lists = {"ignore": tuple(data["ignore"]), "categories": tuple(data["categories"])}
        return cls(**dict(data) | lists | {"features": tuple((name, kind) for name, kind in data["features"])})

    def settle(self, frame: pd.DataFrame) -> Columns:
        """With task and features as the first rows show them.

        Raises:
            DataError: a column that was asked for is not there, or no feature is left.
        """
        self._require(frame)
        task = self.task or _task_of(frame[self.prediction])
        taken = {*self.named, *self.ignore}
        names = [
            name
            for name in map(str, frame.columns)
            if name not in taken and not (self.probabilities and name.startswith(self.probabilities))
        ]
        features = [(name, kind) for name in names if (kind := self._kind_of(name, frame[name])) is not None]
        return replace(self, task=task, features=tuple(features))

    def fit_to(self, asked: Columns) -> Columns:
        """These, settled earlier, for a source asked for with others: what was asked for must agree.

        Raises:
            UsageError: naming what differs.
        """
        for part in fields(Columns):
            given, had = getattr(asked, part.name), getattr(self, part.name)
            if given and part.name != "features" and given != had:
                raise UsageError(
                    f"expected {f'--{part.name} {had}' if had else f'no --{part.name}'}, as when the monitor began; got"
                    f" {given!r}: leave it out, or begin another monitor with --monitor NAME"
                )
        return self

    def read(self, frame: pd.DataFrame, *, first: int = 0) -> Rows:
        """A chunk of the source as rows.

        Args:
            frame: with these columns.
            first: the number of its first row, for rows without a key.

        Raises:
            DataError: missing columns or values, or types that changed: one line for the first of them.
        """
        import pandas as pd

        self._require(frame)
        count = len(frame)
        keys: Texts = (
            values.texts(frame[self.key], self.key)
            if self.key
            else np.asarray([str(at) for at in range(first, first + count)], object)
        )
        if (missing := _first_missing(keys)) is not None:
            raise DataError(f"expected a key in every row, got none in column {self.key!r}, row {first + missing}")
        prediction = self._answers(frame[self.prediction], self.prediction)
        gone = ~known(prediction)
        if gone.any():
            raise DataError(
                f"expected a prediction in every row, got none for key {keys[gone.argmax()]!r}"
                f" (and {int(gone.sum()) - 1} more): leave such rows out of the query"
            )
        if self.truth:
            truth = self._answers(frame[self.truth], self.truth)
        else:
            truth = np.full(count, np.nan) if self.task == "regression" else np.full(count, None, object)
        features = {name: self._feature(frame[name], name, kind) for name, kind in self.features}
        classes, probabilities = self._probabilities(frame, keys)
        return Rows(
            keys,
            prediction,
            truth,
            pd.DataFrame(features, index=range(count)),
            values.times(frame[self.time], self.time, keys) if self.time else None,
            values.texts(frame[self.version], self.version) if self.version else None,
            self._confidence(frame, prediction, truth, keys, classes, probabilities),
            probabilities,
            classes,
        )

    def truths(self, frame: pd.DataFrame) -> tuple[Texts, NDArray[Any]]:
        """Keys and truths of a table that has only them, those that are known."""
        for name in (self.key, self.truth):
            if not name or name not in frame.columns:
                raise DataError(f"expected columns {self.key!r} and {self.truth!r}; got {', '.join(map(str, frame))}")
        keys, truth = values.texts(frame[self.key], self.key), self._answers(frame[self.truth], self.truth)
        there = known(truth) & known(keys)
        return keys[there], truth[there]

    def _require(self, frame: pd.DataFrame) -> None:
        require_own_names(frame)
        wanted = [*self.named, *(name for name, _ in self.features)]
        absent = [name for name in wanted if name not in frame.columns]
        if absent:
            raise DataError(
                f"expected columns {', '.join(wanted)}; got none called {', '.join(absent)}."
                f" The source has {', '.join(map(str, frame.columns))}{values.period_hint(absent)}"
            )

    def _kind_of(self, name: str, column: pd.Series) -> Kind | None:
        from pandas.api import types

        if types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype):
            return None  # time goes on: it differs between any two batches
        shown = types.infer_dtype(column, skipna=True) if column.dtype == object else ""
        if shown in ("date", "datetime", "time", "timedelta", "datetime64"):
            return None
        number = types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)
        # A column without values yet is taken for a number: a text that comes is refused, a number would not be seen.
        number = number or shown in ("decimal", "integer", "floating", "mixed-integer-float", "empty")
        return "number" if number and name not in self.categories else "category"

    def _answers(self, column: pd.Series, name: str) -> NDArray[Any]:
        if self.task != "regression":
            return values.class_names(column, name)
        found = values.numbers(column, name)
        if np.isinf(found).any():
            raise DataError(f"expected finite numbers in column {name!r}, got {found[np.isinf(found).argmax()]}")
        return found

    def _feature(self, column: pd.Series, name: str, kind: Kind) -> NDArray[Any]:
        return values.numbers(column, name) if kind == "number" else values.texts(column, name)

    def _probabilities(self, frame: pd.DataFrame, keys: Texts) -> tuple[tuple[str, ...], NDArray[np.float64] | None]:
        if not self.probabilities:
            return (), None
        names = sorted(name for name in map(str, frame.columns) if name.startswith(self.probabilities))
        if not names:
            raise DataError(
                f"expected columns that begin with {self.probabilities!r}, one for each class; the source has"
                f" {', '.join(map(str, frame.columns))}"
            )
        found = np.column_stack([values.probabilities(values.numbers(frame[name], name), name, keys) for name in names])
        return tuple(name[len(self.probabilities) :] for name in names), found

    def _confidence(
        self,
        frame: pd.DataFrame,
        prediction: NDArray[Any],
        truth: NDArray[Any],
        keys: Texts,
        classes: tuple[str, ...],
        probabilities: NDArray[np.float64] | None,
    ) -> NDArray[np.float64] | None:
        if self.task == "regression":
            return None
        if probabilities is not None:
            codes = {name: at for at, name in enumerate(classes)}
            places = np.asarray([codes.get(name, -1) for name in prediction])
            if (places < 0).any():
                raise DataError(
                    f"expected a probability of class {prediction[(places < 0).argmax()]!r}, which is predicted;"
                    f" got those of {', '.join(classes)}"
                )
            return np.asarray(probabilities[np.arange(len(places)), places])
        if not self.probability:
            return None
        found = values.probabilities(values.numbers(frame[self.probability], self.probability), self.probability, keys)
        if not self.positive:
            return found
        others = sorted({*prediction.tolist(), *truth.tolist()} - {self.positive, None})
        if len(others) > 1:
            raise DataError(
                f"expected --positive to be one of two classes, got {self.positive!r} beside {', '.join(others[:9])}:"
                " name one of those, or give a column for each class by --probabilities"
            )
        return np.where(prediction == self.positive, found, 1 - found)


def unlikely(rows: Rows) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Rows whose confidence no most probable class has, (n,), and the classes that rows predict or truly have.

    Of two classes the more probable one has half or more, of k classes 1/k.
    """
    classes = tuple(sorted({*rows.prediction.tolist(), *rows.truth.tolist()} - {None}))
    if rows.confidence is None or len(classes) < 2:
        return np.zeros(len(rows), bool), classes
    return np.asarray(rows.confidence < 1 / len(classes) - ROUNDING), classes


def require_own_names(frame: pd.DataFrame) -> None:
    """Raise `DataError` where two columns are called alike, or one by a name that would forge lines of a terminal."""
    if wrong := broken(map(str, frame.columns)):
        raise DataError(
            f"expected names of columns without control characters and line breaks, got '{wrong[0]}': rename it"
        )
    twice = [str(name) for name in frame.columns[frame.columns.duplicated()]]
    if twice:
        raise DataError(f"expected columns with names of their own, got several called {twice[0]!r}: rename them")


def _task_of(prediction: pd.Series) -> Task:
    from pandas.api import types

    if types.is_bool_dtype(prediction.dtype) or not types.is_numeric_dtype(prediction.dtype):
        return "classification"
    told = prediction.dropna()
    whole = bool((told % 1 == 0).all())
    return "classification" if whole and told.nunique() <= MOST_CLASSES else "regression"


def _first_missing(texts: Iterable[object]) -> int | None:
    return next((at for at, text in enumerate(texts) if text is None), None)
