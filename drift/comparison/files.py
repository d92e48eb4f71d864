"""Tables that are compared, read from files: whole, or some rows of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from drift.data.problems import require_plain_names
from drift.data.readers import read_frame
from drift.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def read_rows(
    path: Path, rows: str | None = None, *, columns: Collection[str] = (), ignore: Collection[str] = ()
) -> pd.DataFrame:
    """Some rows of a file, with the numbers that they have in it.

    Args:
        path: of a CSV or Parquet file.
        rows: `START:STOP`, counted from 0; None for all.
        columns: that are wanted; empty for all.
        ignore: columns that are left out.

    Raises:
        UsageError: there are no such rows.
        DataError: the file cannot be used.
    """
    frame = read_frame(path, ignore=ignore, wanted=columns)
    require_plain_names(frame.columns, f"table {path}")
    if rows is None:
        return frame
    match = re.fullmatch(r"(\d*):(\d*)", rows.strip())
    if match is None:
        raise UsageError(f"expected rows as START:STOP, such as 0:1440, got {rows!r}")
    start, stop = (int(text) if text else None for text in match.groups())
    part = frame.iloc[start:stop]
    if len(part) == 0:
        raise UsageError(f"expected some rows, got none from {rows} of {path}, which has {len(frame):,}")
    return part
