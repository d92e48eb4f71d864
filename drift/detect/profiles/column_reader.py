"""Tables, read column by column: arrays, mappings and data frames in; chunks of numbers or of counted categories out.

Numbers are float or integer columns, however few values they have. Text, booleans and pandas categories are categories.
None, NaN, NaT and pandas.NA are missing; infinity is a number that no range holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isnan
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import is_frame, pandas_frame, plain_array, require_different_names
from drift.errors import BlockError

if TYPE_CHECKING:
    import pandas as pd

    Table: TypeAlias = Mapping[Any, Any] | NDArray[Any] | pd.DataFrame

Numbers: TypeAlias = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class ColumnValues:
    """One column of a table, or some rows of it; nothing is copied before a chunk is asked for."""

    name: str
    values: NDArray[Any]  # (rows,): numbers, booleans, text, objects, or codes of `labels` (-1: missing)
    labels: tuple[str, ...] | None = None  # of a pandas category

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
            found = np.bincount(self.values.astype(np.int64) + 1, minlength=len(self.labels) + 1).tolist()
            counted: Counter[str] = Counter()
            for label, count in zip(self.labels, found[1:], strict=True):
                counted[label] += count
            return {label: count for label, count in counted.items() if count}, found[0]
        named: Counter[str] = Counter()
        missing = 0
        for value, count in Counter(self.values.tolist()).items():
            if _missing(value):
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
    chosen = require_different_names(names or (), "table")
    if hasattr(table, "detach"):  # a tensor
        table = plain_array(table)
    elif is_frame(table) and not hasattr(table, "iloc"):  # of polars or Arrow
        table = cast("pd.DataFrame", pandas_frame(table, "table"))
    if isinstance(table, np.ndarray):
        array = table[:, None] if table.ndim == 1 else table
        given = [str(j) for j in range(array.shape[1])] if names is None else list(chosen)
        if array.ndim != 2 or array.shape[1] != len(given):
            raise BlockError(f"expected {len(given)} columns, as in the reference; got table.shape={table.shape}")
        return [_read(name, array[:, j]) for j, name in enumerate(given)]
    if not hasattr(table, "keys"):
        raise BlockError(f"expected a mapping, a data frame or an array (n, d), got {type(table).__name__}")
    there = dict(zip(require_different_names(table, "table"), table, strict=True))
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


def _read(name: str, given: Any) -> ColumnValues:
    if hasattr(given, "to_pandas"):  # a column of polars or Arrow
        given = given.to_pandas()
    elif hasattr(given, "detach"):
        given = plain_array(given)
    if hasattr(given, "to_numpy"):  # of pandas
        from pandas import CategoricalDtype, Series
        from pandas.api.types import is_bool_dtype, is_numeric_dtype

        series = Series(given)
        if isinstance(series.dtype, CategoricalDtype):
            return ColumnValues(name, series.cat.codes.to_numpy(), tuple(map(str, series.cat.categories)))
        if isinstance(series.dtype, np.dtype):
            array = series.to_numpy()
        elif is_numeric_dtype(series.dtype) and not is_bool_dtype(series.dtype):
            array = series.to_numpy(np.float64, na_value=np.nan)
        else:
            array = series.to_numpy(object)
    else:
        array = np.asarray(given)
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
    present = {kind for kind in set(map(type, objects)) if not _never_there(kind)}
    if all(issubclass(kind, (Real, Decimal)) and not issubclass(kind, (bool, np.bool_)) for kind in present):
        return np.asarray([np.nan if _missing(value) else float(value) for value in objects], np.float64)
    if len(present) == 1:
        return objects
    return np.asarray([None if _missing(value) else str(value) for value in objects], object)


def _never_there(kind: type) -> bool:
    return kind.__name__ in ("NoneType", "NAType", "NaTType")


def _missing(value: Any) -> bool:
    return _never_there(type(value)) or (isinstance(value, (float, np.floating, Decimal)) and isnan(value))
