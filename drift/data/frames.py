"""Tables of pandas, Polars and Arrow, arrays and tensors: as one kind of data frame, as columns, or as rows of numbers.

Used wherever a table comes from a caller in Python: by the detectors, by `drift.compare` and by the readers of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import isnan
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # names, and positions of each, in a message


def is_frame(sample: Any) -> bool:
    """Whether it has columns with names."""
    return hasattr(type(sample), "columns")  # of the type: of a lazy frame, the names themselves take a computation


def require_different_names(names: Iterable[Any], where: str, *, what: str = "columns") -> tuple[str, ...]:
    """Names as text, none of them twice: the one check of all names that come from outside.

    Args:
        names: of columns, features or classes, in order.
        where: what they belong to, for messages.
        what: bears the names, for messages.

    Raises:
        BlockError: some are there more than once: each is named with its positions, from 0.

    >>> require_different_names(["price", 1], "table")
    ('price', '1')
    """
    places: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        places.setdefault(str(name), []).append(at)
    twice = {name: positions for name, positions in places.items() if len(positions) > 1}
    if twice:
        where_twice = "; ".join(_first(positions) for positions in list(twice.values())[:SHOWN])
        raise BlockError(
            f"expected {what} of different names in the {where}, got {_first(list(twice))} more than once (positions"
            f" {where_twice}): rename or drop them"
        )
    return tuple(places)


def _first(items: Sequence[object]) -> str:
    """The first of some names or positions, and how many more there are."""
    more = f" and {len(items) - SHOWN:,} more" if len(items) > SHOWN else ""
    return ", ".join(map(str, items[:SHOWN])) + more


def column_names(*samples: Any) -> tuple[str, ...]:
    """Names of the columns of the first of these samples that is a data frame; none if none is."""
    frame = next((sample for sample in samples if is_frame(sample)), None)
    if frame is None:
        return ()
    return tuple(str(name) for name in (frame.schema.names if _of_arrow(frame) else frame.columns))


def _of_arrow(frame: Any) -> bool:
    return type(frame).__module__.startswith("pyarrow")


def pandas_frame(table: Any, where: str) -> pd.DataFrame:
    """A table as a data frame of pandas, which one of pandas already is; columns of an array are "0", "1", ...

    Args:
        table: a data frame of pandas or Polars, an Arrow table or record batch, or an array or tensor (n, d).
        where: which table it is, for messages.

    Raises:
        BlockError: duplicate names, a lazy frame, or what is no table.
    """
    import pandas as pd

    if is_frame(table):
        if hasattr(table, "collect"):
            kind = type(table).__name__
            raise BlockError(f"expected a data frame for the {where}, got a {kind}: pass frame.collect()")
        require_different_names(column_names(table), where)
        if hasattr(table, "iloc"):
            return table  # type: ignore[no-any-return]
        return arrow_frame(table) if _of_arrow(table) else table.to_pandas()
    rows = plain_array(table)
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise BlockError(
            f"expected a data frame (of pandas, polars or Arrow) or numbers (n, d) for the {where}, got"
            f" {type(table).__name__}"
        )
    return pd.DataFrame(rows, columns=[str(at) for at in range(rows.shape[1])])


def arrow_frame(table: Any) -> pd.DataFrame:
    """An Arrow table or record batch as a data frame: integers stay integers where some are missing.

    What pandas has noted in a Parquet file is not looked at: a named index is a column like the others.
    """
    import pandas as pd
    import pyarrow as pa

    exact = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.int32(): pd.Int32Dtype()}
    exact |= {pa.int16(): pd.Int16Dtype(), pa.int8(): pd.Int8Dtype(), pa.uint32(): pd.UInt32Dtype()}
    missing = any(column.null_count for column in table.columns if column.type in exact)
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas(
        use_threads=False, split_blocks=True, types_mapper=exact.get if missing else None
    )
    return frame if len(frame.columns) else pd.DataFrame(index=range(len(table)))


def plain_array(values: Any) -> NDArray[Any]:
    """What NumPy makes of an array, a tensor on any device, a sequence or a column of a table."""
    if hasattr(values, "detach"):  # a tensor; NumPy has no bfloat16
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() and values.element_size() < 4 else values
    return np.asarray(values)


def plain_column(column: Any) -> NDArray[Any]:
    """A column of pandas, Polars or Arrow, a tensor or a sequence as NumPy has it: numbers with NaN where missing."""
    if hasattr(column, "to_pandas"):  # of Polars or Arrow
        column = column.to_pandas()
    if not hasattr(column, "to_numpy") or isinstance(column.dtype, np.dtype):
        return plain_array(column)
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(column.dtype):
        return np.asarray(column.to_numpy(object if column.isna().any() else bool))
    if is_numeric_dtype(column.dtype):
        single = str(column.dtype) in ("Float32", "float[pyarrow]")
        return np.asarray(column.to_numpy(np.float32 if single else np.float64, na_value=np.nan))
    return np.asarray(column.to_numpy(object))


def frame_columns(frame: Any, where: str) -> dict[str, NDArray[Any]]:
    """Columns of a data frame by name: numbers and truth values as such, NaN where missing; others as objects.

    Args:
        frame: of pandas or Polars, or an Arrow table or record batch.
        where: which sample it is, for messages.

    Raises:
        BlockError: duplicate names.
    """
    frame = pandas_frame(frame, where)
    return {str(name): plain_column(frame.iloc[:, at]) for at, name in enumerate(frame.columns)}


def number_rows(sample: Any, where: str, names: Sequence[str] | None = None) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Rows of numbers (n, d) from whatever holds them, and the names of their columns, if they have names.

    Args:
        sample: a data frame, or an array, tensor or sequence (n, d), or (n,) for one column. A column of objects is one
            of numbers if every object is a number or missing.
        where: which sample it is, for messages.
        names: the columns that a data frame is to have, in this order; its own by default.

    Returns:
        The rows, of a data frame float32 if all its columns are, else float64; and the names.

    Raises:
        BlockError: duplicate or other names, a column that does not hold numbers, or another shape.

    >>> number_rows([1, 2, 3], "sample")
    (array([[1],
           [2],
           [3]]), ())
    """
    if is_frame(sample):
        return _frame_rows(sample, where, names)
    rows = plain_array(sample)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.dtype.kind == "O":
        rows = np.stack([_as_numbers(column) for column in rows.T], axis=1) if rows.ndim == 2 and rows.size else rows
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise BlockError(
            f"expected numbers (n, d) or a data frame for the {where}, got {rows.dtype} of shape {rows.shape}"
        )
    return rows, ()


