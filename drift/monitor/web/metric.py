"""The chart of a measure over batches, with what the rules called bad and when alerts were open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drift.charts.palette import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION
from drift.monitor.web.axis import Axis, Chart, Point, cut, layout, short


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


STATES = {"open": (VERMILLION, "x"), "acknowledged": (ORANGE, "diamond"), "closed": (GREEN, "circle")}
BEYOND = "signals beyond limit"
MOST_ROWS = 12  # signals with alerts
ROW = 22  # pixels


def metric_chart(
    points: Sequence[Point],
    name: str,
    *,
    accepted: float | None,
    limit: float | None,
    versions: Sequence[tuple[int, str]],
    marks: Marks,
) -> Chart:
    """A measure over batches with its intervals, and below it what the rules called bad and when alerts were open.

    Args:
        points: oldest first.
        name: of the measure.
        accepted: its value on the reference.
        limit: what is tolerated, where there is such a thing.
        versions: positions at which another version of the model begins, with its name.
        marks: what is marked.
    """
    measured = [at for at, point in enumerate(points) if point.value is not None]
    axis = Axis.of(points)
    x = [axis.x[at] for at in measured]
    hover = [f"{cut(points[at].name)}: {points[at].value:.4g}{_between(points[at])}" for at in measured]
    data: list[Chart] = []
    if measured and all(points[at].low is not None for at in measured):
        data.append(_band(x, [points[at].low for at in measured], [points[at].high for at in measured]))
    data.append(
        {"type": "scatter", "mode": "lines+markers", "x": x, "y": [short(points[at].value) for at in measured],
         "name": name, "line": {"color": BLUE, "width": 1.6}, "marker": {"size": 5}, "text": hover,
         "hovertemplate": "%{text}<extra></extra>", "customdata": [points[at].number for at in measured]}
    )  # fmt: skip
    worse = [at for at in marks.worse if points[at].value is not None]
    if worse:
        data.append(
            {"type": "scatter", "mode": "markers", "x": [axis.x[at] for at in worse],
             "y": [short(points[at].value) for at in worse], "name": "bad batch: worse than tolerated",
             "marker": {"symbol": "x", "size": 9, "color": VERMILLION}, "hoverinfo": "skip",
             "customdata": [points[at].number for at in worse]}
        )  # fmt: skip
    rows, strip = _strip(points, axis, marks)
    shapes: list[Chart] = []
    notes: list[Chart] = []
    for value, words, dash in ((accepted, "accepted", "dot"), (limit, "tolerated", "dash")):
        if value is not None:
            colour = GREY if words == "accepted" else VERMILLION
            shapes.append(_across(value, colour, dash))
            notes.append(_note(1, value, words, colour, above=words == "accepted"))
    for at, version in versions:
        before = axis.edge(at)
        shapes.append({"type": "line", "x0": before, "x1": before, "yref": "paper", "y0": 0, "y1": 1,
                       "line": {"color": BLACK, "width": 1}})  # fmt: skip
        notes.append({"x": before, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False,
                      "text": f"▸{cut(version, 12)}", "font": {"size": 11, "color": BLACK}})  # fmt: skip
    drawn = layout(axis, name, height=350 + ROW * len(rows), shapes=shapes, annotations=notes)
    # The legend is below: at the top it would lie on the names of versions.
    drawn["legend"] |= {"yref": "container", "y": 0, "yanchor": "bottom"}
    if rows:
        share = ROW * len(rows) / (250 + ROW * len(rows))
        drawn["yaxis"]["domain"] = [share + 0.03, 1]
        drawn["yaxis2"] = {
            "domain": [0, share], "type": "category", "categoryorder": "array", "categoryarray": rows[::-1],
            "range": [-0.6, len(rows) - 0.4], "tickvals": rows, "automargin": True, "ticksuffix": " ",
            "gridcolor": "#E5E5E5", "zeroline": False,
        }  # fmt: skip
        drawn["xaxis"]["anchor"] = "y2"
    return {"data": data + strip, "layout": drawn}


def _strip(points: Sequence[Point], axis: Axis, marks: Marks) -> tuple[list[str], list[Chart]]:
    """Rows below a measure, from the top: batches with signals beyond their limits, and the alerts of each signal."""
    rows: list[str] = []
    data: list[Chart] = []
    if marks.beyond:
        rows.append(BEYOND)
        at_bad = sorted(marks.beyond)
        words = [f"{cut(points[at].name)}: {marks.beyond[at]} signals beyond their limits" for at in at_bad]
        data.append(
            {"type": "scatter", "mode": "markers", "x": [axis.x[at] for at in at_bad], "y": [BEYOND] * len(at_bad),
             "yaxis": "y2", "name": "bad batch: a signal beyond its limit", "text": words,
             "marker": {"symbol": "square", "size": 8, "color": BLACK}, "hovertemplate": "%{text}<extra></extra>",
             "customdata": [points[at].number for at in at_bad]}
        )  # fmt: skip
    newest = sorted(marks.spans, key=lambda span: -span.first)
    signals = list(dict.fromkeys(span.signal for span in newest))[:MOST_ROWS]
    labels = {signal: f"alert: {cut(signal, 22)}" for signal in signals}
    rows += labels.values()
    for state, (colour, symbol) in STATES.items():
        own = [span for span in marks.spans if span.state == state and span.signal in labels]
        for at, span in enumerate(own):
            number = points[span.first].number
            text = cut(f"{span.signal}, {state}, since {points[span.first].name}: {span.words}", 200)
            data.append(
                {"type": "scatter", "mode": "lines+markers", "yaxis": "y2", "y": [labels[span.signal]] * 2,
                 "x": [axis.x[span.first], axis.edge(span.last + 1)], "line": {"color": colour, "width": 7},
                 "marker": {"symbol": symbol, "size": [11, 0], "color": colour, "opacity": 1,
                            "line": {"width": 1, "color": "#ffffff"}},
                 "name": f"alert {state}", "legendgroup": state, "showlegend": at == 0, "text": [text, text],
                 "hovertemplate": "%{text}<extra></extra>", "customdata": [number, number]}
            )  # fmt: skip
    return rows, data


def _band(x: Sequence[Any], low: Sequence[float | None], high: Sequence[float | None]) -> Chart:
    return {
        "type": "scatter", "mode": "lines", "x": [*x, *reversed(x)],
        "y": [short(value) for value in (*high, *reversed(low))], "fill": "toself",
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
