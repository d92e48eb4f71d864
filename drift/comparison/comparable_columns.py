"""Which columns of two tables can be compared, which cannot and why, and what the others are as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.data.frames import pandas_frame, require_different_names
from drift.data.inference import ARRAYS, EMPTY, schema_of, typed_frame
from drift.data.problems import refuse_mixed
from drift.data.schema import Column
from drift.data.values import as_numbers, as_texts, beyond_float, widened
from drift.errors import BlockError

if TYPE_CHECKING:
    import pandas as pd

    _Feature: TypeAlias = tuple[str, str, NDArray[np.float64]]  # its column, what it is, and its values in both tables

KEY_SHARE = 0.5  # text of which more than this share of rows is different in every row names rows, and tells nothing
LARGEST = 1e100  # a number; the squares of larger ones may not be finite
MOST_CATEGORIES = 10_000  # of a column, that the tests can count
POOLED_BEYOND = 200  # categories that stay apart where there are more
POOLED = "(any other)"
MOST_INDICATORS = 20  # categories of one column that get a column of their own; the others share one


@dataclass(frozen=True)
class ComparableColumns:
    """The columns that both tables have and that can change.

    Attributes:
        reference: its columns that can be compared: numbers as float64, all else as texts, None where missing.
        current: the same of the other table.
        numeric: names of the columns of numbers.
        categorical: names of all others.
        left_out: why, by column.
    """

    reference: pd.DataFrame
    current: pd.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    left_out: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """All columns to compare, in the order of the reference."""
        return tuple(map(str, self.reference.columns))

    def matrices(self) -> Matrices:
        """Both tables as numbers.

        A missing number becomes the median of both tables and is marked in a feature of its own; so is each category.
        Medians and categories are those of both tables together, so tests that permute rows stay exact.
        """
        features: list[_Feature] = []
        for name in self.names:
            values = self._together(name)
            parts = _numbers(values, name) if name in self.numeric else _indicators(values, name)
            features += [(name, label, feature) for feature, label in parts]
        return self._matrices(features)

    def paired(self) -> Matrices:
        """The columns with rank correlations: numbers, and text or booleans of two values, as 0 and 1.

        A missing value becomes the median of both tables.
        """
        features: list[_Feature] = []
        for name in self.names:
            values, label = self._together(name), name
            if name not in self.numeric:
                distinct = sorted({str(value) for value in values if value is not None})
                if len(distinct) != 2:
                    continue
                label = f"{name} ({distinct[1]})"
                values = np.asarray([np.nan if value is None else float(str(value) == distinct[1]) for value in values])
            features.append((name, label, _numbers(values, name)[0][0]))
        return self._matrices(features)

    def _together(self, name: str) -> NDArray[Any]:
        """A column of both tables, the reference's rows first."""
        return np.concatenate([table[name].to_numpy() for table in (self.reference, self.current)])

    def _matrices(self, features: Sequence[_Feature]) -> Matrices:
        rows = len(self.reference)
        whole = np.empty((rows + len(self.current), len(features)))
        for at, (_, _, feature) in enumerate(features):
            whole[:, at] = feature
        labels = tuple(label for _, label, _ in features)
        return Matrices(whole[:rows], whole[rows:], labels, tuple(name for name, _, _ in features))


@dataclass(frozen=True)
class Matrices:
    """Two tables as numbers.

    Attributes:
        reference: (n, d).
        current: (m, d).
        labels: d, what each feature is.
        columns: d, of which column.
    """

    reference: NDArray[np.float64]
    current: NDArray[np.float64]
    labels: tuple[str, ...]
    columns: tuple[str, ...]


def choose_columns(
    reference: pd.DataFrame, current: pd.DataFrame, *, columns: Sequence[str] = (), ignore: Sequence[str] = ()
) -> ComparableColumns:
    """Choose the columns to compare.

    Left out are dates, columns that are sorted in both tables (a time, a row number: they differ between any two
    stretches), text that is different in nearly every row, integers that no float64 holds, and columns that only one
    table has.

    Args:
        reference: a table.
        current: another.
        columns: compare these and no others, whatever they look like.
        ignore: leave these out.

    Raises:
        BlockError: columns that are not there, that hold numbers in one table and text in the other, or none left.
    """
    import pandas as pd

    (reference, before), (current, after) = _typed(reference, "reference"), _typed(current, "current table")
    for name in (*columns, *ignore):
        if name not in before and name not in after:
            raise BlockError(f"expected columns of the tables, got {name!r}; the reference has {', '.join(before)}")
    tables = ((reference, before), (current, after))
    left_out: dict[str, str] = {}
    kept: list[tuple[str, bool, pd.Series, pd.Series]] = []
    for name in dict.fromkeys([*before, *after]):
        why = "not asked for" if columns and name not in columns else "ignored" if name in ignore else None
        for there, which in ((before, "reference"), (after, "current table")):
            if name not in there:
                if name in columns:
                    raise BlockError(f"expected column {name!r} in both tables, the {which} has none")
                why = why or f"not in the {which}"
        if why is None:
            for table, there in tables:
                refuse_mixed([there[name]], table.attrs["source"])
            kind = _common_kind(name, before[name], after[name])
            why = _reason(kind, (reference, current), (before[name], after[name]), asked_for=name in columns)
            if why is None:
                numeric = kind == "numbers"
                pair = [_values(table, there[name], numeric=numeric) for table, there in tables]
                kept.append((name, numeric, *(pair if numeric else _pooled(*pair))))
        if why is not None:
            left_out[name] = why
    if not kept:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise BlockError(f"expected columns to compare, none is left ({reasons}): name some with --columns")
    return ComparableColumns(
        pd.DataFrame({name: values for name, _, values, _ in kept}),
        pd.DataFrame({name: values for name, _, _, values in kept}),
        tuple(name for name, numeric, _, _ in kept if numeric),
        tuple(name for name, numeric, _, _ in kept if not numeric),
        left_out,
    )


