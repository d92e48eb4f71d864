"""A user's own CSV or Parquet file: read, validated once, and from then on trusted.

All problems of a file are found in one pass and reported together, by column and row, so that the file is
mended once. Rows are counted from 0, as everywhere in this project; for CSV the line in the file is given, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from drift.data.blocks import Floats, Integers, Table, Times
from drift.data.calendar import CALENDAR_NAMES, calendar_features
from drift.data.inference import DURATIONS, infer_column, schema_of, typed_column
from drift.data.problems import NO_DATE, Problems, ambiguous_date, text_among_numbers
from drift.data.readers import read_frame
from drift.data.readers.files import files_of
from drift.data.schema import Column, TimeFormat, time_option
from drift.data.values import MISSING, as_numbers, as_times
from drift.system.streams import broken, one_line

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 100  # more distinct labels than this are a number to predict, not a class
FLOAT32_PRECISION = 1e-3  # of a column's interquartile range; what rounding to float32 may lose


def load_table(path: Path, *, label: str, time: str | None = None, ignore: tuple[str, ...] = ()) -> Table:
    """Read and validate a table; every column but `label`, `time` and `ignore` is a feature.

    Args:
        path: a .csv or .parquet file, one row an example, in time order.
        label: the column with the class (text, whole numbers or booleans).
        time: the column with the time of each row, never decreasing; adds calendar features. Followed by :day_first or
            :month_first where its dates leave that open.
        ignore: columns to leave out (keys, notes).

    Raises:
        DataError: with every problem of the file, by column and row.
    """
    name, time_format = time_option(time or "")
    time = name or None
    frame = read_frame(path, texts=[name for name in (label, time) if name], ignore={*ignore} - {label, time})
    problems = Problems(path)
    columns_of = {"--label": (label,), "--time": (time,) if time else (), "--ignore": ignore}
    there = ", ".join(one_line(str(name)) for name in frame.columns)
    for option, names in columns_of.items():
        for column in names:
            if column not in frame.columns:
                problems.add(column, f"not in the file (asked for by {option}); it has {there}")
    problems.raise_if_any()
    names = tuple(str(column) for column in frame.columns if column not in (label, time, *ignore))
    if not names:
        problems.add("*", "no feature columns are left")
    for name in set(names) & set(CALENDAR_NAMES) if time else ():
        problems.add(name, "--time adds a column of this name; rename it or leave it out with --ignore")
    for name in broken((*names, label, *((time,) if time else ()))):
        problems.lines.append(f"column '{name}': expected a name without control characters and line breaks; rename it")
    columns = _features(frame, names, problems, time)
    labels, classes = _classes(_as_typed(frame[label]) if frame.attrs["text"] else frame[label], label, problems)
    timestamps = _times(frame[time], time, problems, time_format) if time else None
    problems.raise_if_any()
    if timestamps is not None:
        columns.append(calendar_features(timestamps))
        names += CALENDAR_NAMES
    return Table(path.name, names, np.column_stack(columns), labels, classes, timestamps)


def load_table_once(path: Path, *, label: str, time: str | None = None, ignore: tuple[str, ...] = ()) -> Table:
    """What `load_table` returns; the table that was read last is kept, and read again if its files have changed.

    Args:
        path: as of `load_table`, and so are the others.
        label: the column with the class.
        time: the column with the time of each row.
        ignore: columns to leave out.

    Raises:
        DataError: with every problem of the file, by column and row.
    """
    states = [file.stat() for file in files_of(path)]
    unchanged = tuple((state.st_ino, state.st_ctime_ns, state.st_mtime_ns, state.st_size) for state in states)
    return _loaded(path, label, time, ignore, unchanged)


@lru_cache(maxsize=1)
def _loaded(
    path: Path, label: str, time: str | None, ignore: tuple[str, ...], files: tuple[tuple[int, ...], ...]
) -> Table:
    return load_table(path, label=label, time=time, ignore=ignore)


def _features(frame: pd.DataFrame, names: Sequence[str], problems: Problems, time: str | None) -> list[Floats]:
    """Columns as the network takes them: numbers, all of them known and finite. What is else is noted as a problem."""
    schema = schema_of(frame[list(names)])
    return [_feature(frame[column.name], column, problems, time) for column in schema.columns]


def _feature(values: pd.Series, column: Column, problems: Problems, time: str | None) -> Floats:
    name = column.name
    if column.kind == "timestamp" or column.note == DURATIONS:
        problems.add(name, f"dates or durations where numbers are expected{_way_with_date(name, time)}")
        return np.zeros(len(values), np.float32)
    numbers, text = as_numbers(values)
    if text.any():
        problems.add(name, text_among_numbers(str(values[text].iloc[0])), np.flatnonzero(text).tolist())
    missing = np.isnan(numbers) & ~text
    if missing.any():
        problems.add(name, "missing value (NaN); fill it or drop the row", np.flatnonzero(missing).tolist())
    if np.isinf(numbers).any():
        problems.add(name, "infinity", np.flatnonzero(np.isinf(numbers)).tolist())
    finite = numbers[np.isfinite(numbers)].astype(np.float64)
    if len(finite):
        with np.errstate(over="ignore"):
            lost = np.abs(finite.astype(np.float32).astype(np.float64) - finite).max()
        spread = np.subtract(*np.quantile(finite, [0.75, 0.25])) or np.ptp(finite)
        if spread and lost > FLOAT32_PRECISION * spread:
            problems.add(
                name,
                f"float32 would round it by up to {lost:.3g}; subtract an offset of about {finite.min():.6g}",
            )
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _way_with_date(name: str, time: str | None) -> str:
    """What to do with a column of dates that is no feature; a table has one column of times."""
    leave = f"leave it out by --ignore {quote(name)}"
    return f" ({leave})" if time else f" (name it by --time {quote(name)}, or {leave})"


def _classes(column: pd.Series, name: str, problems: Problems) -> tuple[Integers, tuple[str, ...]]:
    import pandas as pd

    missing = column.isna().to_numpy()
    if missing.any():
        problems.add(name, "missing label", np.flatnonzero(missing).tolist())
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        fractional = (column % 1 != 0).fillna(False).to_numpy(bool) & ~missing
        if fractional.any():
            problems.add(name, "a fraction where a class is expected", np.flatnonzero(fractional).tolist())
            return np.zeros(len(column), np.int64), ()
        column = column.fillna(0).astype(np.int64)
    try:
        places, values = pd.factorize(column)  # -1 where the label is missing
    except TypeError:  # lists and the like
        places, values = pd.factorize(column.map(str).mask(missing))
    texts = [str(value) for value in values]  # of distinct labels alone: one of each row would fill the memory
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    distinct = set(texts)
    classes = tuple(sorted(distinct, key=int)) if numeric else tuple(sorted(distinct))
    if len(classes) < 2:
        problems.add(
            name, f"expected at least 2 classes, got {len(classes)}: {', '.join(map(one_line, classes)) or 'none'}"
        )
    if len(classes) > MOST_CLASSES:
        problems.add(name, f"expected at most {MOST_CLASSES} classes, got {len(classes)}: is it a number to predict?")
    if wrong := broken(classes):
        shown = ", ".join(f"'{text}'" for text in wrong[:3])
        problems.add(name, f"expected classes without control characters and line breaks, got {shown}; rename them")
    codes = {text: code for code, text in enumerate(classes)}
    by_place = np.asarray([*(codes[text] for text in texts), 0], dtype=np.int64)  # the last one: of missing labels
    return by_place[places], classes


def _as_typed(column: pd.Series) -> pd.Series:
    """Labels of a CSV file as whole numbers or booleans if all are such; "NA" and "None" are good names of a class."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype) or column.isna().all():
        return column
    texts = column.dropna().astype(str)
    if texts.isin(MISSING).any():
        return column
    typed = infer_column(column, text=True)
    return typed_column(column, typed) if typed.kind in ("integer", "number", "boolean") and not typed.bad else column


def _times(column: pd.Series, name: str, problems: Problems, time_format: TimeFormat) -> Times:
    parsed = as_times(column, time_format)
    unread = np.isnat(parsed.values)
    if unread.any():
        problems.add(name, NO_DATE, np.flatnonzero(unread).tolist())
    if parsed.ambiguous:
        problems.add(name, ambiguous_date(parsed.ambiguous, name))
    times = parsed.values.astype("datetime64[ns]")
    known = np.flatnonzero(~unread)
    back = known[1:][np.diff(times[known]) < np.timedelta64(0, "ns")]
    if len(back):
        problems.add(name, "earlier than the row before it; sort the file by time", back.tolist())
    return times
