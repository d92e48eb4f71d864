"""Rows of CSV and Parquet files, one file or a folder of them, whole or some thousand rows at a time."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift.data.frames import require_different_names
from drift.data.inference import infer_column
from drift.data.problems import require_plain_names
from drift.data.readers.formats import FORMATS
from drift.data.urls import masked
from drift.errors import DataError
from drift.system.streams import broken

if TYPE_CHECKING:
    import pandas as pd

PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")


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
        self._files = files_of(path)

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
        kinds: dict[str, str] = {}
        for file in self._files:
            relative = str(file.relative_to(self._path)) if file != self._path else file.name
            parts = _partitions(file, self._path)
            wanted = None if self._columns is None else [name for name in self._columns if name not in parts]
            for frame in _chunks(file, wanted, self._ignore, self._texts, self._chunk_rows):
                require_different_names(frame.columns, f"table {file}")
                require_plain_names(frame.columns, f"table {file}")
                for name, value in parts.items():
                    frame[name] = value
                _require_same(kinds, frame, relative, besides=self._texts)
                frame.attrs |= {"file": relative, "source": str(file)}
                yield frame


def _chunks(
    file: Path, wanted: list[str] | None, ignore: Sequence[str], texts: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    import csv as plain_csv

    import pyarrow as pa

    try:
        yield from FORMATS[file.suffix.lower()].chunks(file, wanted=wanted, ignore=ignore, texts=texts, rows=rows)
    except (pa.ArrowException, OSError, ValueError, plain_csv.Error) as error:
        raise cannot_be_read(file, error) from error


def read_whole(
    file: Path, *, texts: Collection[str] = (), ignore: Collection[str] = (), wanted: Collection[str] = ()
) -> pd.DataFrame:
    """One file as a data frame whose schema is in `attrs["schema"]`.

    Args:
        file: of one of the `FORMATS`.
        texts: columns that are categories whatever their texts look like.
        ignore: columns whose values are not read: they are there, and empty.
        wanted: all columns but these are such; none by default.

    Raises:
        DataError: a file that cannot be read, or that would take too much memory.
    """
    import csv as plain_csv

    import pyarrow as pa

    try:
        return FORMATS[file.suffix.lower()].whole(file, wanted=wanted, ignore=ignore, texts=texts)
    except (pa.ArrowException, OSError, ValueError, plain_csv.Error) as error:
        raise cannot_be_read(file, error) from error


def cannot_be_read(file: Path, error: Exception) -> DataError:
    """One line for a file that is not well formed."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DataError(f"{masked(str(file))} cannot be read as {file.suffix.lower()[1:]}: {reason}")


def files_of(path: Path) -> list[Path]:
    """The file, or the files of a folder in natural order; hidden ones are left out.

    Raises:
        DataError: no such file, or one that is neither CSV nor Parquet.
    """
    shown, formats = masked(str(path)), " or ".join(FORMATS)
    if path.is_file():
        if path.suffix.lower() in PACKED:
            raise DataError(f"expected a {formats} file, got {shown}, which is packed: unpack it first (gunzip)")
        if path.suffix.lower() not in FORMATS:
            raise DataError(f"expected a {formats} file, or a folder of them, got {shown}")
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no file {shown}")
    files = [
        file
        for file in path.rglob("*")
        if file.suffix.lower() in FORMATS
        and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not files:
        raise DataError(f"expected {formats} files in {shown}, got none")
    if wrong := broken(str(file.relative_to(path)) for file in files):
        raise DataError(
            f"expected names of files in {shown} without control characters and line breaks, got {wrong[0]}; rename it"
        )
    return sorted(files, key=lambda file: _natural(str(file.relative_to(path))))


def _natural(text: str) -> list[Any]:
    """A key by which part-2 comes before part-10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def _partitions(file: Path, folder: Path) -> dict[str, str]:
    """Values of folders that are called `key=value`."""
    if file == folder:
        return {}
    return dict(part.split("=", 1) for part in file.relative_to(folder).parts[:-1] if "=" in part)


def _require_same(kinds: dict[str, str], frame: pd.DataFrame, file: str, *, besides: Sequence[str]) -> None:
    """Refuse a file whose columns are others than those of the files before it."""
    import pandas as pd

    there: dict[str, str] = {}
    for name, column in frame.items():
        if name not in besides:
            number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
            there[str(name)] = "number" if number else "other"
    if not kinds:
        kinds.update({name: kind for name, kind in there.items() if not frame[name].isna().all()})
        return
    for name in kinds | there if kinds != there else ():
        if kinds.get(name) == there.get(name) or (name in frame and frame[name].isna().all()):
            continue
        before, has = kinds.setdefault(name, there.get(name, "nothing")), there.get(name, "nothing")
        if before != has:
            mixed = infer_column(frame[name], text=True) if name in frame else None
            example = f", such as {mixed.example[:40]!r}" if mixed is not None and mixed.bad else ""
            raise DataError(
                f"expected {before} in column {name!r} of {file}, as in the files before it; got {has}{example}:"
                " convert it, or leave it out with --ignore"
            )
