"""Parquet files: their memory is bounded before they are read, and a named index of pandas is a column."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drift.data.frames import arrow_frame
from drift.data.problems import require_columns
from drift.data.readers.memory_limits import require_bounded

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIX = ".parquet"
INDEX = "__index_level_"  # begins the names that pandas gives to an index without one


def chunks(
    file: Path, *, wanted: list[str] | None, ignore: Sequence[str], texts: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    """Some rows at a time.

    Args:
        file: to be read.
        wanted: columns; all by default.
        ignore: columns that are not read.
        texts: has no effect, since a Parquet file has types.
        rows: at most, of a chunk.
    """
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        there, index = _names(opened.schema_arrow)
        require_columns(str(file), wanted, [*there, *index])
        read = [name for name in [*there, *index] if name not in ignore] if wanted is None else wanted
        require_bounded(file, read, rows=rows)
        first = 0
        for batch in opened.iter_batches(rows, columns=[name for name in read if name in there], use_threads=False):
            frame = arrow_frame(batch)
            for name in [name for name in read if name in index]:
                frame[name] = index[name].start + index[name].step * np.arange(first, first + len(frame))
            first += len(frame)
            yield frame


def whole(file: Path, *, wanted: Collection[str], ignore: Collection[str], texts: Collection[str]) -> pd.DataFrame:
    """All rows; columns that are ignored, or not wanted, are there and empty."""
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        there, index = _names(opened.schema_arrow)
        read = [name for name in there if name not in ignore and (not wanted or name in wanted)]
        require_bounded(file, read)
        frame = arrow_frame(opened.read(columns=read))
    for name, values in index.items():
        frame[name] = np.asarray(values, np.int64)
    return frame if len(read) == len(there) else frame.reindex(columns=[*there, *index])


def _names(schema: pa.Schema) -> tuple[list[str], dict[str, range]]:
    """Names of the columns, and a named index of pandas that is a range, which is written as three numbers."""
    names = [name for name in schema.names if not name.startswith(INDEX)]
    noted = (schema.pandas_metadata or {}).get("index_columns", [])
    ranges = [part for part in noted if isinstance(part, dict) and part.get("kind") == "range" and part.get("name")]
    return names, {str(part["name"]): range(part["start"], part["stop"], part["step"]) for part in ranges}
