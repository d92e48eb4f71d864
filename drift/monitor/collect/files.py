"""Rows of CSV and Parquet files, one file or a folder of them, a few thousand at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift.errors import DataError
from drift.monitor.columns import require_own_names

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet")


class FileRows:
    """The rows of a file, or of all files of a folder in natural order; folders called `key=value` are columns."""

    files = True

    def __init__(self, path: Path, *, columns: Sequence[str] | None = None, chunk_rows: int) -> None:
        """Nothing is read yet, but the names of the files.

        Raises:
            DataError: no such files.
        """
        self._path, self._columns, self._chunk_rows = path, columns, chunk_rows
        self._files = _files(path)

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Chunks, each of one file, whose name is in `chunk.attrs["file"]`.

        Raises:
            DataError: a file that cannot be read, or whose columns or types are not those of the first.
        """
        schema: dict[str, str] = {}
        for file in self._files:
            relative = str(file.relative_to(self._path)) if file != self._path else file.name
            parts = dict(part.split("=", 1) for part in Path(relative).parts[:-1] if "=" in part)
            for frame in _chunks(file, self._columns, parts, self._chunk_rows):
                require_own_names(frame)
                for name, value in parts.items():
                    frame[name] = value
                _require_same(schema, frame, relative)
                frame.attrs["file"] = relative
                yield frame


def _files(path: Path) -> list[Path]:
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"expected a .csv or .parquet file, or a folder of them, got {path}")
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no {path}")
    found = [
        file
        for file in path.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not found:
        raise DataError(f"expected .csv or .parquet files in {path}, got none")
    return sorted(found, key=lambda file: _natural(str(file.relative_to(path))))


def _natural(text: str) -> list[Any]:
    """A key by which part-2 comes before part-10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def _chunks(file: Path, columns: Sequence[str] | None, parts: dict[str, str], rows: int) -> Iterator[pd.DataFrame]:
    import pyarrow as pa

    wanted = None if columns is None else [name for name in columns if name not in parts]
    try:
        yield from (_parquet if file.suffix.lower() == ".parquet" else _csv)(file, wanted, rows)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{file} cannot be read: {first}") from error


def _parquet(file: Path, wanted: list[str] | None, rows: int) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        there = opened.schema_arrow.names
        _require(file, wanted, there)
        for batch in opened.iter_batches(rows, columns=wanted, use_threads=False):
            yield batch.to_pandas(use_threads=False, split_blocks=True)  # numbers are not copied


def _csv(file: Path, wanted: list[str] | None, rows: int) -> Iterator[pd.DataFrame]:
    """In pieces of about as many rows; their number cannot be asked for, and the types are those of the first piece."""
    from pyarrow import csv

    with csv.open_csv(
        file,
        read_options=csv.ReadOptions(use_threads=False, block_size=max(1 << 20, rows * 100)),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    ) as opened:
        _require(file, wanted, opened.schema.names)
        for batch in opened:
            yield (batch if wanted is None else batch.select(wanted)).to_pandas(use_threads=False)


def _require(file: Path, wanted: list[str] | None, there: list[str]) -> None:
    absent = [name for name in wanted or () if name not in there]
    if absent:
        raise DataError(
            f"expected columns {', '.join(wanted or ())} in {file}; got none called {', '.join(absent)}."
            f" It has {', '.join(there)}"
        )


def _require_same(schema: dict[str, str], frame: pd.DataFrame, file: str) -> None:
    """Refuse a file whose columns are others than those of the files before it."""
    kinds = {str(name): "number" if column.dtype.kind in "iuf" else "other" for name, column in frame.items()}
    if not schema:
        schema.update({name: kind for name, kind in kinds.items() if not frame[name].isna().all()})
        return
    for name in schema | kinds if schema != kinds else ():
        had, has = schema.setdefault(name, kinds.get(name, "nothing")), kinds.get(name, "nothing")
        if had != has and not (name in frame and frame[name].isna().all()):
            raise DataError(
                f"expected {had} in column {name!r} of {file}, as in the files before it; got {has}:"
                " convert it, or leave it out with --ignore"
            )
