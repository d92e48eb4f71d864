"""A model's card: what a reader of the model must know, kept inside the model itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from drift.data.blocks import Table
from drift.data.schema import time_option
from drift.errors import DataError, UsageError
from drift.invocation import Options, table_options
from drift.system.options import as_names
from drift.system.streams import broken, one_line


def require_one_line(*names: str) -> None:
    """Refuse names of features and classes that would forge lines of what is printed about a model.

    Raises:
        DataError: one holds control characters or line breaks.
    """
    if wrong := broken(names):
        raise DataError(
            "expected names of features and classes without control characters and line breaks, got"
            f" {', '.join(wrong[:3])}: rename them in the table and train the model again (drift base)"
        )


@dataclass(frozen=True)
class DataSource:
    """How to load a table again.

    Attributes:
        path: of a CSV or Parquet file in time order; None is the embedded stream ELEC.
        label: column with the class. All other columns, but for `time` and those in `ignore`, must be numbers.
        time: column with the time, from which calendar features are computed, with :day_first or :month_first if that
            was said; None if there is none.
        ignore: columns that are left out; a text is the name of one.
    """

    path: str | None = None
    label: str | None = None
    time: str | None = None
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.path is not None:
            if not isinstance(self.path, (str, PathLike)):
                raise UsageError(
                    "expected DataSource.path to be the path of a CSV or Parquet file, or None, got"
                    f" {type(self.path).__name__}"
                )
            object.__setattr__(self, "path", fspath(self.path))
        object.__setattr__(self, "ignore", as_names(self.ignore))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DataSource:
        """The source that a log or a card keeps."""
        return cls(**{**values, "ignore": tuple(values["ignore"])})

    def absolute(self) -> DataSource:
        """The same, whatever folder it is loaded from."""
        return self if self.path is None else replace(self, path=str(Path(self.path).absolute()))

    @property
    def name(self) -> str:
        """The file, or `elec`."""
        return self.path or "elec"

    @property
    def file(self) -> Path | None:
        """Where the table is now: its path, or after a move of the project the same file under the current folder."""
        if self.path is None:
            return None
        path = Path(self.path)
        if path.exists():
            return path
        ends = [Path.cwd().joinpath(*path.parts[start:]) for start in range(1, len(path.parts))]
        return next((end for end in ends if end.is_file()), path)

    @property
    def options(self) -> Options:
        """The options of a printed command that name this table, where it is now; none for the embedded stream."""
        return table_options(None if self.path is None else str(self.file), self.label, self.time, self.ignore)

    def load(self) -> Table:
        """The table, validated; a file that has not changed since is not read again in the same process."""
        from drift.data.tables import load_table_once
        from drift.datasets.elec import load_elec

        if self.path is None:
            return load_elec()
        if self.label is None:
            raise UsageError("expected --label COLUMN with --data FILE: which column holds the class?")
        return load_table_once(self.file or Path(self.path), label=self.label, time=self.time, ignore=self.ignore)


def source_of(source: DataSource | None) -> DataSource:
    """The source that a function takes: the embedded stream ELEC for None.

    Raises:
        UsageError: it is something else, such as a path or a data frame.
    """
    if source is not None and not isinstance(source, DataSource):
        raise UsageError(
            f"expected drift.DataSource(path, label=...), the path of a CSV or Parquet file and its column with the"
            f" class, got {type(source).__name__}"
        )
    return source or DataSource()


@dataclass(frozen=True)
class Card:
    """What a model was made from.

    Attributes:
        feature_names: names of the d features, in order.
        classes: names of the classes, in the order of their codes.
        parameters: chosen by the search, by name.
        fit_rows: half open; the weights have learned from these rows.
        reference_rows: half open; the model was accepted on these rows.
        digest: SHA-256 of all rows before `reference_rows[1]`, 64 hex digits.
        source: the table.
    """

    feature_names: tuple[str, ...]
    classes: tuple[str, ...]
    parameters: Mapping[str, float | int]
    fit_rows: tuple[int, int]
    reference_rows: tuple[int, int]
    digest: str
    source: DataSource

    @property
    def seen(self) -> int:
        """One past the last row that had a part in the model: later rows are new to it."""
        return max(self.fit_rows[1], self.reference_rows[1])

    def of_same_table(self, other: Card) -> bool:
        """Whether two models were made from one table, so that they can be compared.

        That is the same file, features and label column. Their classes may differ by those that one of them has not
        seen, since classes come with later rows, but neither has classes of its own beside others of the other's.
        """
        own, others = set(self.classes), set(other.classes)
        alike = own <= others or others <= own
        return alike and self._table == other._table

    @property
    def _table(self) -> tuple[Path | None, str | None, tuple[str, ...]]:
        return self.source.file, self.source.label, self.feature_names

    @property
    def table_words(self) -> str:
        """Table, label and number of features, for a message that tells two tables apart."""
        label = f" (label {self.source.label})" if self.source.label else ""
        return f"{len(self.feature_names)} features of {one_line(self.source.name)}{label}"

    @property
    def time_name(self) -> str | None:
        """What a request calls the time from which the calendar features are computed; None if there are none."""
        return "time" if self.source.path is None else time_option(self.source.time or "")[0] or None

    def to_metadata(self) -> dict[str, Any]:
        """Plain values, for MLflow and for the archive."""
        return asdict(self)

    @classmethod
    def from_metadata(cls, values: Mapping[str, Any]) -> Card:
        """The card that `to_metadata` wrote.

        Raises:
            DataError: it does not hold what `to_metadata` writes, or its names hold control characters or line breaks.
        """
        try:
            card = cls(
                feature_names=tuple(values["feature_names"]),
                classes=tuple(values["classes"]),
                parameters=dict(values["parameters"]),
                fit_rows=(int(values["fit_rows"][0]), int(values["fit_rows"][1])),
                reference_rows=(int(values["reference_rows"][0]), int(values["reference_rows"][1])),
                digest=str(values["digest"]),
                source=DataSource.from_json(values["source"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(
                f"the model's card, the metadata in its file MLmodel, is damaged ({type(error).__name__}: {error}): put"
                " a copy of the file back, or train another base model and deploy it (drift base, drift deploy)"
            ) from error
        require_one_line(*card.feature_names, *card.classes, card.source.label or "", card.source.time or "")
        return card

    def fit_to(self, table: Table) -> Table:
        """The table as this model sees it, or a `DataError` that says why it does not fit."""
        if table.feature_names != self.feature_names:
            missing = [name for name in self.feature_names if name not in table.feature_names]
            extra = [name for name in table.feature_names if name not in self.feature_names]
            raise DataError(
                f"{table.name} does not have the columns that the model was trained on: missing {missing or 'none'},"
                f" unexpected {extra or 'none'}, order {'differs' if not missing and not extra else 'aside'}"
            )
        if len(table) < self.seen or table.digest(range(self.seen)) != self.digest:
            raise DataError(
                f"the first {self.seen} rows of {table.name} are not those the model was trained on;"
                " give the same table with later rows added at its end"
            )
        return table.recoded(self.classes)
