"""Charts as Plotly's JSON, made without its Python side: a page has them in milliseconds.

Colours by Okabe and Ito; states have shapes as well as colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from drift.detect.binned.compare import Cell

BLUE, ORANGE, GREEN, GREY, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#56B4E9", "#222222"
FONT = {"family": "system-ui, sans-serif", "size": 13}
RATIOS = [  # of a distance to its limit: pale below it, dark above; told apart in grey, too
    [0.0, "#F7FBFF"],
    [0.3333, "#C6DBEF"],
    [0.3334, "#FDB863"],
    [1.0, "#7F2704"],
]
MOST_RATIO = 3.0
DIGITS = 5

Chart = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A batch on a chart."""

    number: int  # the batch's
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


def metric_chart(
    points: Sequence[Point],
    name: str,
    *,
    accepted: float | None,
    limit: float | None,
    versions: Sequence[tuple[int, str]],
    alerts: Sequence[tuple[int, str]],
) -> Chart:
    """A measure over batches with its intervals.

    Args:
        points: oldest first.
        name: of the measure.
        accepted: its value on the reference.
        limit: what is tolerated, where there is such a thing.
        versions: positions at which another version of the model begins, with its name.
        alerts: positions at which an alert opened, with what it says.
    """
    there = [at for at, point in enumerate(points) if point.value is not None]
    x = there
    hover = [f"{_cut(points[at].name)}: {points[at].value:.4g}{_between(points[at])}" for at in there]
    data: list[Chart] = []
    if there and all(points[at].low is not None for at in there):
        data.append(_band(x, [points[at].low for at in there], [points[at].high for at in there]))
    data.append(
        {"type": "scatter", "mode": "lines+markers", "x": x, "y": [_short(points[at].value) for at in there],
         "name": name, "line": {"color": BLUE, "width": 1.6}, "marker": {"size": 5}, "text": hover,
         "hovertemplate": "%{text}<extra></extra>", "customdata": [points[at].number for at in there]}
    )  # fmt: skip
    if alerts:
        at_points = [(at, words) for at, words in alerts if points[at].value is not None]
        data.append(
            {"type": "scatter", "mode": "markers", "x": [at for at, _ in at_points],
             "y": [_short(points[at].value) for at, _ in at_points], "name": "alert opened, of any signal",
             "marker": {"symbol": "x", "size": 12, "color": ORANGE}, "text": [_cut(words) for _, words in at_points],
             "hovertemplate": "%{text}<extra></extra>"}
        )  # fmt: skip
    shapes, notes = [], []
    for value, words, dash in ((accepted, "accepted", "dot"), (limit, "tolerated", "dash")):
        if value is not None:
            colour = GREY if words == "accepted" else ORANGE
            shapes.append(_across(value, colour, dash))
            notes.append(_note(1, value, words, colour, above=words == "accepted"))
    for at, version in versions:
        shapes.append({"type": "line", "x0": at - 0.5, "x1": at - 0.5, "yref": "paper", "y0": 0, "y1": 1,
                       "line": {"color": BLACK, "width": 1}})  # fmt: skip
        notes.append({"x": at - 0.5, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False,
                      "text": f"▸{_cut(version, 12)}", "font": {"size": 11, "color": BLACK}})  # fmt: skip
    return {"data": data, "layout": _layout(points, name, height=330, shapes=shapes, annotations=notes)}


def heat_chart(points: Sequence[Point], rows: Mapping[str, Sequence[float | None]]) -> Chart:
    """How far every signal is from the reference, over batches: its distance over its limit; above 1 is bad."""
    names = list(rows)
    data = [
        {"type": "heatmap", "z": [[_short(value, 3) for value in rows[name]] for name in names],
         "y": [_cut(name, 24) for name in names], "zmin": 0, "zmax": MOST_RATIO, "colorscale": RATIOS, "xgap": 0,
         "ygap": 1, "text": [], "customdata": [point.number for point in points],
         "hovertemplate": "%{y}, batch %{x}: %{z:.2f} of its limit<extra></extra>",
         "colorbar": {"title": {"text": "of limit"}, "tickvals": [0, 1, 2, 3], "ticktext": ["0", "1", "2", "3 +"],
                      "thickness": 12}}
    ]  # fmt: skip
    layout = _layout(points, "", height=90 + 22 * len(names))
    layout["yaxis"] = {"autorange": "reversed", "automargin": True, "ticksuffix": " ", "type": "category"}
    return {"data": data, "layout": layout}


def distance_chart(points: Sequence[Point], limits: Sequence[float | None], *, name: str, limit: str) -> Chart:
    """One distance of a signal over batches, in nats, beside a line that depends on the batch's size.

    Args:
        points: oldest first.
        limits: of each.
        name: of the distance.
        limit: what the line is.
    """
    places, steps = _steps(limits)
    data = [
        {"type": "scatter", "mode": "lines+markers", "y": [_short(point.value, 4) for point in points], "name": name,
         "line": {"color": BLUE, "width": 1.6}, "marker": {"size": 5}, "text": [_cut(point.name) for point in points],
         "customdata": [point.number for point in points], "hovertemplate": "%{text}: %{y:.4g}<extra></extra>"},
        {"type": "scatter", "mode": "lines", "x": places, "y": [_short(value, 3) for value in steps], "name": limit,
         "line": {"color": ORANGE, "dash": "dash", "width": 1.4, "shape": "hv"}, "hoverinfo": "skip"},
    ]  # fmt: skip
    return {"data": data, "layout": _layout(points, f"{name}, nats", height=300)}


