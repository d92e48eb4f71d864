"""Data frames as columns of plain arrays: of pandas (nullable and Arrow-backed, too), Arrow tables, and polars."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError


def is_frame(sample: Any) -> bool:
    """Whether it has columns with names."""
    return hasattr(sample, "columns")


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
        positions = "; ".join(", ".join(map(str, found)) for found in twice.values())
        raise BlockError(
            f"expected {what} of different names in the {where}, got {', '.join(twice)} more than once (positions"
            f" {positions}): rename or drop them"
        )
    return tuple(places)


def frame_columns(frame: Any, where: str) -> dict[str, NDArray[Any]]:
    """Columns of a data frame by name: numbers and truth values as such, NaN where missing; others as objects.

    Args:
        frame: of pandas or polars, or an Arrow table or record batch.
        where: which sample it is, for messages.

    Raises:
        BlockError: duplicate names.
    """
    if hasattr(frame, "to_pandas") and type(frame).__module__.startswith("pyarrow"):
        require_different_names(frame.schema.names, where)
        frame = frame.to_pandas()
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
