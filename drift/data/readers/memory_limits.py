"""Memory that a Parquet file would take, computed before its values are read: a file may come from anybody.

One text of a megabyte that every row repeats is a file of some hundred bytes, and so is a number that a billion rows
repeat. Lengths of texts are therefore summed first, a few rows at a time, or as dictionaries, in which a repeated text
is held once; numbers are counted by the file's metadata, which has to agree with the headers of its pages. CSV files
need none of this: they are as large as what they hold.
"""

from __future__ import annotations

from collections.abc import Collection
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift.data.readers.parquet_pages import ColumnSize, PageSizes
from drift.errors import DataError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

LONG = 8_192  # bytes of one column in a row, in the mean: what has less is bounded by memory alone
MOST_LONG = 256_000_000  # bytes of a column of such rows, of all that are read at once
MOST_ROWS = 250_000_000  # of a file that is read piece by piece
NUMBER = 8  # bytes
HELD_NUMBER = 40  # bytes, as measured: as it was read, as a frame has it, and what is computed from it
MOST_COLUMNS = 20_000  # of a table: some work grows faster than their number
SQUEEZED = 1_000  # times smaller than what it holds: a column of more than `MOST_SQUEEZED` bytes is not unpacked
MOST_SQUEEZED = 256_000_000
COPIES = 2  # of a text, as measured: one as it was read, and one in what is computed from it
MOST_AT_ONCE = 1_000  # rows whose texts are looked at together, fewer where texts may be long
MOST_UNPACKED = 2_000_000  # bytes of a column in a group of rows: more are looked at as a dictionary
ROWS_OF_DICTIONARY = 20_000  # that are looked at together then


class Stored(BytesIO):
    """A Parquet file that lies in a store, with a name for messages.

    Args:
        body: of the file.
        name: of it.
    """

    def __init__(self, body: bytes, name: str) -> None:
        super().__init__(body)
        self._name = name

    def __str__(self) -> str:
        return self._name


