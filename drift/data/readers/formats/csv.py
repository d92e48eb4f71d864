"""CSV files: UTF-8 text, fields divided by commas, semicolons or tabs; what is otherwise is refused with what to do.

Numbers and booleans are read by Arrow. A column that Arrow would read as something else is read as text, and
`drift.data.inference` says what that is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drift.data.frames import require_different_names
from drift.data.inference import infer_column, typed_column
from drift.data.problems import ROWS_SHOWN, Problems, require_columns
from drift.data.readers.memory_limits import require_few_columns
from drift.data.schema import Column, Schema
from drift.data.values import EXACT, MISSING, decimal_comma
from drift.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SUFFIX = ".csv"
DELIMITERS = ",;\t"
ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
PACKED = {b"\x1f\x8b": "gzip", b"PK": "zip", b"BZ": "bzip2"}
LONGEST_HEADER = 16_000_000  # bytes
FIRST_BLOCK = 5_000_000  # bytes in which types are looked for
BLOCK = 16_000_000  # bytes that Arrow takes at once


def chunks(
    file: Path, *, wanted: list[str] | None, ignore: Sequence[str], texts: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    """Pieces of about as many rows; a column is of the kind of its first values in all of them, but dates are texts.

    Args:
        file: to be read.
        wanted: columns; all by default.
        ignore: columns that are not read.
        texts: columns that are read as they are written.
        rows: of a piece, at 100 bytes each.
    """
    names = require_readable(file)
    require_columns(str(file), wanted, names)
    read = [name for name in names if name not in ignore] if wanted is None else wanted
    known: dict[str, Column] = {}
    for table, decimal in _tables(file, read, texts, max(1 << 20, rows * 100)):
        frame = _typed(table, texts, decimal, known, file)
        frame.attrs["schema"] = Schema(tuple(known[name] for name in frame.columns))
        yield frame


def whole(file: Path, *, wanted: Collection[str], ignore: Collection[str], texts: Collection[str]) -> pd.DataFrame:
    """All rows, of which a blank line is one without values; columns that are ignored, or not wanted, are empty."""
    import pyarrow as pa

    names = require_readable(file)
    try:
        blank = _require_shape(file, delimiter_of(file))
    except UnicodeDecodeError as error:
        raise _not_utf8(file) from error
    read = [name for name in names if name not in ignore and (not wanted or name in wanted)]
    known: dict[str, Column] = {}
    pieces = list(_tables(file, read, texts, BLOCK))
    if not pieces:
        raise DataError(f"{file} has a header but no rows")
    last = pieces[-1][0].schema  # text where those before may hold numbers, whose texts are as exact
    table = pa.concat_tables([pa.Table.from_batches([piece]).cast(last) for piece, _ in pieces])
    frame = _typed(table, texts, pieces[0][1], known, file)
    if blank:
        there = np.setdiff1d(np.arange(len(frame) + len(blank)), blank)
        frame = frame.set_index(there).reindex(range(len(frame) + len(blank)))
    if len(read) < len(names):
        frame = frame.reindex(columns=names)
    columns = (known.get(name, Column(name, None, note="is not read")) for name in names)
    frame.attrs["schema"] = Schema(tuple(columns))
    return frame


def require_readable(file: Path) -> list[str]:
    """Names of the columns of a file that is text with a header.

    Raises:
        DataError: with what to do about another encoding, a packed file, comments, or a name that comes twice.
    """
    with file.open("rb") as opened:
        start = opened.read(1 << 16)
        while b"\n" not in start and len(start) < LONGEST_HEADER and (more := opened.read(1 << 20)):
            start += more
    if len(start) >= LONGEST_HEADER:
        raise DataError(f"expected a header line of at most {LONGEST_HEADER:,} bytes, got more in {file}")
    if not start.strip():
        raise DataError(f"{file} is empty: expected a header line and at least two rows")
    for sign, kind in PACKED.items():
        if start.startswith(sign):
            raise DataError(f"{file} is packed by {kind}: unpack it first, such as by gunzip")
    encoding = next((name for sign, name in ENCODINGS.items() if start.startswith(sign)), "")
    if encoding or b"\0" in start:
        raise _not_utf8(file, encoding or "UTF-16")
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            raise _not_utf8(file) from error
        text = start[: error.start].decode("utf-8-sig")
    delimiter = delimiter_of(file)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = next(records, [])
    if names and names[0].startswith("#"):
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        if lines and len(next(csv.reader(lines[:1], delimiter=delimiter))) != len(names):
            raise DataError(f"{file} begins with a comment: take away the lines that begin with # (grep -v '^#')")
    require_few_columns(file, len(names))
    require_different_names(names, f"header of {file}")
    return names


def delimiter_of(file: Path) -> str:
    """The sign that divides the fields of the header: a comma, a semicolon or a tab."""
    with file.open(encoding="utf-8-sig", errors="replace") as opened:
        lines = (line for line in opened if not line.startswith("#"))
        header = next(lines, "")
    bare = "".join(header.split('"')[::2])  # what is not in quotation marks
    return max(DELIMITERS, key=bare.count)


def _not_utf8(file: Path, encoding: str = "") -> DataError:
    """One line about a file of another encoding, with the command that converts it."""
    line = ""
    if not encoding:
        with file.open("rb") as opened:
            for number, raw in enumerate(opened, 1):
                try:
                    raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    line = f" (line {number} has the byte 0x{raw[error.start]:02x})"
                    break
    name = encoding or "another encoding, such as Latin-1"
    return DataError(
        f"expected text in UTF-8 in {file}, got {name}{line}: convert it first, such as by"
        f" iconv -f {encoding or 'LATIN1'} -t UTF-8"
    )


def _tables(file: Path, read: list[str], texts: Collection[str], block: int) -> Iterator[tuple[Any, set[str]]]:
    """Arrow tables of a file, piece by piece, and which columns of `texts` seem to be decimal numbers.

    The first piece says which columns are integers, numbers and booleans. From the first piece on in which that does
    not hold, all columns are read as text.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    parsing = arrow_csv.ParseOptions(delimiter=delimiter_of(file), newlines_in_values=True)

    def opened(types: dict[str, Any], size: int = block) -> Any:
        reading = arrow_csv.ReadOptions(use_threads=False, block_size=size)
        converting = arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=read,
            null_values=sorted(MISSING),
            strings_can_be_null=False,
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
        )
        return arrow_csv.open_csv(file, reading, parsing, converting)

    text = dict.fromkeys(read, pa.string())
    done, decimal = 0, set[str]()
    try:
        with opened({}, min(block, FIRST_BLOCK)) as first:
            exact = {
                field.name: field.type for field in first.schema if field.type in (pa.int64(), pa.float64(), pa.bool_())
            }
        decimal = {name for name, kind in exact.items() if kind == pa.float64() and name in texts}
        kinds = text | {name: kind for name, kind in exact.items() if name not in texts}
        with opened(kinds) as pieces:
            for piece in pieces:
                if any(_rounded(column) for column in piece.columns):
                    break
                yield piece, decimal
                done += 1
            else:
                return
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error).upper().replace("-", ""):
            raise _not_utf8(file) from error
        if "CSV parse error" in str(error) or "Expected" in str(error):
            _require_shape(file, delimiter_of(file))
        if "conversion error" not in str(error):
            raise
    try:
        with opened(text) as pieces:
            for at, piece in enumerate(pieces):
                if at >= done:
                    yield piece, decimal
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error).upper().replace("-", ""):
            raise _not_utf8(file) from error
        raise


