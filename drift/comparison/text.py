"""A comparison as lines of plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drift.comparison.result import WITHIN_CHANCE, Comparison, reasons, verdict
from drift.detect.permutation.p_values import format_p_value, p_text

MOST_COLUMNS = 30  # shown; --json and --html have all
WIDEST = 60  # characters of a column's name, or of what changed
NAME, CHANGED, SHARE = 1, 2, 3  # places of these cells in a row
LEAST_CHANGE, LEAST_NAME = 20, 8  # characters that are left of them in a narrow terminal


def lines(comparison: Comparison, *, width: int | None = None) -> Iterator[str]:
    """The verdict with its reasons, then the columns, pairs and rows; the table fits into `width` characters."""
    yield verdict(comparison)
    for reason in reasons(comparison):
        yield f"  {reason}"
    yield ""
    yield from _table(comparison, width)
    if comparison.drift and comparison.unlike:
        yield ""
        yield "rows of the current table most unlike the reference (p: share of the reference as unlike its rest)"
        for row in comparison.unlike:
            yield f"  row {row.row}: p {p_text(row.p_value)}; farthest out in {row.column} = {row.value}, {row.place}"
    for column, why in comparison.left_out.items():
        yield f"not compared: {column} ({why})"
    yield ""
    share = "share: of the difference; " if comparison.drift else ""
    yield (
        "drift: all columns together, or one of them (p corrected by Holm), at half the level each, so p is twice the"
        f" smaller one; {share}JS, PSI: distances, beside what chance makes of them"
    )
    yield "p-values hold if rows are independent, which rows of a stream are not"


def _table(comparison: Comparison, width: int | None) -> Iterator[str]:
    shown = comparison.columns[:MOST_COLUMNS]
    words = "what changed" if comparison.drift else "values"
    rows: list[tuple[str, ...]] = [("", "column", words, "share", "p", "JS", "by chance", "PSI", "by chance")]
    for column in shown:
        divergence, stability = column.distances["jensen_shannon"], column.distances["psi"]
        rows.append(
            (
                "≠" if column.changed else " ",
                _cut(column.column, WIDEST),
                _cut(column.change, WIDEST),
                f"{column.share:.0%}" if column.changed else "–",
                format_p_value(column.adjusted),
                f"{divergence.value:.4f}",
                f"{divergence.expected:.4f}",
                f"{stability.value:.3f}",
                f"{stability.expected:.3f}",
            )
        )
    if not comparison.drift:  # there is no difference to have a share of
        rows = [(*row[:SHARE], *row[SHARE + 1 :]) for row in rows]
    yield from _fitted(rows, width)
    if len(comparison.columns) > MOST_COLUMNS:
        yield f"   … and {len(comparison.columns) - MOST_COLUMNS} more columns"


def _fitted(rows: Sequence[tuple[str, ...]], width: int | None) -> Iterator[str]:
    """Rows of cells as lines; with little room, what changed is cut, then left out: the reasons above have it."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    excess = 0 if width is None else sum(widths) + 2 * (len(widths) - 1) - width
    shown = list(range(len(widths)))
    if excess > 0 and widths[CHANGED] - excess >= LEAST_CHANGE:
        widths[CHANGED] -= excess
    elif excess > 0:
        shown.remove(CHANGED)
        excess -= widths[CHANGED] + 2
        widths[NAME] = max(LEAST_NAME, widths[NAME] - max(0, excess))
    for row in rows:
        cells = []
        for at in shown:
            text = _cut(row[at], widths[at])
            cells.append(text.ljust(widths[at]) if at <= CHANGED else text.rjust(widths[at]))
        yield "  ".join(cells).rstrip()


def _cut(text: str, most: int) -> str:
    """Text of at most so many characters, which still says that values are within chance where it said so."""
    if len(text) <= most:
        return text
    end = WITHIN_CHANCE if text.endswith(WITHIN_CHANCE) else ""
    return text[: most - len(end) - 1] + "…" + end
