"""Inference of a schema from values, by stated rules; the same for every command and source.

A value is looked at only if it is present: `drift.data.values` says which marks stand for a missing one.

1. Typed values (Parquet, databases, data frames) keep their type: booleans, integers, numbers (also Decimals; integers
   where all are whole), datetimes and dates. Unsigned and nullable types are the same kinds.
2. Text is a timestamp if 95 % or more of its values are dates in a usual form: ISO 8601, yyyy/mm/dd, yyyy-mm,
   dd/mm/yyyy or mm/dd/yyyy (also with - and .), 7 May 1996, May 7, 1996; with or without a time of day and a zone. The
   others are bad values, which are counted. Digits alone are no date: epochs and 20260131 are read as times only where
   a column is named as the time.
3. Text of a CSV file, which has no types, is else boolean (true, false in any case), integer, number (also inf) or,
   if 95 % or more of its values are numbers and these are more than 20 different ones, a number with bad values, which
   every command refuses. Integers of more than 64 bits are categories, since no number holds them.
4. All other text, values of pandas' category type, and values that have a name (UUIDs, bytes) are a category.
5. A column without values has no kind yet; neither have lists, mappings, times of day and durations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drift.data.problems import ROWS_SHOWN, Problems, text_among_numbers
from drift.data.schema import Column, Kind, Schema
from drift.data.values import BOOLEANS, INTEGER, MISSING, NUMBER, as_numbers, as_texts, as_times, looks_like_date

if TYPE_CHECKING:
    import pandas as pd

MOSTLY = 0.95  # share of the values of a kind, from which the others are bad values
FEW_VALUES = 20  # numbers up to so many different ones may be codes, beside which text is a code too
LOOKED_AT = 100  # texts, to see whether they may be dates
EMPTY, ARRAYS, DURATIONS = "has no values", "holds lists or other objects", "holds times of day or durations"


def schema_of(frame: pd.DataFrame, *, text: bool = False) -> Schema:
    """The schema that a reader has left with a table (`frame.attrs["schema"]`); other columns are inferred.

    Args:
        frame: of different names.
        text: whether texts may stand for values of all kinds, as in a CSV file.
    """
    schema = frame.attrs.get("schema")
    known = {column.name: column for column in schema.columns} if isinstance(schema, Schema) else {}
    columns = (known.get(str(name)) or infer_column(frame[name], text=text) for name in frame.columns)
    return Schema(tuple(columns))


def infer_column(column: pd.Series, *, text: bool = False) -> Column:
    """The kind of a column, by the rules above.

    Args:
        column: values of any type.
        text: whether texts may stand for values of all kinds, as in a CSV file.
    """
    import pandas as pd
    from pandas.api import types

    name, dtype = str(column.name), column.dtype
    simple: tuple[tuple[Kind, bool], ...] = (
        ("boolean", types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype)),
        ("integer", types.is_integer_dtype(dtype)),
        ("number", types.is_numeric_dtype(dtype)),
        ("timestamp", types.is_datetime64_any_dtype(dtype)),
    )
    for kind, holds in simple:
        if holds:
            return Column(name, kind) if column.notna().any() else Column(name, None, note=EMPTY)
    if types.is_timedelta64_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return Column(name, None, note=DURATIONS)
    present = column.dropna()
    if not len(present):
        return Column(name, None, note=EMPTY)
    if isinstance(dtype, pd.CategoricalDtype):
        return Column(name, "category")
    kinds: set[type] = {str} if isinstance(dtype, pd.StringDtype) else set(map(type, present))
    if str in kinds and all(issubclass(kind, (str, Real, Decimal)) for kind in kinds):
        return _of_text(name, column, text=text or kinds != {str})
    return _of_objects(name, present, kinds)


def _of_objects(name: str, present: pd.Series, kinds: set[type]) -> Column:
    import pandas as pd

    kind: Kind | None = "category"
    note = ""
    if _all_of(kinds, (bool, np.bool_)):
        kind = "boolean"
    elif _all_of(kinds, (Real, Decimal)) and not any(issubclass(part, (bool, np.bool_)) for part in kinds):
        whole = kinds == {Decimal} and all(value.is_finite() and value == int(value) for value in present)
        kind = "integer" if whole or _all_of(kinds, (Integral,)) else "number"
    elif _all_of(kinds, (date, np.datetime64)):
        kind = "timestamp"
    elif _all_of(kinds, (time, timedelta, pd.Period)):
        kind, note = None, DURATIONS
    elif not _all_of(kinds, (Hashable,)):
        kind, note = None, ARRAYS
    return Column(name, kind, note=note)


def _all_of(kinds: set[type], parents: tuple[type, ...]) -> bool:
    return all(issubclass(kind, parents) for kind in kinds)


def _of_text(name: str, column: pd.Series, *, text: bool) -> Column:
    some = _some(column.dropna())
    if some and not _mostly(looks_like_date, some) and not (text and (len(some) <= FEW_VALUES or _are_simple(some))):
        return Column(name, "category")
    counts = column.astype(object).value_counts()
    texts = {str(value): int(count) for value, count in counts.items() if str(value).strip() not in MISSING}
    enough = MOSTLY * sum(texts.values())
    if not texts:
        return Column(name, None, note=EMPTY)
    if _mostly(looks_like_date, list(texts)[:LOOKED_AT]):
        times = as_times(column, named=False)
        if times.wrong.sum() <= sum(texts.values()) - enough:
            return _with_bad(Column(name, "timestamp", times.format), column, times.wrong)
    kind: Kind = "category"
    if text and all(value.strip().lower() in BOOLEANS for value in texts):
        kind = "boolean"
    elif text and all(map(INTEGER.fullmatch, texts)):
        kind = "integer" if all(len(value) < 19 or -(2**63) <= int(value) < 2**63 for value in texts) else "category"
    elif text:
        numbers = [count for value, count in texts.items() if NUMBER.fullmatch(value)]
        if len(numbers) == len(texts) or (sum(numbers) >= enough and len(numbers) > FEW_VALUES):
            return _with_bad(Column(name, "number"), column, as_numbers(column)[1])
    return Column(name, kind)


def _some(present: pd.Series) -> list[str]:
    """Some of the texts, from all parts of a column, without marks of missing values."""
    some = present.iloc[:: max(1, len(present) // LOOKED_AT)].head(LOOKED_AT)
    return [str(value) for value in some if str(value).strip() not in MISSING]


def _mostly(holds: Callable[[str], bool], texts: Sequence[str]) -> bool:
    return sum(map(holds, texts)) > len(texts) / 2


def _are_simple(texts: Sequence[str]) -> bool:
    """Whether texts may be numbers or booleans."""
    return _mostly(lambda text: bool(NUMBER.fullmatch(text)) or text.strip().lower() in BOOLEANS, texts)


def _with_bad(column: Column, values: pd.Series, wrong: Any) -> Column:
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return column
    shown = tuple(int(row) for row in rows[:ROWS_SHOWN])
    return replace(column, bad=len(rows), bad_rows=shown, example=str(values.iloc[shown[0]]))


def typed_frame(
    frame: pd.DataFrame,
    *,
    text: bool = False,
    schema: Schema | None = None,
    texts: Collection[str] = (),
    source: Path | str = "the table",
) -> pd.DataFrame:
    """A table with the values of each column as its kind has them; its schema is in `attrs["schema"]`.

    Args:
        frame: of different names.
        text: whether texts may stand for values of all kinds, as in a CSV file.
        schema: of the same columns; by default the one that a reader has left with the table, or an inferred one.
        texts: columns whose texts are categories whatever they look like.
        source: what the table is called, for messages.

    Raises:
        DataError: values that are not of the kinds of the `schema` that was given.
    """
    import pandas as pd

    if schema is None:
        schema = schema_of(frame, text=text)
        named = [replace(column, kind="category", format="") if column.name in texts and column.format else column
                 for column in schema.columns]  # fmt: skip
        schema = Schema(tuple(named))
    else:
        _require_kinds(frame, schema, source)
    typed = pd.DataFrame(
        {at: typed_column(frame.iloc[:, at], column) for at, column in enumerate(schema.columns)}, index=frame.index
    )
    typed.columns = pd.Index(list(schema.names), dtype=object)
    typed.attrs = {**frame.attrs, "schema": schema}
    return typed


def _require_kinds(frame: pd.DataFrame, schema: Schema, source: Path | str) -> None:
    problems = Problems(source)
    for at, column in enumerate(schema.columns):
        values = frame.iloc[:, at]
        wrong = _wrong(values, column.kind, column)
        rows = np.flatnonzero(wrong)
        if len(rows):
            what = text_among_numbers if column.numeric else f"no {column.kind}, such as {{}}".format
            problems.add(column.name, what(str(values.iloc[rows[0]])[:40]), rows[:ROWS_SHOWN].tolist(), count=len(rows))
    problems.raise_if_any()


def _wrong(values: pd.Series, kind: Kind | None, column: Column) -> Any:
    """Where values are not of a kind, (n,)."""
    if kind == "timestamp":
        return as_times(values, column.format).wrong
    if kind == "number":
        return as_numbers(values)[1]
    if kind == "integer":
        numbers, wrong = as_numbers(values)
        return wrong | ~((numbers % 1 == 0) | np.isnan(numbers))
    if kind == "boolean":
        return np.asarray([_boolean(value) is None and not _is_missing(value) for value in values.astype(object)])
    return np.zeros(len(values), bool)


def _is_missing(value: Any) -> bool:
    return value is None or str(value).strip() in MISSING


def typed_column(values: pd.Series, column: Column) -> pd.Series:
    """Values as the kind of a column has them, missing where a timestamp is bad.

    Returns:
        Numbers as float64 (float32 as they are), integers as int64, uint64 or, where some are missing, Int64, booleans
        as bool or, where some are missing, objects, categories as texts or None, timestamps as datetime64 in UTC. A
        column without a kind, or of numbers with bad values among them, is left as it is.
    """
    import pandas as pd
    from pandas.api import types

    if column.kind is None or (column.numeric and column.bad):
        return values
    typed: Any
    if column.kind == "timestamp":
        typed = as_times(values, column.format).values
    elif column.kind == "category":
        typed = np.asarray(as_texts(values), object)
    elif column.kind == "boolean":
        typed = _booleans(values)
    elif column.kind == "integer":
        typed = values if types.is_integer_dtype(values.dtype) else _integers(values)
        if types.is_integer_dtype(values.dtype) and types.is_extension_array_dtype(values.dtype):
            wide: tuple[Any, Any] = (pd.Int64Dtype(), np.int64)
            if str(values.dtype).lower().startswith("u"):
                wide = pd.UInt64Dtype(), np.uint64
            typed = values.astype(wide[0]) if values.isna().any() else values.to_numpy(wide[1])
    else:
        typed = as_numbers(values)[0]
    return pd.Series(typed, index=values.index, name=column.name)


def _booleans(values: pd.Series) -> Any:
    booleans = [_boolean(value) for value in values.astype(object)]
    return np.asarray(booleans, object if None in booleans else bool)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return BOOLEANS.get(value.strip().lower())
    return bool(value) if isinstance(value, (bool, np.bool_)) else None


def _integers(values: pd.Series) -> Any:
    import pandas as pd

    whole = [_integer(value) for value in values.astype(object)]
    present = [value for value in whole if value is not None]
    if present and not -(2**63) <= min(present) <= max(present) < 2**63:
        return np.asarray(whole, object)  # of a database's decimals
    return np.asarray(whole, np.int64) if len(present) == len(whole) else pd.array(whole, dtype="Int64")


def _integer(value: Any) -> int | None:
    if isinstance(value, str):
        return None if value.strip() in MISSING else int(value)
    return None if _is_missing(value) else int(value)
