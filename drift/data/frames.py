"""Data frames as columns of plain arrays: of pandas (nullable and Arrow-backed, too), Arrow tables, and polars.

`number_rows` reads whatever holds rows of numbers: frames, arrays, tensors, a single column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError

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
    twice = {name: found for name, found in places.items() if len(found) > 1}
    if twice:
        positions = "; ".join(_first(found) for found in list(twice.values())[:SHOWN])
        raise BlockError(
            f"expected {what} of different names in the {where}, got {_first(list(twice))} more than once (positions"
            f" {positions}): rename or drop them"
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


def pandas_frame(table: Any, where: str) -> Any:
    """A table as a data frame of pandas, which one of pandas already is; columns of an array are "0", "1", ...

    Args:
        table: a data frame of pandas or polars, an Arrow table or record batch, or an array or tensor (n, d).
        where: which table it is, for messages.

    Raises:
        BlockError: duplicate names, or what is no table.
    """
    import pandas as pd

    if is_frame(table):
        table = _collected(table, where)
        require_different_names(column_names(table), where)
        return table if hasattr(table, "iloc") else table.to_pandas()
    rows = plain_array(table)
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise BlockError(
            f"expected a data frame (of pandas, polars or Arrow) or numbers (n, d) for the {where}, got"
            f" {type(table).__name__}"
        )
    return pd.DataFrame(rows, columns=[str(at) for at in range(rows.shape[1])])


def plain_array(values: Any) -> NDArray[Any]:
    """What NumPy makes of an array, a tensor on any device, a sequence or a column of a table."""
    if hasattr(values, "detach"):  # a tensor; NumPy has no bfloat16
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() and values.element_size() < 4 else values
    return np.asarray(values)


def number_rows(sample: Any, where: str, names: Sequence[str] | None = None) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Rows of numbers (n, d) from whatever holds them, and the names of their columns, if they have names.

    Args:
        sample: a data frame, or an array, tensor or sequence (n, d), or (n,) for one column.
        where: which sample it is, for messages.
        names: the columns that a data frame is to have, in this order; its own by default.

    Raises:
        BlockError: duplicate or other names, a column that does not hold numbers, or another shape.

    >>> number_rows([1, 2, 3], "sample")
    (array([[1],
           [2],
           [3]]), ())
    """
    if is_frame(sample):
        rows, given = number_table(sample, where)
        return (rows, given) if not names else (in_order(rows, given, tuple(names), where), tuple(names))
    rows = plain_array(sample)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.dtype.kind == "O":
        rows = np.stack([_as_numbers(column) for column in rows.T], axis=1) if rows.ndim == 2 and rows.size else rows
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise BlockError(
            f"expected numbers (n, d) or a data frame for the {where}, got {rows.dtype} of shape {rows.shape}"
        )
    return rows, ()


def in_order(
    rows: NDArray[Any], given: tuple[str, ...], names: tuple[str, ...], where: str = "current sample"
) -> NDArray[Any]:
    """Rows of a data frame with its columns in the order of another one's.

    Raises:
        BlockError: other columns.
    """
    lost, extra = [name for name in names if name not in given], [name for name in given if name not in names]
    if lost or extra:
        raise BlockError(f"expected the reference's columns in the {where}, got {extra} instead of {lost}")
    return rows[:, [given.index(name) for name in names]]


def _of_arrow(frame: Any) -> bool:
    return type(frame).__module__.startswith("pyarrow")


def _collected(frame: Any, where: str) -> Any:
    """A frame whose values are there."""
    if hasattr(frame, "collect"):
        raise BlockError(f"expected a data frame for the {where}, got a {type(frame).__name__}: pass frame.collect()")
    return frame


def frame_columns(frame: Any, where: str) -> dict[str, NDArray[Any]]:
    """Columns of a data frame by name: numbers and truth values as such, NaN where missing; others as objects.

    Args:
        frame: of pandas or polars, or an Arrow table or record batch.
        where: which sample it is, for messages.

    Raises:
        BlockError: duplicate names.
    """
    frame = _collected(frame, where)
    if _of_arrow(frame):
        frame = pandas_frame(frame, where)
    names = require_different_names(frame.columns, where)
    if hasattr(frame, "iloc"):
        return {name: _plain(frame.iloc[:, at]) for at, name in enumerate(names)}
    return {name: frame[name].to_numpy() for name in names}  # of polars: numbers with NaN where missing


def number_table(frame: Any, where: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """A data frame of numbers as an array (n, d), float32 if all columns are, and the names of its columns.

    A column of objects is one of numbers if every object is a number or missing.

    Raises:
        BlockError: duplicate names, or a column that does not hold numbers.
    """
    columns = {name: _as_numbers(values) for name, values in frame_columns(frame, where).items()}
    for name, values in columns.items():
        if values.dtype.kind not in "biuf":
            raise BlockError(
                f"expected numbers, got {_kind(values)} in column {name!r} of the {where}: leave text out, or see"
                " feature_tests"
            )
    if not columns:
        raise BlockError(f"expected columns in the {where}, got none")
    single = all(values.dtype in (np.float32, np.float16) for values in columns.values())
    table = np.stack([values.astype(np.float32 if single else np.float64) for values in columns.values()], axis=1)
    return table, tuple(columns)


def _plain(series: Any) -> NDArray[Any]:
    """A column of pandas as NumPy has it, NaN where a number is missing."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if isinstance(series.dtype, np.dtype):
        return np.asarray(series)
    if is_bool_dtype(series.dtype) and not series.isna().any():
        return np.asarray(series.to_numpy(bool))
    if is_numeric_dtype(series.dtype) or is_bool_dtype(series.dtype):
        single = str(series.dtype) in ("Float32", "float[pyarrow]")
        return np.asarray(series.to_numpy(np.float32 if single else np.float64, na_value=np.nan))
    return np.asarray(series.to_numpy(object))


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Objects as floats, NaN where missing, if all others are numbers; else as they are."""
    if values.dtype.kind != "O" or not all(isinstance(value, (Real, Decimal)) or _missing(value) for value in values):
        return values
    return np.asarray([np.nan if _missing(value) else float(value) for value in values], np.float64)


def _missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _kind(values: NDArray[Any]) -> str:
    if values.dtype.kind != "O":
        return "text" if values.dtype.kind in "UST" else str(values.dtype)
    kinds = {type(value).__name__ for value in values if not isinstance(value, (Real, Decimal)) and not _missing(value)}
    return "text" if kinds <= {"str", "bytes"} else f"objects ({', '.join(sorted(kinds))})"
