"""Tables, read column by column: arrays, mappings and data frames in; chunks of numbers or of counted categories out.

Numbers are float or integer columns, however few values they have. Text, booleans and pandas categories are categories.
None, NaN, NaT and pandas.NA are missing; infinity is a number that no range holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from drift.data import frames
from drift.errors import BlockError

if TYPE_CHECKING:
    import pandas as pd

    Table: TypeAlias = Mapping[Any, Any] | NDArray[Any] | pd.DataFrame

Numbers: TypeAlias = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class ColumnValues:
    """One column of a table, or some rows of it; nothing is copied before a chunk is asked for.

    Attributes:
        name: of the column.
        values: (rows,) numbers, booleans, text, objects, or codes of `labels`, -1 where missing.
        labels: of a pandas category; None of all other columns.
    """

    name: str
    values: NDArray[Any]
    labels: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.labels is None and self.values.dtype.kind in "fiu"

    def rows(self, start: int, stop: int) -> ColumnValues:
        """A run of rows, as a view."""
        return ColumnValues(self.name, self.values[start:stop], self.labels)

    def numbers(self) -> Numbers:
        """The values side by side in memory, float32 as they are and all else as float64; NaN where missing.

        Raises:
            BlockError: categories, unless all are missing.
        """
        if not self.numeric:
            if self.categories()[0]:
                raise BlockError(
                    f"expected numbers in column {self.name!r}, as in the reference; got {self._kind()}:"
                    " convert them, or learn the bins anew"
                )
            return np.full(len(self), np.nan)
        if self.values.dtype == np.float32:
            return np.ascontiguousarray(self.values, np.float32)
        return np.ascontiguousarray(self.values, np.float64)

    def categories(self) -> tuple[dict[str, int], int]:
        """Rows of each category, and missing ones.

        Raises:
            BlockError: numbers, unless all are missing.
        """
        if self.numeric:
            if not np.isnan(self.values).all():
                raise BlockError(
                    f"expected categories in column {self.name!r}, as in the reference; got {self._kind()}:"
                    " make them text, or learn the bins anew"
                )
            return {}, len(self)
        if self.labels is not None:
            missing, *counts = np.bincount(self.values.astype(np.int64) + 1, minlength=len(self.labels) + 1).tolist()
            by_label: Counter[str] = Counter()
            for label, count in zip(self.labels, counts, strict=True):
                by_label[label] += count
            return dict(+by_label), missing
        named: Counter[str] = Counter()
        missing = 0
        for value, count in Counter(self.values.tolist()).items():
            if frames.is_missing(value):
                missing += count
            else:
                named[str(value)] += count
        return dict(named), missing

    def _kind(self) -> str:
        return "categories" if self.labels is not None else f"values of type {self.values.dtype}"


def read_table(table: Table, names: Sequence[str] | None = None) -> list[ColumnValues]:
    """The columns of a table, all or those that are named; others are left out.

    Args:
        table: a mapping of names to 1-D arrays, a data frame (pandas, polars, Arrow), or an array or tensor (n, d).
        names: which columns; for an array, what they are called, in order ("0", "1", … by default).

    Raises:
        BlockError: duplicate names; columns that are missing, of unequal lengths or of a type that is neither number
            nor category.
    """
    chosen = frames.require_different_names(names or (), "table")
    if hasattr(table, "detach"):  # a tensor
        table = frames.plain_array(table)
    elif frames.is_frame(table):
        table = frames.pandas_frame(table, "table")
    if isinstance(table, np.ndarray):
        array = table[:, None] if table.ndim == 1 else table
        called = [str(j) for j in range(array.shape[1])] if names is None else list(chosen)
        if array.ndim != 2 or array.shape[1] != len(called):
            raise BlockError(f"expected {len(called)} columns, as in the reference; got table.shape={table.shape}")
        return [_read(name, array[:, j]) for j, name in enumerate(called)]
    if not hasattr(table, "keys"):
        raise BlockError(f"expected a mapping, a data frame or an array (n, d), got {type(table).__name__}")
    there = dict(zip(frames.require_different_names(table, "table"), table, strict=True))
    wanted = list(there if names is None else chosen)
    absent = [name for name in wanted if name not in there]
    if absent:
        raise BlockError(
            f"expected columns {', '.join(wanted)}; got none called {', '.join(absent)}."
            " Was the model retrained on other columns?"
        )
    columns = [_read(name, table[there[name]]) for name in wanted]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"{column.name} {len(column)}" for column in columns)
        raise BlockError(f"expected columns of one length, got {lengths} rows")
    return columns


def _read(name: str, values: Any) -> ColumnValues:
    if hasattr(values, "to_pandas"):  # a column of Polars or Arrow
        values = values.to_pandas()
    if str(getattr(values, "dtype", "")) == "category":
        from pandas import Categorical

        categorical = Categorical(values)
        return ColumnValues(name, categorical.codes, tuple(map(str, categorical.categories)))
    array = frames.plain_column(values)
    if array.ndim != 1:
        raise BlockError(f"expected one value a row in column {name!r}, got shape {array.shape}")
    if array.dtype.kind == "O":
        return ColumnValues(name, _plain(array))
    if array.dtype.kind == "S":
        array = np.char.decode(cast("NDArray[np.bytes_]", array), "utf-8", "replace")
    if array.dtype.kind not in "fiubU":
        raise BlockError(
            f"expected numbers, text or booleans in column {name!r}, got {array.dtype}: convert it or leave it out"
        )
    return ColumnValues(name, array.astype(np.float32) if array.dtype == np.float16 else array)


def _plain(objects: NDArray[np.object_]) -> NDArray[Any]:
    """Objects as floats if all that are not missing are numbers; else each as its own kind, or all as text."""
    kinds = {kind for kind in set(map(type, objects)) if kind.__name__ not in ("NoneType", "NAType", "NaTType")}
    if all(issubclass(kind, (Real, Decimal)) and not issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return frames.as_floats(objects)
    if len(kinds) == 1:
        return objects
    return np.asarray([None if frames.is_missing(value) else str(value) for value in objects], object)