def unlinked(chart: Chart) -> Chart:
    """The same without each batch's name and number, for a file whose points lead nowhere: half as large."""
    data = [
        {key: value for key, value in trace.items() if key not in ("text", "customdata") and not _is_index(value)}
        | {"hovertemplate": "batch %{x}: %{y:.4g}<extra></extra>"}
        if "customdata" in trace and trace["type"] == "scatter"
        else trace
        for trace in chart["data"]
    ]
    return chart | {"data": data}


def _is_index(value: Any) -> bool:
    """Whether it is 0, 1, 2, ..., which a chart counts by itself."""
    return isinstance(value, list) and value == list(range(len(value)))


def _steps(values: Sequence[float | None]) -> tuple[list[int], list[float | None]]:
    """Where values change as far as one can see, with what they change to, and the last one."""
    seen = [_short(value, 2) for value in values]
    places = [at for at, value in enumerate(seen) if at == 0 or value != seen[at - 1] or at == len(seen) - 1]
    return places, [values[at] for at in places]


def cells_chart(cells: Sequence[Cell], *, batch: str) -> Chart:
    """A signal's values in the reference and in a batch, cell by cell, as shares."""
    shown = [cell for cell in cells if cell.reference or cell.current]
    shown = sorted(shown, key=lambda cell: -max(cell.reference, cell.current))[:40] if len(shown) > 40 else shown
    data = []
    for name, counts, colour, pattern in (
        ("reference", [cell.reference for cell in shown], SKY, ""),
        (batch, [cell.current for cell in shown], ORANGE, "/"),
    ):
        total = max(1, sum(cell.reference if name == "reference" else cell.current for cell in cells))
        data.append(
            {"type": "bar", "name": _cut(name, 30), "x": [_cut(cell.label, 30) for cell in shown],
             "y": [_short(count / total, 4) for count in counts], "customdata": counts,
             "marker": {"color": colour, "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "#ffffff",
                                                     "size": 5}},
             "hovertemplate": "%{x}: %{y:.1%} (%{customdata} rows)<extra>%{fullData.name}</extra>"}
        )  # fmt: skip
    layout = _layout([], "share of rows", height=330)
    layout |= {"barmode": "group", "bargap": 0.2}
    layout["xaxis"] = {"type": "category", "automargin": True, "tickangle": -35}
    layout["yaxis"] |= {"tickformat": ".0%"}
    return {"data": data, "layout": layout}


def _layout(points: Sequence[Point], title: str, *, height: int, **more: Any) -> Chart:
    step = max(1, len(points) // 10)
    ticks = list(range(0, len(points), step))
    return {
        "font": FONT, "height": height, "margin": {"l": 60, "r": 70, "t": 30, "b": 60}, "hovermode": "closest",
        "paper_bgcolor": "#ffffff", "plot_bgcolor": "#ffffff",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {"tickvals": ticks, "ticktext": [_cut(points[at].name, 16) for at in ticks], "automargin": True,
                  "showgrid": False, "zeroline": False, "range": [-0.6, max(0, len(points) - 1) + 0.6]},
        "yaxis": {"title": {"text": title}, "gridcolor": "#E5E5E5", "zeroline": False, "automargin": True},
        **more,
    }  # fmt: skip


def _band(x: Sequence[int], low: Sequence[float | None], high: Sequence[float | None]) -> Chart:
    return {
        "type": "scatter", "mode": "lines", "x": [*x, *reversed(x)],
        "y": [_short(value) for value in (*high, *reversed(low))], "fill": "toself",
        "fillcolor": "rgba(0, 114, 178, 0.15)", "line": {"width": 0}, "name": "95 % interval", "hoverinfo": "skip",
    }  # fmt: skip


def _across(value: float, colour: str, dash: str) -> Chart:
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value,
            "line": {"color": colour, "dash": dash, "width": 1.4}}  # fmt: skip


def _note(x: float, value: float, words: str, colour: str, *, above: bool) -> Chart:
    return {"xref": "paper", "x": x, "y": value, "xanchor": "left", "text": f" {words}", "showarrow": False,
            "yshift": 7 if above else -7, "font": {"size": 11, "color": colour}}  # fmt: skip


def _between(point: Point) -> str:
    return "" if point.low is None or point.high is None else f" [{point.low:.4g}, {point.high:.4g}]"


def _short(value: float | None, digits: int = DIGITS) -> float | None:
    return None if value is None or not isfinite(value) else float(f"{value:.{digits}g}")


def _cut(text: str, most: int = 120) -> str:
    """A text as Plotly shows it, which takes some HTML for markup: short, and without any."""
    plain = text if len(text) <= most else text[: most - 1] + "…"
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
