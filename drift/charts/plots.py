"""Charts of pages as Plotly's JSON: reports, replays, comparisons and the monitor's pages build theirs of these parts.

They are made without Plotly's Python side: a page has them in milliseconds, and Plotly's JavaScript, which the page
holds, draws them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite
from typing import Any, TypeAlias

from markupsafe import Markup

from drift.charts.palette import BAND, BLACK, BLUE, GRID, SKY, VERMILLION, WHITE

Trace: TypeAlias = dict[str, Any]
"""One series, as Plotly names its parts."""

Chart: TypeAlias = dict[str, Any]
"""`data`, a list of traces, and `layout`."""

FONT = {"family": "system-ui, sans-serif", "size": 13}
LEGEND_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
LEGEND_BELOW = {"orientation": "h", "y": -0.18, "yanchor": "top", "x": 0, "traceorder": "normal"}
LEGEND_AT_BOTTOM = LEGEND_BELOW | {"yref": "container", "y": 0, "yanchor": "bottom"}  # of the chart with its margins
STANDOFF = 15  # pixels from the labels of an axis to its title: without it, the title lies on a legend below
DIGITS = 5  # significant ones of a value: more cannot be seen
CONFIG = '{"displayModeBar":false,"responsive":true}'


def chart(
    data: Sequence[Trace],
    *,
    height: float,
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    legend: Mapping[str, Any] = LEGEND_BELOW,
    right: int = 15,
    **layout: Any,
) -> Chart:
    """Traces on two axes.

    Args:
        data: traces, in the order in which they are drawn.
        height: in pixels; the width is the page's.
        x: horizontal axis, see `axis`.
        y: vertical axis.
        legend: where its names are.
        right: margin in pixels.
        layout: further parts of Plotly's layout.
    """
    common = {
        "font": FONT, "height": height, "margin": {"l": 55, "r": right, "t": 30, "b": 50}, "hovermode": "closest",
        "hoverlabel": {"align": "left"}, "paper_bgcolor": WHITE, "plot_bgcolor": WHITE, "legend": dict(legend),
    }  # fmt: skip
    return {"data": list(data), "layout": common | {"xaxis": dict(x), "yaxis": dict(y)} | layout}


def with_rows(drawn: Chart, rows: Sequence[str], share: float) -> Chart:
    """A chart with rows of marks below it, whose traces have `yaxis` `y2`.

    Args:
        drawn: the chart.
        rows: their names, from the top.
        share: of the height, that the rows take.
    """
    x, y = drawn["layout"]["xaxis"], drawn["layout"]["yaxis"]
    order: dict[str, Any] = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(rows)[::-1],
        "tickvals": list(rows),
    }
    below = axis(domain=[0, share], range=[-0.6, len(rows) - 0.4], ticksuffix=" ", **order)
    axes = {"xaxis": x | {"anchor": "y2"}, "yaxis": y | {"domain": [share + 0.03, 1]}, "yaxis2": below}
    return drawn | {"layout": drawn["layout"] | axes}


def axis(title: str = "", **options: Any) -> dict[str, Any]:
    """An axis with a grid and room for its labels; `options` are Plotly's."""
    named = {"title": {"text": title, "standoff": STANDOFF}} if title else {}
    return named | {"gridcolor": GRID, "zeroline": False, "automargin": True} | options


def block_axis(index: Sequence[int]) -> dict[str, Any]:
    """The axis of a deployment's blocks: whole numbers, and half a block of room at each end."""
    each = {"dtick": 1} if len(index) <= 10 else {}
    return axis("block", range=[index[0] - 0.6, index[-1] + 0.6], **each)


def series(
    x: Sequence[Any], y: Sequence[Any], name: str, *, hover: str | None = None, mode: str = "lines+markers", **more: Any
) -> Trace:
    """A curve or points.

    Args:
        x: places.
        y: values, drawn with five significant digits; None leaves a gap.
        name: in the legend.
        hover: what is shown at a point, in Plotly's template language; None shows nothing.
        mode: `lines`, `markers`, or both.
        more: `line`, `marker` and other parts of Plotly's scatter trace; those that are None are left out.
    """
    shown = {"hoverinfo": "skip"} if hover is None else {"hovertemplate": f"{hover}<extra></extra>"}
    values = [rounded(value) if isinstance(value, float) else value for value in y]
    return (
        {"type": "scatter", "mode": mode, "x": list(x), "y": values, "name": name}
        | shown
        | {key: value for key, value in more.items() if value is not None}
    )


