"""Which batch a row belongs to: by a column, by period, by number of rows, or by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.errors import DataError, UsageError
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import Texts
from drift.monitor.sources.values import cut_short
from drift.system.streams import one_line

if TYPE_CHECKING:
    import pandas as pd

LONGEST_PERIOD = 3_653 * 86_400_000  # milliseconds
A_DAY = np.timedelta64(86_400_000, "ms")
FIRST_MONDAY = np.datetime64("1970-01-05", "ms")  # from which periods are counted: weeks begin on Mondays


@dataclass(frozen=True)
class Batching:
    """How a source is cut; exactly one of the three, or else every file is a batch.

    Attributes:
        column: that holds the name of a row's batch.
        every: a period of the time column: `30min`, `6h`, `1d`, `1w`.
        size: rows of a batch.
    """

    column: str = ""
    every: str = ""
    size: int = 0

    def __post_init__(self) -> None:
        if sum(map(bool, (self.column, self.every, self.size))) > 1:
            raise UsageError("expected one of --batch COLUMN, --every PERIOD and --batch_size ROWS, got several")
        if self.every:
            period_of(self.every)

    def may_grow(self, label: str, now: np.datetime64) -> bool:
        """Whether a batch's period is not over, by this machine's clock and any zone's."""
        return bool(self.every) and label >= self._period(now - A_DAY)

    def unfinished(self, labels: Iterable[str], now: np.datetime64) -> str:
        """For which of some batches, in their order, more rows may come: the last, if its clock is right."""
        names = list(labels)
        if not self.every:
            return names[-1]
        latest = self._period(now + A_DAY)
        return max((label for label in names if label <= latest), default=max(names))

    def _period(self, time: np.datetime64) -> str:
        unit = period_of(self.every)
        return _moment(FIRST_MONDAY + (time - FIRST_MONDAY) // unit * unit)

    def order(self, columns: Columns) -> tuple[str, ...]:
        """Columns that a database sorts by, so that the rows of a batch come together."""
        order = (self.column, columns.time, columns.key) if self.column else (columns.time, columns.key)
        return tuple(dict.fromkeys(name for name in order if name))

    def labels(self, frame: pd.DataFrame, times: NDArray[np.datetime64] | None, *, first: int, file: str) -> Texts:
        """The batch of each row, (n,).

        Args:
            frame: rows of the source.
            times: of each row.
            first: the number of the first row in the source.
            file: that they come from; empty for a database.

        Raises:
            DataError: rows without a batch.
        """
        if self.column:
            return _named(frame[self.column], self.column)
        if self.size:
            starts = (first + np.arange(len(frame))) // self.size * self.size
            return _texts(starts, lambda start: f"rows {start}–{start + self.size - 1}")
        if self.every:
            if times is None:
                raise UsageError("expected --time COLUMN with --every PERIOD: which column holds each row's time?")
            unit = period_of(self.every)
            numbers = (times - FIRST_MONDAY) // unit
            return _texts(numbers.astype(np.int64), lambda number: _moment(FIRST_MONDAY + number * unit))
        if not file:
            raise UsageError("expected --batch COLUMN, --every PERIOD or --batch_size ROWS: what is a batch?")
        return np.full(len(frame), one_line(file), object)


def period_of(text: str) -> np.timedelta64:
    """A period such as 30min, 6h, 1d or 1w.

    Raises:
        UsageError: anything else.
    """
    import re

    units = {"min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
    match = re.fullmatch(r"(\d+)(min|h|d|w)", text.strip())
    if match is None or not 1 <= int(match[1]) * units[match[2]] <= LONGEST_PERIOD:
        raise UsageError(f"expected a period such as 30min, 6h, 1d or 1w, at most ten years, got {text!r}")
    return np.timedelta64(int(match[1]) * units[match[2]], "ms")


def _moment(time: np.datetime64) -> str:
    text = str(time.astype("datetime64[m]"))
    return text.removesuffix("T00:00").replace("T", " ")


def _texts(starts: NDArray[np.int64], named: Callable[[int], str]) -> Texts:
    values, places = np.unique(starts, return_inverse=True)
    return np.asarray([named(int(value)) for value in values], object)[places]


def _named(column: pd.Series, name: str) -> Texts:
    import pandas as pd
    from pandas.api import types

    if types.is_float_dtype(column.dtype) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    codes, values = pd.factorize(column, use_na_sentinel=True)
    if (codes < 0).any():
        raise DataError(f"expected a batch in every row, got none in column {name!r} ({int((codes < 0).sum())} rows)")
    return np.asarray([_name_of(value) for value in values], object)[codes]


def _name_of(value: object) -> str:
    """What a batch is called; times alike whatever others there are beside them, in UTC if they tell their zone."""
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).removesuffix(" 00:00:00")
    return cut_short(one_line(str(value)))
