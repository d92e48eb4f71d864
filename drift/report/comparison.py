"""The page of a comparison of two tables: one HTML file that asks the network for nothing."""

from __future__ import annotations

from pathlib import Path

from drift.charts.palette import PALE, VERMILLION
from drift.charts.plots import LEGEND_ABOVE, Chart, axis, bars, chart, plain, share_bars
from drift.comparison import ColumnChange, Comparison
from drift.comparison.result import reasons, verdict
from drift.detect.permutation.p_values import format_p_value, p_text
from drift.report.page import page_of, write_whole

MOST_SHARES = 25  # columns in the bar chart
LONGEST = 28  # characters of a label
MOST_CELLS = 9  # columns whose values are shown


def write_comparison(comparison: Comparison, path: Path, *, reference: str, current: str) -> Path:
    """Write the page to `path`, whole or not at all; `reference` and `current` are what the tables are called."""
    page = page_of(
        "comparison.html.j2",
        comparison=comparison,
        verdict=verdict(comparison),
        reasons=reasons(comparison),
        reference=reference,
        current=current,
        shares=share_chart(comparison),
        values=[(column, value_chart(column)) for column in comparison.columns[:MOST_CELLS]],
        p_text=p_text,
        format_p_value=format_p_value,
    )
    return write_whole(page, path)


def share_chart(comparison: Comparison) -> Chart:
    """What share of the difference each column carries; those that differ beyond chance stand out."""
    shown = sorted(comparison.columns, key=lambda column: -column.share)[:MOST_SHARES][::-1]
    data = []
    for changed, name in ((True, "differs beyond chance"), (False, "within chance")):
        part = [column for column in shown if column.changed is changed]
        if part:
            data.append(
                bars(
                    [100 * column.share for column in part], [plain(column.column, LONGEST) for column in part], name,
                    hover="%{y}: %{x:.1f} %<extra></extra>", colour=VERMILLION if changed else PALE, orientation="h",
                    text=[f" p {p_text(column.adjusted)}" for column in part], textposition="outside",
                    cliponaxis=False,
                )
            )  # fmt: skip
    highest = max((100 * column.share for column in shown), default=1.0) or 1.0
    x = axis("share of the difference, %", range=[0, 1.4 * highest])
    names = [plain(column.column, LONGEST) for column in shown]
    y = axis(type="category", categoryorder="array", categoryarray=names)
    return chart(data, height=120 + 26 * len(shown), x=x, y=y, legend=LEGEND_ABOVE, bargap=0.35)


def value_chart(column: ColumnChange) -> Chart:
    """Share of rows in each cell of a column, in the reference and in the current table."""
    cells = [cell for cell in column.distances.cells if cell.reference or cell.current]
    labels = [plain(cell.label, LONGEST) for cell in cells]
    ticks = [_lower_end(cell.label) for cell in cells] if column.kind == "numbers" else labels
    reference_rows, current_rows = column.distances.rows
    sides = [
        ("reference", [cell.reference for cell in cells], reference_rows),
        ("current", [cell.current for cell in cells], current_rows),
    ]
    x = axis(type="category", tickangle=-45, tickfont={"size": 11})
    y = axis("% of rows", rangemode="tozero", tickformat=".0%")
    return chart(
        share_bars(ticks, labels, sides), height=270, x=x, y=y, legend=LEGEND_ABOVE, bargap=0.25, bargroupgap=0.05
    )


def _lower_end(label: str) -> str:
    """A cell's lower end, for a short tick: the next cell's is the upper one."""
    short = label[1:].split(",", maxsplit=1)[0] if label.startswith("[") and "," in label else label
    return plain(short, LONGEST)
