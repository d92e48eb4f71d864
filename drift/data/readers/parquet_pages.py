"""Sizes of a Parquet column by the headers of its pages, which bind whoever reads it; those in the footer may lie.

pyarrow unpacks a page to the size that its header states, and stops at the page that completes the values that the
footer states; it gives no access to these headers. They are in Thrift's compact protocol, of which whole numbers are
read here and all else is passed over.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData

MOST_NESTED = 8  # structs within each other; a page's header has three
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3  # kinds of pages, in `parquet.thrift`
KIND, UNPACKED, PACKED = (1,), (2,), (3,)  # paths of fields in PageHeader
VALUES = {DATA_PAGE: (5, 1), DICTIONARY_PAGE: (7, 1), DATA_PAGE_V2: (8, 1)}
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12  # types of the compact protocol
INTEGERS = (4, 5, 6)


@dataclass(frozen=True)
class ColumnSize:
    """What one column of a group of rows holds.

    Attributes:
        values: its number of values, missing ones among them.
        unpacked: bytes of its pages, with their headers, when they are unpacked.
        packed: bytes of its pages, with their headers, in the file.
    """

    values: int
    unpacked: int
    packed: int


class PageSizes:
    """The headers of the pages of a file, or of one that is in memory; to be closed."""

    def __init__(self, file: Path | BytesIO) -> None:
        self._content: mmap.mmap | bytes
        if isinstance(file, BytesIO):
            self._content = file.getvalue()
            return
        with file.open("rb") as opened:
            self._content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    def __enter__(self) -> PageSizes:
        return self

    def __exit__(self, *error: object) -> None:
        if isinstance(self._content, mmap.mmap):
            self._content.close()

    def size(self, chunk: ColumnChunkMetaData) -> ColumnSize:
        """The size of a column in a group of rows, up to the page after which a reader stops.

        Args:
            chunk: where the footer says that it is.

        Raises:
            ValueError: no page header where one is expected.
        """
        at, values, unpacked, packed = _start(chunk), 0, 0, 0
        try:
            while values < chunk.num_values:
                header, end = _struct(self._content, at)
                kind, size = header[KIND], header[PACKED]
                if header[UNPACKED] < 0 or size < 0 or end + size > len(self._content):
                    raise ValueError(f"a page of {size} bytes, {header[UNPACKED]} unpacked, at byte {at}")
                if kind in (DATA_PAGE, DATA_PAGE_V2):
                    values += max(header[VALUES[kind]], 0)
                unpacked, packed = unpacked + end - at + header[UNPACKED], packed + end - at + size
                at = end + size
        except (IndexError, KeyError) as error:
            raise ValueError(f"no header of a page before byte {at}") from error
        return ColumnSize(values, unpacked, packed)


def _start(chunk: ColumnChunkMetaData) -> int:
    """Where the first page of a column begins, as readers find it."""
    data, dictionary = int(chunk.data_page_offset), chunk.dictionary_page_offset
    start = int(dictionary) if dictionary and 0 < dictionary < data else data
    if start < 0:
        raise ValueError(f"a column that begins at byte {start}")
    return start


def _struct(content: mmap.mmap | bytes, at: int, depth: int = 0) -> tuple[dict[tuple[int, ...], int], int]:
    """Whole numbers of a struct, by the path of their field, and where it ends."""
    if depth > MOST_NESTED:
        raise ValueError(f"structs nested more than {MOST_NESTED} times in the header of a page")
    numbers: dict[tuple[int, ...], int] = {}
    field = 0
    while (first := content[at]) != 0:
        at += 1
        if first >> 4:
            field += first >> 4
        else:
            field, at = _zigzag(content, at)
        kind = first & 0x0F
        if kind in INTEGERS:
            numbers[(field,)], at = _zigzag(content, at)
        elif kind == STRUCT:
            inner, at = _struct(content, at, depth + 1)
            numbers.update({(field, *path): number for path, number in inner.items()})
        elif kind not in (TRUE, FALSE):  # whose value is their type
            at = _after(content, at, kind, depth + 1)
    return numbers, at + 1


def _after(content: mmap.mmap | bytes, at: int, kind: int, depth: int) -> int:
    """Where a value ends that is passed over."""
    if kind in (TRUE, FALSE, BYTE):
        return at + 1
    if kind == DOUBLE:
        return at + 8
    if kind in INTEGERS:
        return _varint(content, at)[1]
    if kind == BINARY:
        length, at = _varint(content, at)
        return at + length
    if kind == STRUCT:
        return _struct(content, at, depth)[1]
    if kind in (LIST, SET) and depth <= MOST_NESTED:
        count, inner, at = content[at] >> 4, content[at] & 0x0F, at + 1
        if count == 15:
            count, at = _varint(content, at)
        for _ in range(count):
            at = _after(content, at, inner, depth + 1)
        return at
    raise ValueError(f"a field of type {kind} in the header of a page")


def _varint(content: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError("a number of more than ten bytes in the header of a page")


def _zigzag(content: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    number, at = _varint(content, at)
    return (number >> 1) ^ -(number & 1), at
