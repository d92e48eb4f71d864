"""Everything that is wrong with one table, collected and reported together; and the words for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drift.data.schema import DATE_FORMATS, Column
from drift.errors import DataError
from drift.invocation import shell_words
from drift.system.streams import broken, one_line

ROWS_SHOWN = 5
NO_DATE = "expected a date, such as 2026-01-31 or 2026-01-31T12:00:00Z"

PERIODS = {  # what somebody may call one who takes --batch for it
    "minute": "1min", "hour": "1h", "hourly": "1h", "day": "1d", "daily": "1d", "week": "1w", "weekly": "1w",
    "month": "30d", "monthly": "30d",
}  # fmt: skip


@dataclass
class Problems:
    """Problems of one table.

    Attributes:
        source: the file, or what the table is called.
        lines: one for each problem.
    """

    source: Path | str
    lines: list[str] = field(default_factory=list)

    def add(
        self, column: str, what: str, rows: Sequence[int] | None = None, *, count: int | None = None, way: str = ""
    ) -> None:
        """Note what is wrong with a column.

        Args:
            column: its name.
            what: in words.
            rows: where, from 0; of a CSV file the line is shown too.
            count: of rows, if `rows` are only the first ones.
            way: what to do, after the rows.
        """
        where = ""
        if rows is not None and len(rows):
            csv = str(self.source).lower().endswith(".csv")
            shown = [f"{row} (line {row + 2})" if csv else str(row) for row in rows[:ROWS_SHOWN]]
            more = (len(rows) if count is None else count) - len(shown)
            where = f" in row {', '.join(shown)}" + (f" and {more} more" if more > 0 else "")
        self.lines.append(f"column {column!r}: {what}{where}{way}")

    def raise_if_any(self) -> None:
        """Raise a DataError with all of them."""
        if self.lines:
            count = f"{len(self.lines)} problem" + ("s" if len(self.lines) > 1 else "")
            raise DataError(f"{self.source} cannot be used, {count}:\n  " + "\n  ".join(self.lines))


def require_plain_names(names: Iterable[object], where: str) -> None:
    """Raise `DataError` where a name of a column would forge lines of a terminal.

    Args:
        names: of the columns.
        where: what they belong to, such as `table FILE`, for the message.
    """
    if wrong := broken(map(str, names)):
        raise DataError(
            f"expected names of columns without control characters and line breaks in the {where}, got '{wrong[0]}':"
            " rename it"
        )


def text_among_numbers(example: str, way: str = "") -> str:
    """The words for text in a column of numbers, such as `text where numbers are expected, such as 'n/k'`."""
    return f"text where numbers are expected, such as {example[:40]!r}{way}"


def ambiguous_date(example: str, name: str) -> str:
    """The words for dates that may be of day and month or of month and day, with what to type.

    Args:
        example: one of the dates.
        name: of the column.
    """
    return (
        f"day and month of {example!r} cannot be told apart: write the dates as ISO 8601, such as 2026-01-31, or say"
        f" which comes first by {' or '.join(shell_words('--time', f'{name}:{form}') for form in DATE_FORMATS)}"
    )


def refuse_mixed(columns: Iterable[Column], source: Path | str) -> None:
    """Refuse columns of numbers that have text among them: neither numbers nor categories would be right.

    Args:
        columns: that are to be used.
        source: the file, or what the table is called.

    Raises:
        DataError: with every such column and the first rows.
    """
    problems = Problems(source)
    for column in columns:
        if column.numeric and column.bad:
            way = "; leave cells without a value empty, or leave the column out with --ignore"
            what = text_among_numbers(column.example)
            problems.add(column.name, what, column.bad_rows, count=column.bad, way=way)
    problems.raise_if_any()


def require_columns(source: str, wanted: Sequence[str] | None, there: Sequence[str]) -> None:
    """Raise `DataError` where a column is wanted that is not there.

    Args:
        source: what the table is called.
        wanted: names of columns; None for all that there are.
        there: names of the table's columns.
    """
    absent = [name for name in wanted or () if name not in there]
    if absent:
        raise DataError(
            f"expected columns {', '.join(wanted or ())} in {source}; got none called {', '.join(absent)}."
            f" It has {', '.join(map(one_line, there))}{period_hint(absent)}"
        )


def period_hint(absent: Iterable[str]) -> str:
    """What to add to a message about columns that are not there, where one of them names a period.

    >>> period_hint(["week"])
    '; for a batch of every week: --every 1w'
    """
    for name in absent:
        period = PERIODS.get(name.lower(), name if re.fullmatch(r"\d+(min|h|d|w)", name) else "")
        if period:
            return f"; for a batch of every {name}: --every {period}"
    return ""
