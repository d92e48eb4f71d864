"""The table of scored blocks that `drift deploy` prints row by row: as many columns as the width holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift.detect.permutation.p_values import format_p_value

if TYPE_CHECKING:
    from drift.detect import ThresholdForecast
    from drift.policies.history import BlockRecord

DEFAULT_WIDTH = 79  # characters, where there is no terminal


@dataclass(frozen=True)
class TableColumn:
    """One column of the table.

    Attributes:
        header: its name; unique in the table.
        width: characters of a cell, without the gap.
        gap: blanks before it.
        cell: text of a block's cell.
        left: whether cells are aligned to the left.
    """

    header: str
    width: int
    gap: int
    cell: Callable[[BlockRecord, ThresholdForecast | None], str]
    left: bool = False


def _p_value(detector: str) -> Callable[[BlockRecord, ThresholdForecast | None], str]:
    def cell(record: BlockRecord, _forecast: ThresholdForecast | None) -> str:
        p_value = next((score.p_value for score in record.scores if score.detector == detector), None)
        return "" if p_value is None else format_p_value(p_value)

    return cell


def columns_that_fit(record: BlockRecord, width: int) -> list[TableColumn]:
    """The table's columns, chosen by the first block: those that fit into `width` characters.

    With less room, the mean confidence is left out first, then the wrong answers, and the rows are given by the first
    of them. Tables without times have room for more. At 79 characters everything that remains fits, for rows of seven
    digits and versions of three.

    Args:
        record: the first block.
        width: characters of a line.
    """
    time = [TableColumn("until", 16, 2, lambda block, _: (block.last_time or "")[:16].replace("T", " "), left=True)]
    wide = [
        TableColumn("block", 5, 0, lambda block, _: str(block.index)),
        TableColumn("rows", 15, 2, lambda block, _: f"{block.start}–{block.stop - 1}", left=True),
        *(time if record.last_time else []),
        TableColumn("v", 3, 2, lambda block, _: str(block.version)),
        TableColumn("accuracy", 8, 2, lambda block, _: f"{block.accuracy:.3f}"),
        TableColumn("wrong", 5, 2, lambda block, _: str(block.wrong)),
        TableColumn("conf.", 5, 2, lambda block, _: f"{block.mean_confidence:.3f}"),
        TableColumn("p acc.", 7, 2, _p_value("accuracy")),
        TableColumn("p feat.", 7, 2, _p_value("features")),
        TableColumn("p pred.", 7, 2, _p_value("predictions")),
        TableColumn("below in", 9, 2, lambda _, forecast: forecast.short if forecast else ""),
    ]
    columns = wide
    for left_out in ((), ("conf.",), ("conf.", "wrong")):
        columns = [column for column in wide if column.header not in left_out]
        if _width(columns) <= width:
            return columns
    narrow = {
        "rows": TableColumn("row", 7, 2, lambda block, _: str(block.start)),
        "v": TableColumn("v", 3, 1, lambda block, _: str(block.version)),
        "accuracy": TableColumn("acc.", 5, 2, lambda block, _: f"{block.accuracy:.3f}"),
        "p feat.": TableColumn("p feat.", 7, 1, _p_value("features")),
        "p pred.": TableColumn("p pred.", 7, 1, _p_value("predictions")),
    }
    return [narrow.get(column.header, column) for column in columns]


def _width(columns: list[TableColumn]) -> int:
    return sum(column.gap + column.width for column in columns)


def header_line(columns: list[TableColumn]) -> str:
    """The names of the columns."""
    return _line(columns, [column.header for column in columns])


def block_line(columns: list[TableColumn], record: BlockRecord, forecast: ThresholdForecast | None) -> str:
    """A block's row of the table."""
    return _line(columns, [column.cell(record, forecast) for column in columns])


def _line(columns: list[TableColumn], cells: list[str]) -> str:
    return "".join(
        " " * column.gap + (text.ljust(column.width) if column.left else text.rjust(column.width))
        for column, text in zip(columns, cells, strict=True)
    ).rstrip()
