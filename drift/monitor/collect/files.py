"""Rows of CSV and Parquet files, one file or a folder of them, a few thousand at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift.bounded import require_bounded
from drift.errors import DataError
from drift.monitor.columns import require_own_names
from drift.monitor.urls import masked
from drift.monitor.values import period_hint
from drift.streams import broken, one_line

if TYPE_CHECKING:
    import pandas as pd
    from pyarrow import RecordBatch

SUFFIXES = (".csv", ".parquet")
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")  # among numbers; among texts they are texts, but the first


class FileRows:
    """The rows of a file, or of all files of a folder in natural order; folders called `key=value` are columns."""

    files = True

    def __init__(
        self,
        path: Path,
        *,
        columns: Sequence[str] | None = None,
        texts: Sequence[str] = (),
        ignore: Sequence[str] = (),
        chunk_rows: int,
    ) -> None:
        """Nothing is read yet, but the names of the files.

        Args:
            path: of a file, or a folder.
            columns: that are wanted; all by default.
            texts: columns of a CSV file that are read as they are written, such as keys: 007 is not 7.
            ignore: columns that are not read where all others are.
            chunk_rows: about as many at a time.

        Raises:
            DataError: no such files.
        """
        self._path, self._columns, self._texts, self._chunk_rows = path, columns, tuple(texts), chunk_rows
        self._ignore = tuple(ignore)
        self._files = _files(path)

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Chunks, each of one file, whose name is in `chunk.attrs["file"]`.

        Raises:
            DataError: a file that cannot be read, that would take too much memory, or whose columns or types are not
                those of the first.
        """
        schema: dict[str, str] = {}
        for file in self._files:
            relative = str(file.relative_to(self._path)) if file != self._path else file.name
            parts = dict(part.split("=", 1) for part in Path(relative).parts[:-1] if "=" in part)
            for frame in self._chunks(file, parts):
                require_own_names(frame)
                for name, value in parts.items():
                    frame[name] = value
                _require_same(schema, frame, relative, besides=self._texts)
                frame.attrs["file"] = relative
                yield frame

    def _chunks(self, file: Path, parts: dict[str, str]) -> Iterator[pd.DataFrame]:
        import pyarrow as pa

        wanted = None if self._columns is None else [name for name in self._columns if name not in parts]
        try:
            if file.suffix.lower() == ".parquet":
                yield from _parquet(file, wanted, self._ignore, self._chunk_rows)
            else:
                yield from _csv(file, wanted, self._ignore, self._texts, self._chunk_rows)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{file} cannot be read: {first}") from error


def _files(path: Path) -> list[Path]:
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"expected a .csv or .parquet file, or a folder of them, got {masked(str(path))}")
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no {masked(str(path))}")
    found = [
        file
        for file in path.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not found:
        raise DataError(f"expected .csv or .parquet files in {path}, got none")
    if wrong := broken(str(file.relative_to(path)) for file in found):
        raise DataError(
            f"expected names of files in {path} without control characters and line breaks, got {wrong[0]}; rename it"
        )
    return sorted(found, key=lambda file: _natural(str(file.relative_to(path))))


def _natural(text: str) -> list[Any]:
    """A key by which part-2 comes before part-10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def _parquet(file: Path, wanted: list[str] | None, ignore: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        there = opened.schema_arrow.names
        _require(file, wanted, there)
        wanted = _without(ignore, wanted, there)
        require_bounded(file, wanted, rows=rows)
        for batch in opened.iter_batches(rows, columns=wanted, use_threads=False):
            yield _to_pandas(batch)


def _to_pandas(batch: RecordBatch) -> pd.DataFrame:
    """A piece as it is: numbers are not copied, and integers with missing ones among them stay integers."""
    import pandas as pd
    import pyarrow as pa

    exact = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
    missing = any(column.null_count for column in batch.columns if column.type in exact)
    frame: pd.DataFrame = batch.to_pandas(
        use_threads=False, split_blocks=True, types_mapper=exact.get if missing else None
    )
    return frame


def _without(ignore: Sequence[str], wanted: list[str] | None, there: Sequence[str]) -> list[str] | None:
    """The columns to read; None is all."""
    if wanted is not None or not {*ignore} & {*there}:
        return wanted
    return [name for name in there if name not in ignore]


def _csv(
    file: Path, wanted: list[str] | None, ignore: Sequence[str], texts: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    """In pieces of about as many rows: their number cannot be asked for.

    The first piece says which columns are numbers, but neither that they are whole nor that a column stays empty.
    """
    import pyarrow as pa
    from pyarrow import csv

    reading = csv.ReadOptions(use_threads=False, block_size=max(1 << 20, rows * 100))
    with csv.open_csv(file, read_options=reading) as opened:
        first = opened.schema
    _require(file, wanted, first.names)
    wanted = _without(ignore, wanted, first.names)
    types = {field.name: pa.float64() for field in first if pa.types.is_integer(field.type)}
    types |= {field.name: pa.string() for field in first if field.name in texts or pa.types.is_null(field.type)}
    empty = [field.name for field in first if pa.types.is_null(field.type) and field.name not in texts]
    decimal = [field.name for field in first if pa.types.is_floating(field.type) and field.name in texts]
    with csv.open_csv(
        file, read_options=reading, convert_options=csv.ConvertOptions(column_types=types, include_columns=wanted or ())
    ) as opened:
        for batch in opened:
            frame = batch.to_pandas(use_threads=False)
            for name in [name for name, column in frame.items() if column.dtype.kind == "O"]:
                frame[name] = frame[name].replace("", None)
            for name in {*decimal} & {*frame}:  # whole numbers that were written beside missing ones
                frame[name] = frame[name].str.replace(r"^(-?\d+)\.0$", r"\1", regex=True)
            for name in {*empty} & {*frame}:
                frame[name] = _numbers_if_all_are(frame[name])
            yield frame


def _numbers_if_all_are(column: pd.Series) -> pd.Series:
    """Texts as numbers if they are; what stands for a missing number is missing."""
    import pandas as pd

    found = column.mask(column.isin(MISSING))
    numbers = pd.to_numeric(found, errors="coerce")
    return numbers if numbers.notna().equals(found.notna()) and found.notna().any() else found.astype(object)


def _require(file: Path, wanted: list[str] | None, there: list[str]) -> None:
    absent = [name for name in wanted or () if name not in there]
    if absent:
        raise DataError(
            f"expected columns {', '.join(wanted or ())} in {file}; got none called {', '.join(absent)}."
            f" It has {', '.join(map(one_line, there))}{period_hint(absent)}"
        )


def _require_same(schema: dict[str, str], frame: pd.DataFrame, file: str, *, besides: Sequence[str]) -> None:
    """Refuse a file whose columns are others than those of the files before it."""
    kinds = {
        str(name): "number" if dtype.kind in "iuf" else "other"
        for name, dtype in frame.dtypes.items()
        if name not in besides
    }
    if not schema:
        schema.update({name: kind for name, kind in kinds.items() if not frame[name].isna().all()})
        return
    for name in schema | kinds if schema != kinds else ():
        if schema.get(name) == kinds.get(name) or (name in frame and frame[name].isna().all()):
            continue
        had, has = schema.setdefault(name, kinds.get(name, "nothing")), kinds.get(name, "nothing")
        if had != has:
            raise DataError(
                f"expected {had} in column {name!r} of {file}, as in the files before it; got {has}:"
                " convert it, or leave it out with --ignore"
            )
