"""Profiles of tables on a reference's bins: made chunk by chunk, merged in any order, small enough to store.

`profile` and `merge` are pure; what is decided from profiles is in `compare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

from drift.detect.profiles.binning import Binning, QuantileBins
from drift.detect.profiles.column_reader import read_table
from drift.detect.profiles.counts import CellCounts, NamedCounts
from drift.errors import BlockError

if TYPE_CHECKING:
    from drift.detect.profiles.column_reader import Table

Counts: TypeAlias = CellCounts | NamedCounts
ROWS_AT_ONCE = 65_536  # a column of them fits a core's cache


@dataclass(frozen=True)
class Profile:
    """What is kept of a table: counts in the cells of every column, and moments of numbers.

    Attributes:
        binning: that the rows were counted by.
        rows: number of rows.
        columns: by name, as in the binning.
    """

    binning: Binning
    rows: int
    columns: Mapping[str, Counts]

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the binning."""
        return {"rows": self.rows, "columns": {name: counts.to_json() for name, counts in self.columns.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, binning: Binning) -> Profile:
        """What `to_json` gave, of a profile with this binning.

        Raises:
            BlockError: other columns than the binning's.
        """
        if set(data["columns"]) != set(binning.columns):
            raise BlockError(
                f"expected a profile of columns {', '.join(binning.columns)}; got {', '.join(data['columns'])}"
            )
        kinds = {
            name: CellCounts if isinstance(bins, QuantileBins) else NamedCounts
            for name, bins in binning.columns.items()
        }
        return cls(binning, data["rows"], {name: kind.from_json(data["columns"][name]) for name, kind in kinds.items()})


def profile(binning: Binning, table: Table) -> Profile:
    """Count the rows of a table in the bins of a reference, in memory that does not grow with the rows.

    Columns that the binning does not know are left out. A table without rows gives the profile that changes nothing
    when merged.

    Args:
        binning: of the reference.
        table: as for `learn_binning`; the columns of an array are in the binning's order.

    Raises:
        BlockError: columns that are missing, or text where the reference has numbers, or the other way round.
    """
    if not isinstance(binning, Binning):
        raise BlockError(
            f"expected a Binning first, got {type(binning).__name__}: profile(learn_binning(reference), table)"
        )
    columns = read_table(table, tuple(binning.columns))
    rows = len(columns[0]) if columns else 0
    merged: dict[str, Counts] = {}
    for start in range(0, max(rows, 1), ROWS_AT_ONCE):
        for column, bins in zip(columns, binning.columns.values(), strict=True):
            counts = bins.count(column.rows(start, start + ROWS_AT_ONCE))
            merged[column.name] = _merged(merged[column.name], counts) if start else counts
    return Profile(binning, rows, merged)


def merge(first: Profile, *others: Profile) -> Profile:
    """The profile of all rows together: associative, commutative, counts exact and moments up to rounding.

    Raises:
        BlockError: profiles on different bins.
    """
    kinds = [type(part).__name__ for part in (first, *others) if not isinstance(part, Profile)]
    if kinds:
        raise BlockError(f"expected profiles one by one, got {', '.join(kinds)}: merge(*profiles)")
    return reduce(_merge_two, others, first)


def _merge_two(first: Profile, other: Profile) -> Profile:
    same_binning(first, other)
    columns = {name: _merged(counts, other.columns[name]) for name, counts in first.columns.items()}
    return Profile(first.binning, first.rows + other.rows, columns)


def same_binning(first: Profile, other: Profile) -> None:
    """Refuse profiles whose cells are not the same.

    Raises:
        BlockError: naming the columns that differ.
    """
    if first.binning is other.binning or first.binning == other.binning:
        return
    ours, theirs = first.binning.columns, other.binning.columns
    different = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    raise BlockError(
        f"expected profiles on the same bins, got different ones in {', '.join(different)}:"
        " profile both tables with one binning"
    )


def _merged(first: Counts, other: Counts) -> Counts:
    if isinstance(first, CellCounts) and isinstance(other, CellCounts):
        return first.merge(other)
    if isinstance(first, NamedCounts) and isinstance(other, NamedCounts):
        return first.merge(other)
    raise BlockError(f"expected counts of one kind, got {type(first).__name__} and {type(other).__name__}")
