"""Charts of a signal's drift: a map over batches, one distance over batches, and values cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drift.charts.batch_axis import BatchAxis, Point
from drift.charts.palette import BLUE, VERMILLION
from drift.charts.plots import LEGEND_ABOVE, Chart, axis, chart, plain, rounded, series, share_bars
from drift.detect.profiles.comparison import ComparedCell

RATIOS = [  # of a distance to its limit: pale below it, dark above; they differ in grey, too
    [0.0, "#F7FBFF"],
    [0.3333, "#C6DBEF"],
    [0.3334, "#FDB863"],
    [1.0, "#7F2704"],
]
MOST_RATIO = 3.0
MOST_CELLS = 40


def heat_chart(points: Sequence[Point], rows: Mapping[str, Sequence[float | None]]) -> Chart:
    """How far every signal is from the reference, over batches: its distance over its limit; above 1 is bad."""
    names, places = list(rows), BatchAxis.of(points)
    edges, columns = places.columns
    heat = {
        "type": "heatmap", "x": edges,
        "z": [[None if at is None else rounded(rows[name][at], 3) for at in columns] for name in names],
        "y": [plain(name, 24) for name in names], "zmin": 0, "zmax": MOST_RATIO, "colorscale": RATIOS, "xgap": 0,
        "ygap": 1, "text": [], "customdata": [None if at is None else points[at].number for at in columns],
        "hovertemplate": "%{y}, %{x}: %{z:.2f} of its limit<extra></extra>",
        "colorbar": {"title": {"text": "of limit"}, "tickvals": [0, 1, 2, 3], "ticktext": ["0", "1", "2", "3 +"],
                     "thickness": 12},
    }  # fmt: skip
    y = {"autorange": "reversed", "automargin": True, "ticksuffix": " ", "type": "category"}
    return chart([heat], height=90 + 22 * len(names), x=places.options, y=y, legend=LEGEND_ABOVE)


def distance_chart(points: Sequence[Point], limits: Sequence[float | None], *, name: str, limit: str) -> Chart:
    """One distance of a signal over batches, in nats, beside a line that depends on the batch's size.

    Args:
        points: oldest first.
        limits: of each.
        name: of the distance.
        limit: what the line is.
    """
    places = BatchAxis.of(points)
    at_steps, steps = _steps(limits)
    values = series(
        places.x, [point.value for point in points], name, hover="%{text}: %{y:.4g}",
        line={"color": BLUE, "width": 1.6}, marker={"size": 5}, text=[plain(point.name) for point in points],
        customdata=[point.number for point in points],
    )  # fmt: skip
    line = {"color": VERMILLION, "dash": "dash", "width": 1.4, "shape": "hv"}
    data = [values, series([places.x[at] for at in at_steps], steps, limit, mode="lines", line=line)]
    return chart(data, height=300, x=places.options, y=axis(f"{name}, nats"), legend=LEGEND_ABOVE)


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
    visible = [rounded(value, 2) for value in values]
    last = len(values) - 1
    places = [at for at, value in enumerate(visible) if at in (0, last) or value != visible[at - 1]]
    return places, [values[at] for at in places]


def cells_chart(cells: Sequence[ComparedCell], *, batch: str) -> Chart:
    """A signal's values in the reference and in a batch, cell by cell, as shares."""
    shown = [cell for cell in cells if cell.reference or cell.current]
    shown = sorted(shown, key=lambda cell: -max(cell.reference, cell.current)) if len(shown) > MOST_CELLS else shown
    shown, names = shown[:MOST_CELLS], [plain(cell.label, 30) for cell in shown[:MOST_CELLS]]
    sides = [
        ("reference", [cell.reference for cell in shown], sum(cell.reference for cell in cells)),
        (plain(batch, 30), [cell.current for cell in shown], sum(cell.current for cell in cells)),
    ]
    x = {"type": "category", "automargin": True, "tickangle": -35}
    y = axis("share of rows", tickformat=".0%")
    data = share_bars(names, names, sides)
    return chart(data, height=330, x=x, y=y, legend=LEGEND_ABOVE, barmode="group", bargap=0.2)