def _frame_rows(frame: Any, where: str, names: Sequence[str] | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    columns = {name: _as_numbers(values) for name, values in frame_columns(frame, where).items()}
    for name, values in columns.items():
        if values.dtype.kind not in "biuf":
            raise BlockError(
                f"expected numbers, got {_kind(values)} in column {name!r} of the {where}: leave text out, or see"
                " feature_tests"
            )
    if not columns:
        raise BlockError(f"expected columns in the {where}, got none")
    names = tuple(names or columns)
    if columns.keys() != set(names):
        lost, extra = [name for name in names if name not in columns], [name for name in columns if name not in names]
        raise BlockError(f"expected the reference's columns in the {where}, got {extra} instead of {lost}")
    single = all(values.dtype in (np.float32, np.float16) for values in columns.values())
    return np.stack([columns[name].astype(np.float32 if single else np.float64) for name in names], axis=1), names


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Objects as floats, NaN where missing, if all others are numbers; else as they are."""
    if values.dtype.kind != "O" or not all(isinstance(value, (Real, Decimal)) or is_missing(value) for value in values):
        return values
    return as_floats(values)


def as_floats(objects: NDArray[Any]) -> NDArray[np.float64]:
    """Objects, each a number or missing, as floats, (n,)."""
    return np.asarray([np.nan if is_missing(value) else float(value) for value in objects], np.float64)


def is_missing(value: Any) -> bool:
    """Whether an object stands for a missing value: None, NaN, NaT or pandas.NA."""
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return missing or (isinstance(value, (float, np.floating, Decimal)) and isnan(value))


def _kind(values: NDArray[Any]) -> str:
    if values.dtype.kind != "O":
        return "text" if values.dtype.kind in "UST" else str(values.dtype)
    kinds = {
        type(value).__name__ for value in values if not isinstance(value, (Real, Decimal)) and not is_missing(value)
    }
    return "text" if kinds <= {"str", "bytes"} else f"objects ({', '.join(sorted(kinds))})"
