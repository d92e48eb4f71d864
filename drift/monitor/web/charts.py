"""Charts of the pages: a measure over batches with its alerts, distances of signals, and values cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drift.charts import plots
from drift.charts.batch_axis import BatchAxis, Point
from drift.charts.palette import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION, WHITE
from drift.detect.profiles.aligned_counts import ComparedCell

RATIOS = [  # of a distance to its limit: pale below it, dark above; they differ in grey, too
    [0.0, "#F7FBFF"],
    [0.3333, "#C6DBEF"],
    [0.3334, "#FDB863"],
    [1.0, "#7F2704"],
]
MOST_RATIO = 3.0
MOST_CELLS = 40
STATES = {"open": (VERMILLION, "x"), "acknowledged": (ORANGE, "diamond"), "closed": (GREEN, "circle")}
BEYOND = "signals beyond limit"
MOST_ROWS = 12  # signals with alerts
ROW = 22  # pixels


def heat_chart(points: Sequence[Point], rows: Mapping[str, Sequence[float | None]]) -> plots.Chart:
    """How far every signal is from the reference, over batches: its distance over its limit; above 1 is bad."""
    names, places = list(rows), BatchAxis.of(points)
    edges, columns = places.columns
    heat = {
        "type": "heatmap", "x": edges,
        "z": [[None if at is None else plots.rounded(rows[name][at], 3) for at in columns] for name in names],
        "y": [plots.plain(name, 24) for name in names], "zmin": 0, "zmax": MOST_RATIO, "colorscale": RATIOS, "xgap": 0,
        "ygap": 1, "text": [], "customdata": [None if at is None else points[at].number for at in columns],
        "hovertemplate": "%{y}, %{x}: %{z:.2f} of its limit<extra></extra>",
        "colorbar": {"title": {"text": "of limit"}, "tickvals": [0, 1, 2, 3], "ticktext": ["0", "1", "2", "3 +"],
                     "thickness": 12},
    }  # fmt: skip
    y = {"autorange": "reversed", "automargin": True, "ticksuffix": " ", "type": "category"}
    return plots.chart([heat], height=90 + 22 * len(names), x=places.options, y=y, legend=plots.LEGEND_ABOVE)


def distance_chart(points: Sequence[Point], limits: Sequence[float | None], *, name: str, limit: str) -> plots.Chart:
    """One distance of a signal over batches, in nats, beside a line that depends on the batch's size.

    Args:
        points: oldest first.
        limits: of each.
        name: of the distance.
        limit: what the line is.
    """
    places = BatchAxis.of(points)
    at_steps, steps = _steps(limits)
    values = plots.series(
        places.x, [point.value for point in points], name, hover="%{text}: %{y:.4g}",
        line={"color": BLUE, "width": 1.6}, marker={"size": 5}, text=[plots.plain(point.name) for point in points],
        customdata=[point.number for point in points],
    )  # fmt: skip
    line = {"color": VERMILLION, "dash": "dash", "width": 1.4, "shape": "hv"}
    data = [values, plots.series([places.x[at] for at in at_steps], steps, limit, mode="lines", line=line)]
    return plots.chart(data, height=300, x=places.options, y=plots.axis(f"{name}, nats"), legend=plots.LEGEND_ABOVE)


def unlinked(chart: plots.Chart) -> plots.Chart:
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
    visible = [plots.rounded(value, 2) for value in values]
    last = len(values) - 1
    places = [at for at, value in enumerate(visible) if at in (0, last) or value != visible[at - 1]]
    return places, [values[at] for at in places]


def cells_chart(cells: Sequence[ComparedCell], *, batch: str) -> plots.Chart:
    """A signal's values in the reference and in a batch, cell by cell, as shares."""
    shown = [cell for cell in cells if cell.reference or cell.current]
    shown = sorted(shown, key=lambda cell: -max(cell.reference, cell.current)) if len(shown) > MOST_CELLS else shown
    shown, names = shown[:MOST_CELLS], [plots.plain(cell.label, 30) for cell in shown[:MOST_CELLS]]
    sides = [
        ("reference", [cell.reference for cell in shown], sum(cell.reference for cell in cells)),
        (plots.plain(batch, 30), [cell.current for cell in shown], sum(cell.current for cell in cells)),
    ]
    x = {"type": "category", "automargin": True, "tickangle": -35}
    y = plots.axis("share of rows", tickformat=".0%")
    data = plots.share_bars(names, names, sides)
    return plots.chart(data, height=330, x=x, y=y, legend=plots.LEGEND_ABOVE, barmode="group", bargap=0.2)


@dataclass(frozen=True)
class AlertSpan:
    """An alert on a chart.

    Attributes:
        signal: what it is about, as people read it.
        state: `open`, `acknowledged` or `closed`.
        first: position of the batch at which it opened.
        last: position of the last batch that it was open for.
        words: its reason.
    """

    signal: str
    state: str
    first: int
    last: int
    words: str


@dataclass(frozen=True)
class Marks:
    """What the monitor's rules made of the batches.

    Attributes:
        worse: positions of batches whose measure is worse than what is tolerated.
        beyond: by position of a batch, how many of its signals are beyond their limits; without those that have none.
        spans: alerts.
    """

    worse: Sequence[int] = ()
    beyond: Mapping[int, int] = field(default_factory=dict)
    spans: Sequence[AlertSpan] = ()


