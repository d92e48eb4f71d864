"""A user's own CSV or Parquet file: read, validated once, and from then on trusted.

All problems of a file are found in one pass and reported together, by column and row, so that a person mends the
file once. Rows are counted from 0, as everywhere in this project; for CSV the line in the file is told too.
"""

from __future__ import annotations

import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from drift.blocks import Floats, Integers, Table, Times
from drift.sources.calendar import CALENDAR_NAMES, calendar_features
from drift.sources.files import Problems, read_frame
from drift.streams import broken, one_line

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 100  # more distinct labels than this are a number to predict, not a class
FLOAT32_PRECISION = 1e-3  # of a column's interquartile range; what rounding to float32 may lose


def load_table(path: Path, *, label: str, time: str | None = None, ignore: tuple[str, ...] = ()) -> Table:
    """Read and validate a table; every column but `label`, `time` and `ignore` is a feature.

    Args:
        path: a .csv or .parquet file, one row an example, in time order.
        label: the column with the class (text, whole numbers or booleans).
        time: the column with the time of each row, never decreasing; adds calendar features.
        ignore: columns to leave out (keys, notes).

    Raises:
        DataError: with every problem of the file, by column and row.
    """
    frame = read_frame(path, label=label, ignore={*ignore} - {label, time})
    problems = Problems(path)
    asked = {"--label": (label,), "--time": (time,) if time else (), "--ignore": ignore}
    there = ", ".join(one_line(str(name)) for name in frame.columns)
    for option, asked_for in asked.items():
        for column in asked_for:
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
    columns = [_numbers(frame[name], name, problems, time) for name in names]
    labels, classes = _classes(frame[label], label, problems)
    timestamps = _times(frame[time], time, problems) if time else None
    problems.raise_if_any()
    if timestamps is not None:
        columns.append(calendar_features(timestamps))
        names += CALENDAR_NAMES
    return Table(path.name, names, np.column_stack(columns), labels, classes, timestamps)


def _numbers(column: pd.Series, name: str, problems: Problems, time: str | None) -> Floats:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype) or pd.api.types.is_timedelta64_dtype(column.dtype):
        problems.add(
            name, "dates or durations where numbers are expected (name it with --time or leave it out with --ignore)"
        )
        return np.zeros(len(column), np.float32)
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    missing = column.isna().to_numpy()
    text = np.isnan(values) & ~missing
    if text.any():
        example = str(column[text].iloc[0])
        way = _way_with_date(name, time) if _is_date(example) else ""
        problems.add(name, f"text where numbers are expected, such as {example[:40]!r}{way}", np.flatnonzero(text))
    if missing.any():
        problems.add(name, "missing value (NaN); fill it or drop the row", np.flatnonzero(missing))
    if np.isinf(values).any():
        problems.add(name, "infinity", np.flatnonzero(np.isinf(values)))
    finite = values[np.isfinite(values)]
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
        return values.astype(np.float32)


def _is_date(text: str) -> bool:
    """Whether text is a date in ISO 8601, with or without a time of day."""
    import pandas as pd

    dated = re.match(r"\d{4}-?\d{2}", text) is not None
    return dated and bool(pd.notna(pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")))


def _way_with_date(name: str, time: str | None) -> str:
    """What to do with a column of dates that is no feature; a table has one column of times."""
    leave = f"leave it out by --ignore {quote(name)}"
    return f" ({leave})" if time else f" (name it by --time {quote(name)}, or {leave})"


def _classes(column: pd.Series, name: str, problems: Problems) -> tuple[Integers, tuple[str, ...]]:
    import pandas as pd

    missing = column.isna().to_numpy()
    if missing.any():
        problems.add(name, "missing label", np.flatnonzero(missing))
    if pd.api.types.is_float_dtype(column.dtype):
        fractional = (column % 1 != 0).to_numpy() & ~missing
        if fractional.any():
            problems.add(name, "a fraction where a class is expected", np.flatnonzero(fractional))
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


def _times(column: pd.Series, name: str, problems: Problems) -> Times:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        problems.add(name, "numbers where dates are expected; write them as ISO 8601, such as 1996-05-07T00:30:00")
        return np.zeros(len(column), "datetime64[s]")
    parsed = pd.to_datetime(column, errors="coerce", utc=True, format=None if column.dtype.kind == "M" else "ISO8601")
    unread = parsed.isna().to_numpy()
    if unread.any():
        problems.add(name, "not a date (ISO 8601)", np.flatnonzero(unread))
    times = np.asarray(parsed.dt.tz_localize(None).to_numpy("datetime64[ns]"))
    known = np.flatnonzero(~unread)
    back = known[1:][np.diff(times[known]) < np.timedelta64(0, "ns")]
    if len(back):
        problems.add(name, "earlier than the row before it; sort the file by time", back)
    return times
