"""Which columns of two tables can be compared, which cannot and why, and what the others are as numbers."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError
from drift.frames import pandas_frame, require_different_names

if TYPE_CHECKING:
    import pandas as pd

KEY_SHARE = 0.5  # text of which more than this share of rows is different in every row names rows, and tells nothing
LOOKED_AT = 100  # values of a column, to tell its kind
LARGEST = 1e100  # a number; the squares of larger ones may not be finite
MOST_INDICATORS = 20  # categories of one column that get a column of their own; the others share one


@dataclass(frozen=True)
class Usable:
    """The columns that both tables have and that can change."""

    reference: pd.DataFrame
    current: pd.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    left_out: dict[str, str]  # column: why

    @property
    def names(self) -> tuple[str, ...]:
        """All columns to compare, in the order of the reference."""
        return tuple(map(str, self.reference.columns))

    def matrices(self) -> Matrices:
        """Both tables as numbers.

        A missing number becomes the median of both tables and is marked in a feature of its own; so is each category.
        Medians and categories are those of both tables together, so tests that permute rows stay exact.
        """
        features, labels, columns = [], [], []
        rows = len(self.reference)
        for name in self.names:
            column = np.concatenate(
                [_plain(table[name], numeric=name in self.numeric) for table in (self.reference, self.current)]
            )
            for feature, label in _numbers(column, name) if name in self.numeric else _indicators(column, name):
                features.append(feature)
                labels.append(label)
                columns.append(name)
        whole = np.column_stack(features)
        return Matrices(whole[:rows], whole[rows:], tuple(labels), tuple(columns))

    def paired(self) -> Matrices:
        """The columns whose rank correlations can be told: numbers, and text or booleans of two values, as 0 and 1.

        A missing value becomes the median of both tables.
        """
        features, labels, columns = [], [], []
        rows = len(self.reference)
        for name in self.names:
            numeric = name in self.numeric
            column = np.concatenate([_plain(table[name], numeric=numeric) for table in (self.reference, self.current)])
            label = name
            if not numeric:
                found = sorted({str(value) for value in column if value is not None})
                if len(found) != 2:
                    continue
                label = f"{name} ({found[1]})"
                column = np.asarray([np.nan if value is None else float(str(value) == found[1]) for value in column])
            features.append(_numbers(column, name)[0][0])
            labels.append(label)
            columns.append(name)
        whole = np.column_stack(features) if features else np.empty((rows + len(self.current), 0))
        return Matrices(whole[:rows], whole[rows:], tuple(labels), tuple(columns))


@dataclass(frozen=True)
class Matrices:
    """Two tables as numbers."""

    reference: NDArray[np.float64]  # (n, d)
    current: NDArray[np.float64]  # (m, d)
    labels: tuple[str, ...]  # d, what each feature is
    columns: tuple[str, ...]  # d, of which column


def usable_columns(
    reference: pd.DataFrame, current: pd.DataFrame, *, columns: Sequence[str] = (), ignore: Sequence[str] = ()
) -> Usable:
    """Choose the columns to compare.

    Left out are dates, columns that are sorted in both tables (a time, a row number: they differ between any two
    stretches), text that is different in nearly every row, and columns that only one table has.

    Args:
        reference: a table.
        current: another.
        columns: compare these and no others, whatever they look like.
        ignore: leave these out.

    Raises:
        BlockError: columns that are not there, that hold numbers in one table and text in the other, or none left.
    """
    reference, current = _plain_table(reference, "reference"), _plain_table(current, "current table")
    for name in (*columns, *ignore):
        if name not in reference.columns and name not in current.columns:
            there = ", ".join(map(str, reference.columns))
            raise BlockError(f"expected columns of the tables, got {name!r}; the reference has {there}")
    left_out: dict[str, str] = {}
    numeric: list[str] = []
    categorical: list[str] = []
    for name in dict.fromkeys([*reference.columns, *current.columns]):
        why = "not asked for" if columns and name not in columns else "ignored" if name in ignore else None
        for table, which in ((reference, "reference"), (current, "current table")):
            if name not in table.columns:
                if name in columns:
                    raise BlockError(f"expected column {name!r} in both tables, the {which} has none")
                why = why or f"not in the {which}"
        if why is None:
            kind = _common_kind(name, reference[name], current[name])
            why = _reason(kind, reference[name], current[name], asked_for=name in columns)
            if why is None:
                (numeric if kind == "numbers" else categorical).append(str(name))
        if why is not None:
            left_out[str(name)] = why
    kept = [name for name in reference.columns if str(name) not in left_out]
    if not kept:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise BlockError(f"expected columns to compare, none is left ({reasons}): name some with --columns")
    before, after = _in_one_precision(reference[kept], current[kept])
    return Usable(before, after, tuple(numeric), tuple(categorical), left_out)


def _plain_table(table: pd.DataFrame, which: str) -> pd.DataFrame:
    """A table whose columns have different texts for names, and whose numbers are floats that NumPy computes with."""
    from decimal import Decimal

    table = pandas_frame(table, which)
    table = table.set_axis(list(require_different_names(table.columns, which)), axis=1)
    types = {}
    for name, column in table.items():
        if str(column.dtype) == "float16":
            types[name] = "float32"
        elif column.dtype == object and set(map(type, column.dropna().head(LOOKED_AT))) == {Decimal}:
            types[name] = "float64"
    return table.astype(types)


def _in_one_precision(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with floats of the lower precision: 0.1 in a CSV file is not the 0.1 of a float32 column."""
    single = {
        name: "float32"
        for name in reference.columns
        if {str(table[name].dtype) for table in (reference, current)} == {"float32", "float64"}
    }
    return reference.astype(single), current.astype(single)


