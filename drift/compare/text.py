"""A comparison as lines of plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from drift.compare.comparison import Comparison
from drift.compare.words import p_text, reasons, verdict

MOST_COLUMNS = 30  # shown; --json and --html have all
WIDEST = 60  # characters of a column's name, or of what changed


def lines(comparison: Comparison) -> Iterator[str]:
    """The verdict with its reasons, then the columns, pairs and rows."""
    yield verdict(comparison)
    for reason in reasons(comparison):
        yield f"  {reason}"
    yield ""
    yield from _table(comparison)
    if comparison.drift and comparison.unlike:
        yield ""
        yield "rows of the current table most unlike the reference (p: share of the reference as unlike its rest)"
        for row in comparison.unlike:
            yield f"  row {row.row}: p {p_text(row.p_value)}; farthest out in {row.column} = {row.value}, {row.place}"
    for column, why in comparison.left_out.items():
        yield f"not compared: {column} ({why})"
    yield ""
    yield (
        "drift: all columns together, or one of them (p corrected by Holm), at half the level each, so p is twice the"
        " smaller one; share: of the difference; JS, PSI: distances, beside what chance makes of them"
    )
    yield "p-values hold if rows are independent, which rows of a stream are not"


def _table(comparison: Comparison) -> Iterator[str]:
    shown = comparison.columns[:MOST_COLUMNS]
    rows = [("", "column", "what changed", "share", "p", "JS", "by chance", "PSI", "by chance")]
    for one in shown:
        divergence, stability = one.distances["jensen_shannon"], one.distances["psi"]
        rows.append(
            (
                "≠" if one.changed else " ",
                one.column if len(one.column) <= WIDEST else one.column[: WIDEST - 1] + "…",
                one.change if len(one.change) <= WIDEST else one.change[: WIDEST - 1] + "…",
                f"{one.share:.0%}" if one.changed else "–",
                p_text(one.adjusted).removeprefix("= "),
                f"{divergence.value:.4f}",
                f"{divergence.expected:.4f}",
                f"{stability.value:.3f}",
                f"{stability.expected:.3f}",
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        cells = [
            text.ljust(width) if at < 3 else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    if len(comparison.columns) > MOST_COLUMNS:
        yield f"   … and {len(comparison.columns) - MOST_COLUMNS} more columns"