def _typed(table: pd.DataFrame, which: str) -> tuple[pd.DataFrame, dict[str, Column]]:
    """A table whose columns have different texts for names and values of their kinds; and the columns."""
    table = pandas_frame(table, which)
    table = table.set_axis(list(require_different_names(table.columns, which)), axis=1)
    table = typed_frame(table)
    table.attrs.setdefault("source", f"the {which}")
    return table, {column.name: column for column in schema_of(table).columns}


def _values(table: pd.DataFrame, column: Column, *, numeric: bool) -> pd.Series:
    """Numbers as float64, all else as texts, None where missing."""
    import pandas as pd

    values = table[column.name]
    if not numeric:
        return pd.Series(as_texts(values), index=values.index, name=column.name, dtype=object)
    numbers = widened(as_numbers(values)[0])
    largest = np.abs(numbers[np.isfinite(numbers)]).max(initial=0.0)
    if largest > LARGEST:
        where = table.attrs["source"]
        raise BlockError(
            f"expected values up to {LARGEST:g} in column {column.name!r}, got {largest:g} in {where}: scale it"
        )
    return pd.Series(numbers, index=values.index, name=column.name)


def _common_kind(name: str, reference: Column, current: Column) -> str:
    kinds = {"the reference": _kind(reference), "the current table": _kind(current)}
    there = set(kinds.values()) - {"empty"}
    if len(there) > 1:
        words = " and ".join(f"{kind} in {which}" for which, kind in kinds.items())
        raise BlockError(
            f"expected column {name!r} to be of one kind, got {words}: convert it or leave it out with --ignore"
        )
    return there.pop() if there else "empty"


def _kind(column: Column) -> str:
    """The kind of a column in words; integers and numbers are one."""
    if column.kind is None:
        return "empty" if column.note == EMPTY else "other objects"
    return {"category": "text", "boolean": "booleans", "timestamp": "dates"}.get(column.kind, "numbers")


def _reason(kind: str, tables: Sequence[pd.DataFrame], columns: Sequence[Column], *, asked_for: bool) -> str | None:
    """Why a column is left out, if it is."""
    values = [table[column.name] for table, column in zip(tables, columns, strict=True)]
    if kind in ("empty", "other objects", "dates"):
        return _why_never(kind, columns)
    if kind == "numbers" and any(map(beyond_float, values)):
        return "holds integers beyond 2^53, like an identifier, which are not exact as numbers"
    if kind == "numbers" and not any(np.isfinite(as_numbers(part)[0]).any() for part in values):
        return "has no finite number"
    if kind == "numbers" and not asked_for and all(map(_is_sorted, values)):
        return "sorted in both tables, like a time or a row number"
    many = kind == "text" and all(column.nunique() > KEY_SHARE * max(len(column), 40) for column in values)
    return "different in nearly every row, like a name" if many and not asked_for else None


def _why_never(kind: str, columns: Sequence[Column]) -> str:
    """Why a column is left out, whatever its values are."""
    if kind == "dates":
        bad = [column for column in columns if column.bad]
        return "holds dates" + (f" ({bad[0].bad} values are none, such as {bad[0].example[:40]!r})" if bad else "")
    note = next((column.note for column in columns if column.note not in ("", EMPTY)), EMPTY)
    return "holds neither numbers nor text" if note == ARRAYS else note


def _pooled(reference: pd.Series, current: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Categories of both tables, of which the rarest are one if there are very many.

    Which are the rarest is decided by both tables together, so that tests that permute rows stay exact.
    """
    import pandas as pd

    counts = pd.concat([reference, current]).value_counts()
    if len(counts) <= MOST_CATEGORIES:
        return reference, current
    frequent = set(counts.index[:POOLED_BEYOND])
    before, after = (column.where(column.isna() | column.isin(frequent), POOLED) for column in (reference, current))
    return before, after


def _is_sorted(column: pd.Series) -> bool:
    values = column.dropna()
    ordered = bool(values.is_monotonic_increasing or values.is_monotonic_decreasing)
    return len(values) > 2 and values.iloc[0] != values.iloc[-1] and ordered


def _numbers(values: NDArray[Any], name: str) -> list[tuple[NDArray[np.float64], str]]:
    numbers = values.astype(np.float64)
    missing = ~np.isfinite(numbers)
    filled = np.where(missing, np.median(numbers[~missing]), numbers)
    marked = [(missing.astype(np.float64), f"{name} missing")] if missing.any() else []
    return [(filled, name), *marked]


def _indicators(values: NDArray[Any], name: str) -> list[tuple[NDArray[np.float64], str]]:
    import pandas as pd

    codes, distinct = pd.factorize(
        np.asarray(["(missing)" if value is None else str(value) for value in values], object)
    )
    frequent = np.argsort(-np.bincount(codes), kind="stable")[:MOST_INDICATORS]
    if len(distinct) == 2:
        frequent = frequent[:1]  # the second one mirrors the first
    parts = [((codes == code).astype(np.float64), f"{name} = {distinct[code]}") for code in frequent]
    if len(distinct) > MOST_INDICATORS:
        parts.append(((~np.isin(codes, frequent)).astype(np.float64), f"{name} = any other"))
    return parts
