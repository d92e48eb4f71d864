"""The page of a comparison of policies: accuracy over time, what a retrain buys, and alarms beside the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drift import __version__
from drift.charts.palette import BLUE, SKY, Style, series_style
from drift.replays.evaluation.concept import has_concept
from drift.replays.experiment import Results
from drift.replays.summary import KnownDisplacement, ReplaySummary, RiskSeries
from drift.report.charts import LAYOUT, OLD
from drift.report.estimates import estimates_chart
from drift.report.page import environment, inline, plotly_library, write_whole

if TYPE_CHECKING:
    import plotly.graph_objects as go

SMOOTHED = 0.06  # share of the blocks that a point of the curves looks back on
LINE_HEIGHT, ROW_HEIGHT = 22, 24  # pixels of a legend's line, and of a policy's row of alarms
PER_LINE = 6  # names on a legend's line of a page of 1,080 pixels


def write_replay(results: Results, summary: ReplaySummary, path: Path) -> Path:
    """Write the page to `path`, whole or not at all.

    Args:
        results: the replayed blocks.
        summary: what was computed of them.
        path: of the page.
    """
    table = summary.policies
    figures = {"accuracy": accuracy_chart(results), "frontier": frontier_chart(results, summary)}
    if summary.displacement is not None:
        figures["displacement"] = displacement_chart(results, summary.displacement)
    figures["risk"] = risk_chart(results, summary.risk)
    if summary.estimates is not None:
        figures["estimates"] = estimates_chart(summary.estimates)
    page: str = (
        environment()
        .get_template("replay.html.j2")
        .render(
            results=results,
            table=table,
            estimates=summary.estimates,
            moves=has_concept(results.stream.table),
            best=max([line for line in table if not line.hindsight] or table, key=lambda line: line.accuracy),
            seeds=len(results.outcomes) // len(table),
            figures={name: inline(figure) for name, figure in figures.items()},
            plotly=plotly_library(),
            version=__version__,
        )
    )
    return write_whole(page, path)


def accuracy_chart(results: Results) -> go.Figure:
    """Accuracy over time of every policy, for the first seed, smoothed over a few blocks; a mark at each retrain."""
    import plotly.graph_objects as go

    figure = go.Figure()
    over = max(1, round(SMOOTHED * len(results.stream.blocks)))
    for name, style in _styles(results).items():
        played = results.of(name)[0].played
        right = np.cumsum([0, *(block.correct for block in played.blocks)])
        rows = np.cumsum([0, *(block.rows for block in played.blocks)])
        ends = np.arange(1, len(rows))
        first = np.maximum(0, ends - over)
        values = (right[ends] - right[first]) / (rows[ends] - rows[first])
        retrained = {retrain.block for retrain in played.retrains}
        figure.add_scatter(
            x=[_when(block.last_time, block.index) for block in played.blocks],
            y=values,
            mode="lines+markers",
            marker={
                "size": [8 if block.index in retrained else 0 for block in played.blocks],
                "color": style.colour,
                "symbol": style.marker,
            },
            line={"color": style.colour, "dash": style.dash, "width": 1.8},
            name=name,
            hovertemplate=f"{name}, %{{x}}: %{{y:.3f}} over {over} blocks<extra></extra>",
        )
    figure.update_layout(**_layout(len(results.names), 360), yaxis_title="accuracy", hovermode="closest")
    figure.update_yaxes(tickformat=".2~f")
    return figure


def frontier_chart(results: Results, summary: ReplaySummary) -> go.Figure:
    """Accuracy against the number of retrains, with what hindsight would have reached."""
    import plotly.graph_objects as go

    figure = go.Figure()
    table = summary.policies
    if summary.hindsight:
        figure.add_scatter(
            x=list(range(len(summary.hindsight))), y=summary.hindsight, mode="lines",
            line={"color": OLD, "dash": "dash"}, name="hindsight",
            hovertemplate="%{x} retrains in hindsight: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    by_name = {line.name: line for line in table}
    places: dict[tuple[float, float], int] = {}
    for name, style in _styles(results).items():
        line = by_name[name]
        place = round(line.retrains, 1), round(line.accuracy, 4)
        same = places[place] = places.get(place, -1) + 1  # the next one here is drawn as a ring around the others
        ring = {"symbol": f"{style.marker}-open", "line": {"width": 2}} if same else {"symbol": style.marker}
        figure.add_scatter(
            x=[line.retrains],
            y=[line.accuracy],
            error_y={"array": [line.spread], "color": style.colour, "thickness": 1.5},
            mode="markers",
            marker={"size": 12 + 8 * same, "color": style.colour} | ring,
            name=line.name,
            hovertemplate=f"{line.name}: %{{x:.1f}} retrains, %{{y:.4f}}<extra></extra>",
        )
    figure.update_layout(
        **_layout(1 + len(table), 340), xaxis_title="retrains", yaxis_title="accuracy", hovermode="closest"
    )
    figure.update_xaxes(title_standoff=8)
    figure.update_yaxes(tickformat=".3~f")
    return figure


def displacement_chart(results: Results, known: KnownDisplacement) -> go.Figure:
    """The true displacement of the concept by block, and under it every policy's alarms and retrains."""
    import plotly.graph_objects as go

    blocks = results.of(known.policy)[0].played.blocks
    times = [_when(block.last_time, block.index) for block in blocks]
    figure, styles = go.Figure(), _styles(results)
    figure.add_scatter(
        x=times, y=known.by_block, name=f"labels turned since the window of {known.policy!r}'s model", fill="tozeroy",
        line={"color": SKY}, hovertemplate="%{x}: %{y:.1%} of labels turned<extra></extra>",
    )  # fmt: skip
    for name, style in styles.items():
        played = results.of(name)[0].played
        marked = {"alarm": played.alarms, "retrain": [retrain.block for retrain in played.retrains]}
        for kind, symbol in (("alarm", "circle-open"), ("retrain", "triangle-up")):
            figure.add_scatter(
                x=[times[at] for at in marked[kind]], y=[name] * len(marked[kind]), yaxis="y2", mode="markers",
                marker={"symbol": symbol, "color": style.colour, "size": 9, "line": {"width": 2}},
                marker_line_color=style.colour,
                showlegend=False,
                hovertemplate=f"{name}: {kind} after %{{x}}<extra></extra>",
            )  # fmt: skip
    above, below = 240, ROW_HEIGHT * len(styles) + 10  # pixels
    share = below / (above + below)
    figure.update_layout(
        **_layout(1, above + below),
        yaxis={"domain": [share + 0.03 * (1 - share), 1], "tickformat": ".0%", "rangemode": "tozero"},
        yaxis2={
            "domain": [0, share], "type": "category", "categoryorder": "array", "categoryarray": list(styles)[::-1],
            "range": [-0.6, len(styles) - 0.4], "tickmode": "array", "tickvals": list(styles), "automargin": True,
            "ticksuffix": " ",
        },
        xaxis={"anchor": "y2"},
    )  # fmt: skip
    return figure


