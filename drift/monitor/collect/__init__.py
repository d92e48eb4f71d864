"""Where rows come from: chunks of a database's query, of CSV and Parquet files, or of the loop's scoring log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from drift.errors import UsageError
from drift.monitor.urls import masked

if TYPE_CHECKING:
    import pandas as pd

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
        ignore: columns that are not read of files, where all others are.
        chunk_rows: at most.

    Raises:
        UsageError: a query without a database, or the other way round.
    """
    if "://" in text:
        from drift.monitor.collect.database import DatabaseRows

        if not query:
            raise UsageError("expected --query with a database: a SELECT, or the name of a table")
        return DatabaseRows(text, query, columns=columns, order=order, chunk_rows=chunk_rows)
    if query:
        raise UsageError(f"expected --query with a database's URL only, got the file {masked(text)}")
    from drift.monitor.collect.files import FileRows

    return FileRows(Path(text), columns=columns, texts=texts, ignore=ignore, chunk_rows=chunk_rows)