def band(
    x: Sequence[Any], low: Sequence[float | None], high: Sequence[float | None], name: str, *, shape: str = "linear",
    **more: Any,
) -> Trace:  # fmt: skip
    """The area between two curves, such as an interval.

    Args:
        x: places, increasing.
        low: lower ends.
        high: upper ends.
        name: in the legend.
        shape: of its edges: `linear`, or `hvh` for steps around the places.
        more: other parts of Plotly's scatter trace.
    """
    edge: dict[str, Any] = {"fill": "toself", "fillcolor": BAND, "line": {"width": 0, "shape": shape}}
    return series([*x, *reversed(x)], [*high, *reversed(low)], name, mode="lines", **edge, **more)


def level_line(value: float, ends: Sequence[Any], name: str) -> Trace:
    """A dashed line across, named in the legend: a name on the line would cover points of a narrow chart."""
    dashed = {"color": VERMILLION, "dash": "dash", "width": 1.5}
    return series(ends, [value] * len(ends), name, mode="lines", line=dashed)


def bars(x: Sequence[Any], y: Sequence[Any], name: str, *, hover: str, colour: str = BLUE, **more: Any) -> Trace:
    """Bars, upright unless `orientation` is `h`; arguments as those of `series`."""
    marker = {"color": colour} | more.pop("marker", {})
    return {
        "type": "bar", "x": list(x), "y": list(y), "name": name, "marker": marker, "hovertemplate": hover,
    } | more  # fmt: skip


def share_bars(
    ticks: Sequence[str], labels: Sequence[str], sides: Sequence[tuple[str, Sequence[int], int]]
) -> list[Trace]:
    """Share of rows in each cell of a column, in the reference and in what is compared with it, as bars side by side.

    Args:
        ticks: what stands below each cell.
        labels: of each cell, when it is pointed at.
        sides: name, rows in each cell, and rows in all, of the reference and of the other.
    """
    return [
        bars(
            ticks, [rounded(count / max(1, total), 4) for count in counts], name, colour=colour,
            hover="%{hovertext}: %{y:.1%} (%{customdata:,} rows)<extra>%{fullData.name}</extra>",
            hovertext=list(labels), customdata=list(counts),
            marker={"pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": WHITE, "size": 5}},
        )
        for (name, counts, total), (colour, pattern) in zip(sides, ((SKY, ""), (VERMILLION, "/")), strict=True)
    ]  # fmt: skip


def error_bars(above: Sequence[float], below: Sequence[float] | None = None, **more: Any) -> dict[str, Any]:
    """Lengths of error bars; those below equal those above by default."""
    return {"array": list(above)} | ({} if below is None else {"arrayminus": list(below)}) | more


def vertical_line(x: Any) -> dict[str, Any]:
    """A line from the bottom to the top of the chart, one of a layout's `shapes`."""
    return {
        "type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": BLACK, "width": 1},
    }  # fmt: skip


def horizontal_line(y: float, colour: str, dash: str) -> dict[str, Any]:
    """A line from the left to the right of the chart, one of a layout's `shapes`."""
    style = {"color": colour, "dash": dash, "width": 1.4}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": style}


def note_above(x: Any, text: str, **more: Any) -> dict[str, Any]:
    """Words above the chart, at a place of its horizontal axis: one of a layout's `annotations`."""
    return {
        "x": x, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False, "text": text,
        "font": {"size": 12, "color": BLACK},
    } | more  # fmt: skip


def rounded(value: float | None, digits: int = DIGITS) -> float | None:
    """A number with so many significant digits; None where there is none.

    >>> rounded(0.123456789), rounded(float("nan")), rounded(None)
    (0.12346, None, None)
    """
    return None if value is None or not isfinite(value) else float(f"{value:.{digits}g}")


def plain(text: str, most: int = 120) -> str:
    """A text for a chart, which takes some HTML for markup: without any, and of at most so many characters.

    >>> plain("<b>long", 5)
    '&lt;b&gt;l…'
    """
    return escape(text if len(text) <= most else text[: most - 1] + "…", quote=False)


def as_json(chart: Mapping[str, Any]) -> Markup:
    r"""A chart as JSON inside a page: no text in it can end the element that holds it.

    >>> as_json({"name": "</script>"})
    Markup('{"name":"\\u003c/script\\u003e"}')
    """
    text = json.dumps(chart, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - no markup left


def as_html(chart: Mapping[str, Any]) -> Markup:
    """A chart's place in a page, and the call that draws it there; the page holds Plotly's JavaScript."""
    return Markup(  # noqa: S704 - numbers, and JSON without markup
        f'<div class="plotly-graph-div" style="height:{chart["layout"]["height"]:g}px"></div><script>'
        f"Plotly.newPlot(document.currentScript.previousElementSibling,{as_json(chart['data'])},"
        f"{as_json(chart['layout'])},{CONFIG})</script>"
    )
