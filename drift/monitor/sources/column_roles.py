"""Which column of a source is what, and chunks of it brought to one form: frames in, `PredictionRows` out.

A monitor's columns are settled by its first rows and kept with it. Later chunks must fit them: a column that was
numbers stays numbers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import require_different_names
from drift.data.inference import DURATIONS, EMPTY, infer_column, schema_of
from drift.data.problems import ambiguous_date, period_hint, refuse_mixed
from drift.data.schema import DATE_FORMATS, Column, TimeFormat
from drift.data.values import as_times, beyond_float
from drift.errors import DataError, UsageError
from drift.monitor.sources import values
from drift.monitor.sources.rows import PredictionRows, Task, Texts, present

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

Kind: TypeAlias = Literal["number", "category"]
RULES = 1  # of reading values, of monitors that begin now
SHOWN = ("features", "undecided", "left_out", "time_format", "rules")  # by the first rows, not asked for
FEWEST_OF_COUNTER = 100  # rows
MOST_CLASSES = 100  # more distinct whole numbers than this are a number to predict, not a class


@dataclass(frozen=True)
class Columns:
    """The columns of a monitor's source; an empty text means that there is no such column.

    Attributes:
        prediction: the model's answer.
        truth: the label.
        key: identifies a row.
        time: of the row.
        batch: name of the batch that a row is of.
        every: a batch for every period of `time` instead.
        batch_size: a batch for every so many rows instead.
        version: of the model.
        probability: of the predicted class, or of the class `positive` if that is given.
        positive: a class.
        probabilities: what the columns of all classes' probabilities begin with.
        ignore: columns that are no features.
        categories: features that are categories though they look like numbers.
        task: classification or regression; None until rows have shown it.
        features: names and kinds; empty until rows have shown them.
        undecided: features without a value in the first rows; dates that come later are left out.
        left_out: columns that are no features, and why.
        time_format: of `time`, as the first rows have it.
        rules: version of the reading rules; 0: a float32 is read to its last bit, as before rules had versions.
    """

    prediction: str
    truth: str = ""
    key: str = ""
    time: str = ""
    batch: str = ""
    every: str = ""
    batch_size: int = 0
    version: str = ""
    probability: str = ""
    positive: str = ""
    probabilities: str = ""
    ignore: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    task: Task | None = None
    features: tuple[tuple[str, Kind], ...] = ()
    undecided: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    time_format: TimeFormat = ""
    rules: int = 0

    @property
    def named(self) -> tuple[str, ...]:
        """Columns that are asked for by name."""
        columns = (self.prediction, self.truth, self.key, self.time, self.batch, self.version, self.probability)
        return tuple(dict.fromkeys(name for name in columns if name))

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
        pairs = {name: [list(pair) for pair in getattr(self, name)] for name in ("features", "left_out")}
        return asdict(self) | pairs

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Columns:
        """What `to_json` gave."""
        lists = {name: tuple(data.get(name, ())) for name in ("ignore", "categories", "undecided")}
        pairs = {name: tuple(map(tuple, data.get(name, ()))) for name in ("features", "left_out")}
        return cls(**dict(data) | lists | pairs)

    def settle(self, frame: pd.DataFrame, *, keep: Collection[str] = ()) -> Columns:
        """With task and features as the first rows show them.

        Args:
            frame: the first rows.
            keep: columns that are features though they look like a counter, such as those of slices.

        Raises:
            DataError: a column that was asked for is not there, or one that has texts among numbers.
        """
        self._require(frame)
        task = self.task or _task_of(frame[self.prediction])
        taken = {*self.named, *self.ignore}
        columns = [
            column
            for column in schema_of(frame).columns
            if column.name not in taken and not (self.probabilities and column.name.startswith(self.probabilities))
        ]
        followed = [column for column in columns if column.name not in self.categories]
        refuse_mixed(followed, str(frame.attrs.get("source", "the source")))
        left_out = {
            column.name: why
            for column in followed
            if (why := _no_feature(frame[column.name], column, keep=column.name in keep))
        }
        features: list[tuple[str, Kind]] = []
        for column in columns:
            if column.name not in left_out:
                number = column.numeric or column.note == EMPTY
                features.append((column.name, "number" if number and column in followed else "category"))
        times = as_times(frame[self.time], self.time_format) if self.time else None
        if times is not None and times.ambiguous:
            raise DataError(f"column {self.time!r}: {ambiguous_date(times.ambiguous, self.time)}")
        return replace(
            self,
            task=task,
            features=tuple(features),
            undecided=tuple(column.name for column in followed if column.note == EMPTY),
            left_out=tuple(left_out.items()),
            time_format="" if times is None else times.format,
            rules=RULES,
        )

    def fit_to(self, requested: Columns) -> Columns:
        """These, settled earlier, for a source asked for with others: what was asked for must agree.

        Raises:
            UsageError: naming what differs.
        """
        for part in fields(Columns):
            value, settled = getattr(requested, part.name), getattr(self, part.name)
            if value and part.name not in SHOWN and value != settled:
                raise UsageError(
                    f"expected {f'--{part.name} {settled}' if settled else f'no --{part.name}'}, as when the monitor"
                    f" began; got {value!r}: leave it out, or begin another monitor with --monitor NAME"
                )
        if requested.time_format and self.time_format in DATE_FORMATS and requested.time_format != self.time_format:
            raise UsageError(
                f"expected --time {self.time}:{self.time_format}, as when the monitor began; got"
                f" {requested.time_format}: leave it out, or begin another monitor with --monitor NAME"
            )
        return self

    def read(self, frame: pd.DataFrame, *, first: int = 0) -> PredictionRows:
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
        if (missing := ~present(keys)).any():
            row = first + int(missing.argmax())
            raise DataError(f"expected a key in every row, got none in column {self.key!r}, row {row}")
        prediction = self._answers(frame[self.prediction], self.prediction)
        gone = ~present(prediction)
        if gone.any():
            raise DataError(
                f"expected a prediction in every row, got none for key {keys[gone.argmax()]!r}"
                f" (and {int(gone.sum()) - 1} more): leave such rows out of the query"
            )
        if self.truth:
            labels = self._answers(frame[self.truth], self.truth)
        else:
            labels = np.full(count, np.nan) if self.task == "regression" else np.full(count, None, object)
        features = {name: self._feature(frame[name], name, kind) for name, kind in self.features}
        classes, probabilities = self._probabilities(frame, keys)
        return PredictionRows(
            keys,
            prediction,
            labels,
            pd.DataFrame(features, index=range(count)),
            values.times(frame[self.time], self.time, keys, format=self.time_format) if self.time else None,
            values.texts(frame[self.version], self.version) if self.version else None,
            self._confidence(frame, prediction, labels, keys, classes, probabilities),
            probabilities,
            classes,
        )

    def keyed_labels(self, frame: pd.DataFrame) -> tuple[Texts, NDArray[Any]]:
        """Keys and labels of a table of both, without missing ones."""
        for name in (self.key, self.truth):
            if not name or name not in frame.columns:
                raise DataError(f"expected columns {self.key!r} and {self.truth!r}; got {', '.join(map(str, frame))}")
        keys, labels = values.texts(frame[self.key], self.key), self._answers(frame[self.truth], self.truth)
        complete = present(labels) & present(keys)
        return keys[complete], labels[complete]

    def _require(self, frame: pd.DataFrame) -> None:
        require_different_names(frame.columns, "source")
        wanted = [*self.named, *(name for name, _ in self.features)]
        absent = [name for name in wanted if name not in frame.columns]
        if absent:
            raise DataError(
                f"expected columns {', '.join(wanted)}; got none called {', '.join(absent)}."
                f" The source has {', '.join(map(str, frame.columns))}{period_hint(absent)}"
            )

    def _answers(self, column: pd.Series, name: str) -> NDArray[Any]:
        if self.task != "regression":
            return values.class_names(column, name)
        numbers = self._numbers(column, name)
        if np.isinf(numbers).any():
            raise DataError(f"expected finite numbers in column {name!r}, got {numbers[np.isinf(numbers).argmax()]}")
        return numbers

    def _numbers(self, column: pd.Series, name: str) -> NDArray[np.float64]:
        return values.numbers(column, name, exact=self.rules == 0)

    def _feature(self, column: pd.Series, name: str, kind: Kind) -> NDArray[Any]:
        if kind == "category":
            return values.texts(column, name)
        if name in self.undecided and infer_column(column).kind == "timestamp":
            return np.full(len(column), np.nan)
        return self._numbers(column, name)

    def _probabilities(self, frame: pd.DataFrame, keys: Texts) -> tuple[tuple[str, ...], NDArray[np.float64] | None]:
        if not self.probabilities:
            return (), None
        names = sorted(name for name in map(str, frame.columns) if name.startswith(self.probabilities))
        if not names:
            raise DataError(
                f"expected columns that begin with {self.probabilities!r}, one for each class; the source has"
                f" {', '.join(map(str, frame.columns))}"
            )
        spread = np.column_stack([values.probabilities(self._numbers(frame[name], name), name, keys) for name in names])
        values.require_sum(spread, names, keys)
        return tuple(name[len(self.probabilities) :] for name in names), spread

    def _confidence(
        self,
        frame: pd.DataFrame,
        prediction: NDArray[Any],
        labels: NDArray[Any],
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
        confidence = values.probabilities(
            self._numbers(frame[self.probability], self.probability), self.probability, keys
        )
        if not self.positive:
            return confidence
        others = sorted({*prediction.tolist(), *labels.tolist()} - {self.positive, None})
        if len(others) > 1:
            raise DataError(
                f"expected --positive to be one of two classes, got {self.positive!r} beside {', '.join(others[:9])}:"
                " name one of those, or give a column for each class by --probabilities"
            )
        return np.where(prediction == self.positive, confidence, 1 - confidence)


def _no_feature(values: pd.Series, column: Column, *, keep: bool) -> str:
    """Why a column is not followed as a feature; empty if it is."""
    if column.kind == "timestamp":
        bad = f", {column.bad} values are none, such as {column.example[:40]!r}" if column.bad else ""
        return f"dates{bad}"
    if column.note == DURATIONS:
        return column.note
    if keep or column.kind != "integer":
        return ""
    if beyond_float(values):
        return "integers beyond 2^53, which are not exact as numbers"
    present = values.dropna().to_numpy(np.float64)
    steps = np.diff(present)
    if len(present) >= FEWEST_OF_COUNTER and ((steps > 0).all() or (steps < 0).all()):
        return "a counter: it grows, or falls, with every row"
    return ""


def _task_of(prediction: pd.Series) -> Task:
    from pandas.api import types

    if types.is_bool_dtype(prediction.dtype) or not types.is_numeric_dtype(prediction.dtype):
        return "classification"
    present = prediction.dropna()
    whole = bool((present % 1 == 0).all())
    return "classification" if whole and present.nunique() <= MOST_CLASSES else "regression"