def metric_chart(
    points: Sequence[Point],
    name: str,
    *,
    accepted: float | None,
    limit: float | None,
    versions: Sequence[tuple[int, str]],
    marks: Marks,
) -> plots.Chart:
    """A measure over batches with its intervals, and below it what the rules called bad and when alerts were open.

    Args:
        points: oldest first.
        name: of the measure.
        accepted: its value on the reference.
        limit: what is tolerated, where there is such a thing.
        versions: positions at which another version of the model begins, with its name.
        marks: what is marked.
    """
    there = [at for at, point in enumerate(points) if point.value is not None]
    places = BatchAxis.of(points)
    x, y = [places.x[at] for at in there], [points[at].value for at in there]
    data: list[plots.Trace] = []
    if there and all(points[at].low is not None for at in there):
        data.append(plots.band(x, [points[at].low for at in there], [points[at].high for at in there], "95 % interval"))
    data.append(
        plots.series(
            x, y, name, hover="%{text}", line={"color": BLUE, "width": 1.6}, marker={"size": 5},
            text=[f"{plots.plain(points[at].name)}: {points[at].value:.4g}{_between(points[at])}" for at in there],
            customdata=[points[at].number for at in there],
        )
    )  # fmt: skip
    worse = [at for at in marks.worse if points[at].value is not None]
    if worse:
        data.append(
            plots.series(
                [places.x[at] for at in worse], [points[at].value for at in worse],
                "bad batch: worse than tolerated", mode="markers", customdata=[points[at].number for at in worse],
                marker={"symbol": "x", "size": 9, "color": VERMILLION},
            )
        )  # fmt: skip
    rows, strip = _strip(points, places, marks)
    shapes: list[plots.Chart] = []
    notes: list[plots.Chart] = []
    for value, words, dash in ((accepted, "accepted", "dot"), (limit, "tolerated", "dash")):
        if value is not None:
            colour = GREY if words == "accepted" else VERMILLION
            shapes.append(plots.horizontal_line(value, colour, dash))
            notes.append(_note(1, value, words, colour, above=words == "accepted"))
    for at, version in versions:
        before = places.edge(at)
        shapes.append(plots.vertical_line(before))
        notes.append(plots.note_above(before, f"▸{plots.plain(version, 12)}", font={"size": 11, "color": BLACK}))
    # The legend is below: at the top it would lie on the names of versions.
    drawn = plots.chart(
        data + strip, height=350 + ROW * len(rows), x=places.options, y=plots.axis(name),
        legend=plots.LEGEND_AT_BOTTOM, right=70, shapes=shapes, annotations=notes,
    )  # fmt: skip
    return plots.with_rows(drawn, rows, ROW * len(rows) / (250 + ROW * len(rows))) if rows else drawn


def _strip(points: Sequence[Point], places: BatchAxis, marks: Marks) -> tuple[list[str], list[plots.Trace]]:
    """Rows below a measure, from the top: batches with signals beyond their limits, and the alerts of each signal."""
    rows: list[str] = []
    data: list[plots.Trace] = []
    if marks.beyond:
        rows.append(BEYOND)
        at_bad = sorted(marks.beyond)
        words = [f"{plots.plain(points[at].name)}: {marks.beyond[at]} signals beyond their limits" for at in at_bad]
        data.append(
            plots.series(
                [places.x[at] for at in at_bad], [BEYOND] * len(at_bad), "bad batch: a signal beyond its limit",
                hover="%{text}", mode="markers", yaxis="y2", text=words,
                marker={"symbol": "square", "size": 8, "color": BLACK},
                customdata=[points[at].number for at in at_bad],
            )
        )  # fmt: skip
    newest = sorted(marks.spans, key=lambda span: -span.first)
    signals = list(dict.fromkeys(span.signal for span in newest))[:MOST_ROWS]
    labels = {signal: f"alert: {plots.plain(signal, 22)}" for signal in signals}
    rows += labels.values()
    for state, (colour, symbol) in STATES.items():
        own = [span for span in marks.spans if span.state == state and span.signal in labels]
        for at, span in enumerate(own):
            number = points[span.first].number
            text = plots.plain(f"{span.signal}, {state}, since {points[span.first].name}: {span.words}", 200)
            data.append(
                plots.series(
                    [places.x[span.first], places.edge(span.last + 1)], [labels[span.signal]] * 2, f"alert {state}",
                    hover="%{text}", yaxis="y2", line={"color": colour, "width": 7}, text=[text, text],
                    marker={"symbol": symbol, "size": [11, 0], "color": colour, "opacity": 1,
                            "line": {"width": 1, "color": WHITE}},
                    legendgroup=state, showlegend=at == 0, customdata=[number, number],
                )
            )  # fmt: skip
    return rows, data


def _note(x: float, value: float, words: str, colour: str, *, above: bool) -> plots.Chart:
    return {"xref": "paper", "x": x, "y": value, "xanchor": "left", "text": f" {words}", "showarrow": False,
            "yshift": 7 if above else -7, "font": {"size": 11, "color": colour}}  # fmt: skip


def _between(point: Point) -> str:
    return "" if point.low is None or point.high is None else f" [{point.low:.4g}, {point.high:.4g}]"
