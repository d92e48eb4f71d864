"""CSV and Parquet files, read whole; and everything that is wrong with one, told together."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.bounded import require_bounded, require_few_columns
from drift.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 5


@dataclass
class Problems:
    """Everything wrong with one file, collected before anything is raised."""

    path: Path
    lines: list[str] = field(default_factory=list)

    def add(self, column: str, what: str, rows: NDArray[np.intp] | None = None) -> None:
        """Note what is wrong with a column, and in which rows."""
        where = ""
        if rows is not None:
            offset = 2 if self.path.suffix.lower() == ".csv" else None
            shown = [f"{row} (line {row + offset})" if offset else str(row) for row in rows[:ROWS_SHOWN]]
            more = f" and {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else ""
            where = f" in row {', '.join(shown)}{more}"
        self.lines.append(f"column {column!r}: {what}{where}")

    def raise_if_any(self) -> None:
        """Raise a DataError with all of them."""
        if self.lines:
            count = f"{len(self.lines)} problem" + ("s" if len(self.lines) > 1 else "")
            raise DataError(f"{self.path} cannot be used, {count}:\n  " + "\n  ".join(self.lines))


def read_frame(
    path: Path, *, label: str | None = None, ignore: Collection[str] = (), wanted: Collection[str] = ()
) -> pd.DataFrame:
    """Read a file.

    Args:
        path: a .csv or .parquet file.
        label: a column of classes, of which "NA" and "None" may be one.
        ignore: columns of a Parquet file whose values are not read: they are there, and empty.
        wanted: all columns but these are such; none by default.

    Raises:
        DataError: no such file, not one of the two, not well formed, or one that would take too much memory.
    """
    import pandas as pd

    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise DataError(f"expected a .csv or .parquet file, got {path}")
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        if suffix == ".csv":
            _check_shape(path)
            frame = pd.read_csv(path, index_col=False, skip_blank_lines=False)
            if label is not None and label in frame:  # "NA" and "None" are missing numbers, but good names of a class
                frame[label] = pd.read_csv(
                    path, usecols=[label], keep_default_na=False, na_values=[""], skip_blank_lines=False
                )[label]
        else:
            frame = _read_parquet(path, ignore, wanted)
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty: expected a header line and at least two rows") from error
    except (
        ValueError,
        OSError,
        csv.Error,
    ) as error:  # ParserError, ArrowInvalid and UnicodeDecodeError are ValueErrors
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as {suffix[1:]}: {reason}") from error
    if len(frame) == 0:
        raise DataError(f"{path} has a header but no rows")
    return frame


def _read_parquet(path: Path, ignore: Collection[str], wanted: Collection[str]) -> pd.DataFrame:
    import pandas as pd
    from pyarrow import parquet

    schema = parquet.read_schema(path)
    there = schema.names
    index = (schema.pandas_metadata or {}).get("index_columns", [])  # pandas reads them in any case
    read = [name for name in there if name in index or (name not in ignore and (not wanted or name in wanted))]
    require_bounded(path, read)
    if len(read) == len(there):
        return pd.read_parquet(path)
    frame = pd.read_parquet(path, columns=read)
    return frame.reindex(columns=[name for name in there if name in frame.columns or name not in read])


def _check_shape(path: Path) -> None:
    """As many fields in every line as in the header, no name twice: pandas would shift or rename in silence."""
    problems = Problems(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        require_few_columns(path, len(header))
        for name, times in sorted(Counter(header).items()):
            if times > 1:
                problems.add(name, f"stands {times} times in the header; a column's name must be its own")
        wrong = [(reader.line_num, len(fields)) for fields in reader if fields and len(fields) != len(header)]
    if wrong:
        shown = ", ".join(f"{count} in line {line}" for line, count in wrong[:ROWS_SHOWN])
        more = f" and {len(wrong) - ROWS_SHOWN} more lines" if len(wrong) > ROWS_SHOWN else ""
        problems.lines.append(f"expected {len(header)} fields in every line, as in the header; got {shown}{more}")
    problems.raise_if_any()
