"""The page of a comparison of two tables: one HTML file that asks the network for nothing."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from drift import __version__
from drift.comparison import Comparison
from drift.comparison.describe import reasons, verdict
from drift.detect.permutation.p_values import format_p_value, p_text
from drift.report.charts import LAYOUT, SIDES
from drift.report.page import environment, inline, plotly_library, write_whole

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_SHARES = 25  # columns in the bar chart
PANEL = LAYOUT | {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}}
LONGEST = 28  # characters of a label
MOST_CELLS = 9  # columns whose values are shown


def write_comparison(comparison: Comparison, path: Path, *, reference: str, current: str) -> Path:
    """Write the page to `path`, whole or not at all; `reference` and `current` are what the tables are called."""
    page: str = (
        environment()
        .get_template("comparison.html.j2")
        .render(
            comparison=comparison,
            verdict=verdict(comparison),
            reasons=reasons(comparison),
            reference=reference,
            current=current,
            shares=inline(share_chart(comparison)),
            values=[
                (column, inline(value_chart(comparison, column.column))) for column in comparison.columns[:MOST_CELLS]
            ],
            p_text=p_text,
            format_p_value=format_p_value,
            plotly=plotly_library(),
            version=__version__,
        )
    )
    return write_whole(page, path)


def share_chart(comparison: Comparison) -> go.Figure:
    """What share of the difference each column carries; those that differ beyond chance stand out."""
    import plotly.graph_objects as go

    shown = sorted(comparison.columns, key=lambda one: -one.share)[:MOST_SHARES][::-1]
    figure = go.Figure()
    for changed, name in ((True, "differs beyond chance"), (False, "within chance")):
        part = [one for one in shown if one.changed is changed]
        if part:
            figure.add_bar(
                x=[100 * one.share for one in part],
                y=[_plain(one.column) for one in part],
                orientation="h",
                name=name,
                marker={"color": SIDES[1] if changed else "#BFC5CD"},
                text=[f" p {p_text(one.adjusted)}" for one in part],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
            )
    highest = max((100 * one.share for one in shown), default=1.0) or 1.0
    figure.update_layout(**PANEL, height=120 + 26 * len(shown), bargap=0.35)
    figure.update_xaxes(title="share of the difference, %", range=[0, 1.4 * highest])
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=[_plain(one.column) for one in shown], automargin=True
    )
    return figure


def value_chart(comparison: Comparison, column: str) -> go.Figure:
    """Share of rows in each cell of a column, in the reference and in the current table."""
    import plotly.graph_objects as go

    one = next(one for one in comparison.columns if one.column == column)
    found, numeric = one.distances, one.kind == "numbers"
    cells = [cell for cell in found.cells if cell.reference or cell.current]
    figure = go.Figure()
    for at, (name, total) in enumerate(zip(("reference", "current"), found.rows, strict=True)):
        counts = [(cell.reference, cell.current)[at] for cell in cells]
        figure.add_bar(
            x=[_from(cell.label) if numeric else _plain(cell.label) for cell in cells],
            y=[100 * count / total for count in counts],
            name=name,
            marker={"color": SIDES[at]},
            customdata=[(_plain(cell.label), count) for cell, count in zip(cells, counts, strict=True)],
            hovertemplate="%{customdata[0]}: %{y:.1f} % (%{customdata[1]:,} rows)<extra>" + name + "</extra>",
        )
    figure.update_layout(**PANEL, height=270, bargap=0.25, bargroupgap=0.05)
    figure.update_xaxes(type="category", automargin=True, tickangle=-45, tickfont={"size": 11})
    figure.update_yaxes(title="% of rows", rangemode="tozero")
    return figure


def _from(label: str) -> str:
    """A cell's lower end, for a short tick: the next cell's tells the upper one."""
    short = label[1:].split(",", maxsplit=1)[0] if label.startswith("[") and "," in label else label
    return _plain(short)


def _plain(text: str) -> str:
    """Text for a chart, where HTML is read: escaped, and not longer than a label can be."""
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…", quote=False)
