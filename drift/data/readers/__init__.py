"""Readers: a file whole, or any source chunk by chunk: CSV and Parquet files, folders of them, databases by URL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from drift.data.frames import require_different_names
from drift.data.urls import masked
from drift.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from drift.data.schema import Schema

CHUNK_ROWS = 50_000


class Chunks(Protocol):
    """A source of rows, that can be read again."""

    @property
    def name(self) -> str:
        """What is shown and stored: a file, or a URL without its password."""
        ...

    @property
    def files(self) -> bool:
        """Whether chunks know the file that they come from (`chunk.attrs["file"]`)."""
        ...

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Chunks in the source's order, their types the same from first to last."""
        ...


def open_source(
    text: str,
    *,
    query: str = "",
    columns: Sequence[str] | None = None,
    texts: Sequence[str] = (),
    order: Sequence[str] = (),
    ignore: Sequence[str] = (),
    chunk_rows: int = CHUNK_ROWS,
) -> Chunks:
    """A source by its address; nothing is read yet.

    Args:
        text: an SQLAlchemy URL, a .csv or .parquet file, or a folder of them.
        query: of a database: a SELECT, or the name of a table.
        columns: that are wanted; all by default.
        texts: columns of CSV files that are read as they are written, such as keys.
        order: columns that a database sorts by.
        ignore: columns that are not read, where all others are.
        chunk_rows: at most.

    Raises:
        UsageError: a query without a database, or the other way round.
    """
    if "://" in text:
        from drift.data.readers.sql import DatabaseRows

        if not query:
            raise UsageError("expected --query with a database: a SELECT, or the name of a table")
        return DatabaseRows(text, query, columns=columns, order=order, ignore=ignore, chunk_rows=chunk_rows)
    if query:
        raise UsageError(f"expected --query with a database's URL only, got the file {masked(text)}")
    from drift.data.readers.files import FileRows

    return FileRows(Path(text), columns=columns, texts=texts, ignore=ignore, chunk_rows=chunk_rows)


def read_frame(
    path: Path,
    *,
    schema: Schema | None = None,
    texts: Collection[str] = (),
    ignore: Collection[str] = (),
    wanted: Collection[str] = (),
) -> pd.DataFrame:
    """Read a file whole; `attrs` of the data frame has the `schema`, the `source`, and whether it is of `text`.

    Args:
        path: a .csv or .parquet file, or a folder of them.
        schema: of the columns that are wanted; by default it is inferred.
        texts: columns whose texts are categories whatever they look like, such as labels and keys.
        ignore: columns whose values are not read: they are there, and empty.
        wanted: all columns but these are such; none by default.

    Raises:
        DataError: no such file, not one of the two, not well formed, values that are not of the schema's kinds, or a
            file that would take too much memory.
    """
    import pandas as pd

    from drift.data.inference import typed_frame
    from drift.data.readers.files import files_of, read_whole

    if schema is not None:
        wanted = wanted or schema.names
        texts = {*texts, *(column.name for column in schema.columns if column.kind in ("category", "timestamp"))}
    files = files_of(path)
    parts = [read_whole(file, texts=texts, ignore=ignore, wanted=wanted) for file in files]
    frame = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    if len(frame) == 0:
        raise DataError(f"{path} has a header but no rows")
    require_different_names(frame.columns, f"table {path}")
    frame.attrs |= {"source": str(path), "text": any(file.suffix.lower() == ".csv" for file in files)}
    if schema is not None:
        absent = [name for name in schema.names if name not in frame.columns]
        if absent:
            raise DataError(
                f"expected columns {', '.join(schema.names)} in {path}; got none called {', '.join(absent)}"
            )
        frame = frame[list(schema.names)]
    return typed_frame(frame, schema=schema, texts=texts, source=path)