def risk_chart(results: Results, risk: RiskSeries) -> go.Figure:
    """The current risk of the most accurate policy by block, with an interval that holds at all blocks at once."""
    import plotly.graph_objects as go

    intervals, played = risk.intervals, results.of(risk.policy)[0].played
    times = [_when(block.last_time, block.index) for block in played.blocks]
    figure, name = go.Figure(), f"{risk.policy}: share of wrong answers, {risk.window} blocks"
    band = [*(one.high for one in intervals), *(one.low for one in reversed(intervals))]
    figure.add_scatter(
        x=times + times[::-1], y=band, fill="toself", mode="lines", line={"width": 0},
        fillcolor="rgba(0, 114, 178, 0.15)",
        name=f"95 % interval of the mean risk of {risk.window} blocks, valid at all of them", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(x=times, y=[one.mean for one in intervals], name=name,
                       line={"color": BLUE})  # fmt: skip
    figure.update_layout(**_layout(2, 280), yaxis_title="risk", hovermode="x")
    return figure


def _styles(results: Results) -> dict[str, Style]:
    """The style of each policy, the same in every chart of the page."""
    return {name: series_style(index) for index, name in enumerate(results.names)}


def _layout(names: int, height: int) -> dict[str, Any]:
    """A layout whose legend has room of its own below the chart.

    Args:
        names: in the legend.
        height: of the chart without its legend, in pixels.
    """
    legend = LAYOUT["legend"] | {"yref": "container", "y": 0, "yanchor": "bottom"}  # type: ignore[operator]
    return LAYOUT | {"legend": legend, "height": height + LINE_HEIGHT * -(-names // PER_LINE) + 20}


def _when(time: str | None, index: int) -> str | int:
    return index if time is None else time[:16]
