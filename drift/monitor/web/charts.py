"""Charts as Plotly's JSON, made without its Python side: a page has them in milliseconds.

States have shapes as well as colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drift.charts.palette import BLUE, SKY, VERMILLION
from drift.detect.profiles.comparison import ComparedCell
from drift.monitor.web.axis import Axis, Chart, Point, cut, layout, short

RATIOS = [  # of a distance to its limit: pale below it, dark above; they differ in grey, too
    [0.0, "#F7FBFF"],
    [0.3333, "#C6DBEF"],
    [0.3334, "#FDB863"],
    [1.0, "#7F2704"],
]
MOST_RATIO = 3.0


def heat_chart(points: Sequence[Point], rows: Mapping[str, Sequence[float | None]]) -> Chart:
    """How far every signal is from the reference, over batches: its distance over its limit; above 1 is bad."""
    names, axis = list(rows), Axis.of(points)
    edges, columns = axis.columns
    data = [
        {"type": "heatmap", "x": edges,
         "z": [[None if at is None else short(rows[name][at], 3) for at in columns] for name in names],
         "y": [cut(name, 24) for name in names], "zmin": 0, "zmax": MOST_RATIO, "colorscale": RATIOS, "xgap": 0,
         "ygap": 1, "text": [], "customdata": [None if at is None else points[at].number for at in columns],
         "hovertemplate": "%{y}, %{x}: %{z:.2f} of its limit<extra></extra>",
         "colorbar": {"title": {"text": "of limit"}, "tickvals": [0, 1, 2, 3], "ticktext": ["0", "1", "2", "3 +"],
                      "thickness": 12}}
    ]  # fmt: skip
    drawn = layout(axis, "", height=90 + 22 * len(names))
    drawn["yaxis"] = {"autorange": "reversed", "automargin": True, "ticksuffix": " ", "type": "category"}
    return {"data": data, "layout": drawn}


def distance_chart(points: Sequence[Point], limits: Sequence[float | None], *, name: str, limit: str) -> Chart:
    """One distance of a signal over batches, in nats, beside a line that depends on the batch's size.

    Args:
        points: oldest first.
        limits: of each.
        name: of the distance.
        limit: what the line is.
    """
    axis = Axis.of(points)
    places, steps = _steps(limits)
    data = [
        {"type": "scatter", "mode": "lines+markers", "x": axis.x, "y": [short(point.value, 4) for point in points],
         "name": name, "line": {"color": BLUE, "width": 1.6}, "marker": {"size": 5},
         "text": [cut(point.name) for point in points], "customdata": [point.number for point in points],
         "hovertemplate": "%{text}: %{y:.4g}<extra></extra>"},
        {"type": "scatter", "mode": "lines", "x": [axis.x[at] for at in places],
         "y": [short(value, 3) for value in steps], "name": limit,
         "line": {"color": VERMILLION, "dash": "dash", "width": 1.4, "shape": "hv"}, "hoverinfo": "skip"},
    ]  # fmt: skip
    return {"data": data, "layout": layout(axis, f"{name}, nats", height=300)}


def unlinked(chart: Chart) -> Chart:
    """The chart without each batch's name and number, for a file without links: half as large."""
    data = [
        {key: value for key, value in trace.items() if key not in ("text", "customdata") and not _is_index(value)}
        | {"hovertemplate": "%{x}: %{y:.4g}<extra></extra>"}
        if "customdata" in trace and trace["type"] == "scatter" and trace.get("yaxis") != "y2"
        else trace
        for trace in chart["data"]
    ]
    return chart | {"data": data}


def _is_index(value: Any) -> bool:
    """Whether it is 0, 1, 2, ..., which a chart counts by itself."""
    return isinstance(value, list) and value == list(range(len(value)))


def _steps(values: Sequence[float | None]) -> tuple[list[int], list[float | None]]:
    """Where values change as far as one can see, with what they change to, and the last one."""
    seen = [short(value, 2) for value in values]
    places = [at for at, value in enumerate(seen) if at == 0 or value != seen[at - 1] or at == len(seen) - 1]
    return places, [values[at] for at in places]


def cells_chart(cells: Sequence[ComparedCell], *, batch: str) -> Chart:
    """A signal's values in the reference and in a batch, cell by cell, as shares."""
    shown = [cell for cell in cells if cell.reference or cell.current]
    shown = sorted(shown, key=lambda cell: -max(cell.reference, cell.current))[:40] if len(shown) > 40 else shown
    data = []
    for name, counts, colour, pattern in (
        ("reference", [cell.reference for cell in shown], SKY, ""),
        (batch, [cell.current for cell in shown], VERMILLION, "/"),
    ):
        total = max(1, sum(cell.reference if name == "reference" else cell.current for cell in cells))
        data.append(
            {"type": "bar", "name": cut(name, 30), "x": [cut(cell.label, 30) for cell in shown],
             "y": [short(count / total, 4) for count in counts], "customdata": counts,
             "marker": {"color": colour, "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "#ffffff",
                                                     "size": 5}},
             "hovertemplate": "%{x}: %{y:.1%} (%{customdata} rows)<extra>%{fullData.name}</extra>"}
        )  # fmt: skip
    drawn = layout(Axis.of([]), "share of rows", height=330)
    drawn |= {"barmode": "group", "bargap": 0.2}
    drawn["xaxis"] = {"type": "category", "automargin": True, "tickangle": -35}
    drawn["yaxis"] |= {"tickformat": ".0%"}
    return {"data": data, "layout": drawn}