def require_bounded(file: Path | Stored, wanted: Collection[str] | None = None, *, rows: int | None = None) -> None:
    """Refuse a Parquet file that would take too much memory.

    Args:
        file: to be read.
        wanted: columns that are; all by default.
        rows: that are held at once, of a file that is read piece by piece; all by default.

    Raises:
        DataError: naming the column, what was expected, what it would take, and what to do.
        ArrowException: a file that is not well formed.
        OSError: a file that cannot be read.
    """
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        leaves = [
            leaf
            for leaf in (opened.schema.column(at) for at in range(len(opened.schema.names)))
            if wanted is None or _column_of(leaf) in wanted
        ]
        require_few_columns(file, opened.metadata.num_columns)
        require_agreeing_rows(file, opened)
        _require_few_rows(file, opened, len(leaves), rows)
        held = column_sizes(file, opened, {leaf.path for leaf in leaves})
        _require_few_values(file, opened, held)
        texts = {leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"}
        sizes = _largest_sizes(opened, held, texts)
        lists = {leaf.path for leaf in leaves if leaf.max_repetition_level}
    _require_memory(
        file, {path: _most_held(file, path, size, rows, lists=path in lists) for path, size in sizes.items()}
    )


def available_memory() -> int:
    """Bytes that this machine has left."""
    import psutil

    return int(psutil.virtual_memory().available)


def _column_of(leaf: Any) -> str:
    """The column that a leaf of the schema belongs to, itself if it is not nested."""
    path, name = str(leaf.path), str(leaf.name)
    return name if path == name else path.split(".", 1)[0]


def _require_few_rows(file: Path | Stored, opened: ParquetFile, columns: int, rows: int | None) -> None:
    there = opened.metadata.num_rows
    if there > MOST_ROWS:
        raise DataError(
            f"expected at most {MOST_ROWS:,} rows in one file, got {there:,} in {file}: write them to several files of"
            " a folder"
        )
    held, memory = min(there, rows or there), available_memory()
    if held * columns * HELD_NUMBER > memory:
        raise DataError(
            f"expected a table that fits the {_size(memory)} of memory that are left, got {held:,} rows of"
            f" {columns:,} columns, {_size(held * columns * HELD_NUMBER)} with what is computed, in {file}: give fewer"
            " rows or columns"
        )


def require_few_columns(file: Path | Stored, columns: int) -> None:
    """Refuse a table of more than `MOST_COLUMNS` columns.

    Raises:
        DataError: with the way out.
    """
    if columns > MOST_COLUMNS:
        raise DataError(
            f"expected at most {MOST_COLUMNS:,} columns, got {columns:,} in {file}: give fewer, with one row for"
            " each example"
        )


def require_agreeing_rows(file: Path | Stored, opened: ParquetFile) -> None:
    """Refuse a file whose footer states several numbers of rows: each reader goes by another one.

    Args:
        file: for the message.
        opened: the same file.

    Raises:
        DataError: the groups of rows, or the columns that are no lists, have more or fewer rows than the file.
    """
    groups = [opened.metadata.row_group(at) for at in range(opened.metadata.num_row_groups)]
    total = sum(group.num_rows for group in groups)
    if total != opened.metadata.num_rows or any(group.num_rows < 0 for group in groups):
        raise DataError(
            f"expected {opened.metadata.num_rows:,} rows in the groups of {file}, as its footer states, got {total:,}:"
            " write the file again"
        )
    flat = [at for at in range(opened.metadata.num_columns) if not opened.schema.column(at).max_repetition_level]
    for group in groups:
        for at in flat:
            if group.column(at).num_values != group.num_rows:
                raise DataError(
                    f"expected {group.num_rows:,} values in column {_column_of(opened.schema.column(at))!r} of {file},"
                    f" as its group of rows has, got {group.column(at).num_values:,}: write the file again"
                )


def column_sizes(file: Path | Stored, opened: ParquetFile, paths: Collection[str]) -> list[tuple[int, int, ColumnSize]]:
    """What columns hold by the headers of their pages, by group of rows and place of the column.

    Args:
        file: to be looked at.
        opened: the same file.
        paths: of the columns.

    Raises:
        DataError: a column is not as the footer states it, or has no pages there.
    """
    sizes: list[tuple[int, int, ColumnSize]] = []
    places = [at for at in range(opened.metadata.num_columns) if opened.schema.column(at).path in paths]
    with PageSizes(file) as pages:
        for group in range(opened.metadata.num_row_groups):
            part = opened.metadata.row_group(group)
            for at in places:
                chunk, name = part.column(at), _column_of(opened.schema.column(at))
                try:
                    size = pages.size(chunk)
                except ValueError as error:
                    raise DataError(
                        f"expected pages of column {name!r} in {file} as its footer states, got {error}: write the"
                        " file again"
                    ) from error
                if size.values != chunk.num_values:
                    raise DataError(
                        f"expected {chunk.num_values:,} values in the pages of column {name!r} of {file}, as its"
                        f" footer states, got {size.values:,}: write the file again"
                    )
                sizes.append((group, at, size))
    return sizes


def _require_few_values(file: Path | Stored, opened: ParquetFile, held: list[tuple[int, int, ColumnSize]]) -> None:
    """Lists of numbers and values of a fixed width by their number, and packed columns by their size."""
    for group, at, size in held:
        leaf = opened.schema.column(at)
        width = max(leaf.length, NUMBER) if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" else NUMBER
        _require_short(file, _column_of(leaf), opened.metadata.row_group(group).num_rows, size.values * width)
        unpacked, packed = size.unpacked, max(size.packed, 1)
        if unpacked > MOST_SQUEEZED and unpacked > SQUEEZED * packed:
            raise DataError(
                f"expected at most {_size(MOST_SQUEEZED)} in column {_column_of(leaf)!r} of {file} where it is packed"
                f" to less than a thousandth, got {_size(unpacked)} in {packed:,} bytes: leave the column out with"
                " --ignore"
            )


def _largest_sizes(
    opened: ParquetFile, held: list[tuple[int, int, ColumnSize]], paths: Collection[str]
) -> dict[str, int]:
    """The largest part that each column has in a group of rows: no text of it is longer."""
    largest: dict[str, int] = {}
    for _, at, size in held:
        path = opened.schema.column(at).path
        if path in paths:
            largest[path] = max(largest.get(path, 0), size.unpacked)
    return largest


def _most_held(file: Path | Stored, path: str, size: int, rows: int | None, *, lists: bool) -> int:
    """Bytes of a column's texts in as many rows as are held at once, the most of all such pieces.

    Args:
        file: that it is of.
        path: of the column, or of what is nested in it.
        size: that no text of it is longer than.
        rows: that are held at once; None is all.
        lists: whether a row may have several texts, so that a few rows may have very many.

    Raises:
        DataError: texts that are long in the mean, and are more than `MOST_LONG`.
    """
    import pyarrow as pa
    from pyarrow import parquet

    few = max(1, min(MOST_AT_ONCE, MOST_LONG // (4 * max(size, 1))))
    ways: list[tuple[list[str], int]] = [([path], ROWS_OF_DICTIONARY), ([], few)]
    for dictionaries, at_once in ways[:1] if lists else ways if size > MOST_UNPACKED else ways[1:]:
        most = held = seen = 0
        with parquet.ParquetFile(file, read_dictionary=dictionaries) as opened:
            try:
                for batch in opened.iter_batches(at_once, columns=[path], use_threads=False):
                    seen += len(batch)
                    held += sum(_bytes_of(column) for column in batch.columns)
                    _require_short(file, batch.schema.names[0], seen, held)
                    most = max(most, held)
                    if rows is not None and seen >= rows:
                        held = seen = 0
            except (pa.ArrowNotImplementedError, OSError):  # texts that share beginnings are read as no dictionary
                if not dictionaries or lists:
                    raise
                continue
        return most
    return 0


def _require_memory(file: Path | Stored, held: dict[str, int]) -> None:
    total = sum(held.values()) * COPIES
    if total > MOST_LONG and total > (memory := available_memory()):
        largest = max(held, key=lambda path: held[path])
        raise DataError(
            f"expected texts that fit the {_size(memory)} of memory that are left, got {_size(total)} in {file}, most"
            f" of them in column {largest!r}: leave it out with --ignore, or give fewer rows"
        )


def _require_short(file: Path | Stored, name: str, rows: int, held: int) -> None:
    if held > MOST_LONG and held > LONG * rows:
        raise DataError(
            f"expected at most {_size(MOST_LONG)} in column {name!r} of {file} where a row has more than"
            f" {LONG:,} bytes in the mean, got {_size(held)} or more in {rows:,} rows: leave the column out with"
            " --ignore"
        )


def _bytes_of(column: Any) -> int:
    """Bytes of all texts of a column, and of what is nested in it, were each text of a dictionary written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(column.dictionary)
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(_bytes_of(part) for part in column.flatten())
    if pa.types.is_map(kind):
        offsets = column.offsets
        start, stop = offsets[0].as_py(), offsets[-1].as_py()
        return sum(_bytes_of(part.slice(start, stop - start)) for part in (column.keys, column.items))
    if pa.types.is_nested(kind):
        return _bytes_of(column.flatten())
    return int(column.nbytes)


def _size(count: int) -> str:
    """Bytes, to be read.

    >>> _size(256_000_000)
    '256 MB'
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1_000_000_000 else f"{count / 1e6:,.0f} MB"