def _common_kind(name: str, reference: pd.Series, current: pd.Series) -> str:
    kinds = {"the reference": _kind(reference), "the current table": _kind(current)}
    found = set(kinds.values()) - {"empty"}
    if len(found) > 1:
        told = " and ".join(f"{kind} in {which}" for which, kind in kinds.items())
        raise BlockError(
            f"expected column {name!r} to be of one kind, got {told}: mend it or leave it out with --ignore"
        )
    if found == {"numbers"}:
        for which, column in zip(kinds, (reference, current), strict=True):
            values = column.to_numpy(np.float64, na_value=np.nan)
            largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
            if largest > LARGEST:
                raise BlockError(
                    f"expected values up to {LARGEST:g} in column {name!r}, got {largest:g} in {which}: scale it"
                )
    return found.pop() if found else "empty"


def _kind(column: pd.Series) -> str:
    """Numbers, text, booleans, dates, other objects, or empty."""
    import pandas as pd
    from pandas.api import types

    present = column.dropna()
    looked_at = list(present.head(LOOKED_AT))
    if not looked_at:
        kind = "empty"
    elif (
        types.is_datetime64_any_dtype(column.dtype)
        or types.is_timedelta64_dtype(column.dtype)
        or all(isinstance(value, (date, time, pd.Period)) for value in looked_at)
    ):
        kind = "dates"
    elif types.is_bool_dtype(column.dtype) or set(map(type, looked_at)) == {bool}:
        kind = "booleans"
    elif types.is_numeric_dtype(column.dtype):
        kind = "numbers"
    elif not all(isinstance(value, Hashable) for value in looked_at):
        kind = "other objects"
    else:
        kind = "dates" if _are_dates([str(value) for value in looked_at]) else "text"
    return kind


def _are_dates(texts: Sequence[str]) -> bool:
    """Whether text is dates in ISO 8601, as a CSV file has them."""
    import pandas as pd

    return all(re.match(r"\d{4}-\d{2}-\d{2}", text) for text in texts) and bool(
        pd.to_datetime(list(texts), errors="coerce", format="ISO8601", utc=True).notna().all()
    )


def _reason(kind: str, reference: pd.Series, current: pd.Series, *, asked_for: bool) -> str | None:
    """Why a column is left out, if it is."""
    if kind == "text" and not reference.notna().any():
        return "has no values in the reference"
    if kind in ("empty", "dates", "other objects"):
        return {"empty": "has no values", "dates": "holds dates"}.get(kind, "holds neither numbers nor text")
    if asked_for:
        return None
    if kind == "numbers" and all(_is_sorted(column) for column in (reference, current)):
        return "sorted in both tables, like a time or a row number"
    if kind == "text" and all(column.nunique() > KEY_SHARE * max(len(column), 40) for column in (reference, current)):
        return "different in nearly every row, like a name"
    return None


def _is_sorted(column: pd.Series) -> bool:
    values = column.dropna()
    ordered = bool(values.is_monotonic_increasing or values.is_monotonic_decreasing)
    return len(values) > 2 and values.iloc[0] != values.iloc[-1] and ordered


def _plain(column: pd.Series, *, numeric: bool) -> NDArray[Any]:
    if numeric:
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    return np.asarray(column.astype(object).where(column.notna(), None), dtype=object)


def _numbers(values: NDArray[Any], name: str) -> list[tuple[NDArray[np.float64], str]]:
    numbers = values.astype(np.float64)
    missing = ~np.isfinite(numbers)
    filled = np.where(missing, np.median(numbers[~missing]), numbers)
    marked = [(missing.astype(np.float64), f"{name} missing")] if missing.any() else []
    return [(filled, name), *marked]


def _indicators(values: NDArray[Any], name: str) -> list[tuple[NDArray[np.float64], str]]:
    import pandas as pd

    codes, found = pd.factorize(np.asarray(["(missing)" if value is None else str(value) for value in values], object))
    frequent = np.argsort(-np.bincount(codes), kind="stable")[:MOST_INDICATORS]
    if len(found) == 2:
        frequent = frequent[:1]  # the second one mirrors the first
    parts = [((codes == code).astype(np.float64), f"{name} = {found[code]}") for code in frequent]
    if len(found) > MOST_INDICATORS:
        parts.append(((~np.isin(codes, frequent)).astype(np.float64), f"{name} = any other"))
    return parts