def _rounded(column: Any) -> bool:
    """Whether numbers are so large that they may be rounded integers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.type) or not len(column):
        return False
    largest = pc.max(pc.if_else(pc.is_finite(column), pc.abs(column), 0.0)).as_py()
    return largest is not None and EXACT <= largest < 1e20


def _typed(
    table: Any, texts: Collection[str], decimal: Collection[str], known: dict[str, Column], file: Path
) -> pd.DataFrame:
    """A piece as a data frame.

    Args:
        table: of Arrow.
        texts: columns that stay as they are written.
        decimal: those of them in which 7.0 is a whole number that was written beside missing ones.
        known: columns that have shown their kind; those of this piece are added.
        file: for messages.
    """
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name in table.schema.names:
        column = table.column(name)
        if pa.types.is_integer(column.type) and column.null_count:
            values = pd.Series(column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get), name=name)
        else:
            values = pd.Series(column.to_pandas(), name=name)
        if pa.types.is_string(column.type) and name in texts:
            columns[name], known[name] = _as_written(values, whole=name in decimal), Column(name, "category")
            continue
        columns[name] = _settled(values, name, known, file)
    return pd.DataFrame(columns)


def _settled(values: pd.Series, name: str, known: dict[str, Column], file: Path) -> pd.Series:
    """Values of the kind that the column has had so far; a number may come after integers."""
    import pandas as pd

    seen, here = known.get(name), infer_column(values, text=True)
    if here.kind == "category" and decimal_comma(str(value) for value in values if value):
        raise DataError(
            f"expected numbers with a decimal point in column {name!r} of {file}, got"
            f" {next(str(value) for value in values if value)!r}: write 1.5 instead of 1,5"
        )
    if seen is None or seen.kind is None or (seen.kind == "integer" and here.kind == "number" and not here.bad):
        known[name] = here
    elif seen.kind == "boolean" and here.kind not in ("boolean", None):
        known[name] = here = Column(name, "category")
    elif seen.kind in ("category", "timestamp") or (seen.kind == "number" and here.kind == "integer"):
        here = seen
    if here.kind == "timestamp":  # which a monitor may follow as a category
        return _as_written(values, whole=False)
    if here.kind is None:  # whatever marks stand for missing values
        return pd.Series(np.full(len(values), np.nan), name=name)
    return typed_column(values, here)


def _as_written(values: pd.Series, *, whole: bool) -> pd.Series:
    """Texts as they are; with `whole`, whole numbers without their point."""
    if whole:
        values = values.str.replace(r"^(-?\d+)\.0$", r"\1", regex=True)
    return values.where(values.notna() & (values != ""), None)


def _require_shape(file: Path, delimiter: str) -> list[int]:
    """Rows that are blank lines.

    Raises:
        DataError: lines of another number of fields than the header: columns would be shifted or renamed.
    """
    problems, blank, waiting, row = Problems(file), [], [], 0
    with file.open(newline="", encoding="utf-8-sig") as opened:
        reader = csv.reader(opened, strict=True, delimiter=delimiter)
        header = next(reader, [])
        wrong = []
        for fields in reader:
            if not fields:
                waiting.append(row)
            else:
                blank += waiting  # those at the end are no rows
                waiting = []
                if len(fields) != len(header):
                    wrong.append((reader.line_num, len(fields), fields[0].startswith("#")))
            row += 1
    if wrong:
        shown = ", ".join(f"{count} in line {line}" for line, count, _ in wrong[:ROWS_SHOWN])
        more = f" and {len(wrong) - ROWS_SHOWN} more lines" if len(wrong) > ROWS_SHOWN else ""
        way = "; take away comments, lines that begin with #" if any(comment for *_, comment in wrong) else ""
        problems.lines.append(f"expected {len(header)} fields in every line, as in the header; got {shown}{more}{way}")
    problems.raise_if_any()
    return blank
