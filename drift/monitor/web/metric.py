"""The chart of a measure over batches, with what the rules called bad and when alerts were open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drift.charts.batch_axis import BatchAxis, Point
from drift.charts.palette import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION, WHITE
from drift.charts.plots import (
    LEGEND_AT_BOTTOM,
    Chart,
    Trace,
    axis,
    band,
    chart,
    horizontal_line,
    note_above,
    plain,
    series,
    vertical_line,
    with_rows,
)


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
    there = [at for at, point in enumerate(points) if point.value is not None]
    places = BatchAxis.of(points)
    x, y = [places.x[at] for at in there], [points[at].value for at in there]
    data: list[Trace] = []
    if there and all(points[at].low is not None for at in there):
        data.append(band(x, [points[at].low for at in there], [points[at].high for at in there], "95 % interval"))
    data.append(
        series(
            x, y, name, hover="%{text}", line={"color": BLUE, "width": 1.6}, marker={"size": 5},
            text=[f"{plain(points[at].name)}: {points[at].value:.4g}{_between(points[at])}" for at in there],
            customdata=[points[at].number for at in there],
        )
    )  # fmt: skip
    worse = [at for at in marks.worse if points[at].value is not None]
    if worse:
        data.append(
            series(
                [places.x[at] for at in worse], [points[at].value for at in worse],
                "bad batch: worse than tolerated", mode="markers", customdata=[points[at].number for at in worse],
                marker={"symbol": "x", "size": 9, "color": VERMILLION},
            )
        )  # fmt: skip
    rows, strip = _strip(points, places, marks)
    shapes: list[Chart] = []
    notes: list[Chart] = []
    for value, words, dash in ((accepted, "accepted", "dot"), (limit, "tolerated", "dash")):
        if value is not None:
            colour = GREY if words == "accepted" else VERMILLION
            shapes.append(horizontal_line(value, colour, dash))
            notes.append(_note(1, value, words, colour, above=words == "accepted"))
    for at, version in versions:
        before = places.edge(at)
        shapes.append(vertical_line(before))
        notes.append(note_above(before, f"▸{plain(version, 12)}", font={"size": 11, "color": BLACK}))
    # The legend is below: at the top it would lie on the names of versions.
    drawn = chart(
        data + strip, height=350 + ROW * len(rows), x=places.options, y=axis(name), legend=LEGEND_AT_BOTTOM, right=70,
        shapes=shapes, annotations=notes,
    )  # fmt: skip
    return with_rows(drawn, rows, ROW * len(rows) / (250 + ROW * len(rows))) if rows else drawn


def _strip(points: Sequence[Point], places: BatchAxis, marks: Marks) -> tuple[list[str], list[Trace]]:
    """Rows below a measure, from the top: batches with signals beyond their limits, and the alerts of each signal."""
    rows: list[str] = []
    data: list[Trace] = []
    if marks.beyond:
        rows.append(BEYOND)
        at_bad = sorted(marks.beyond)
        words = [f"{plain(points[at].name)}: {marks.beyond[at]} signals beyond their limits" for at in at_bad]
        data.append(
            series(
                [places.x[at] for at in at_bad], [BEYOND] * len(at_bad), "bad batch: a signal beyond its limit",
                hover="%{text}", mode="markers", yaxis="y2", text=words,
                marker={"symbol": "square", "size": 8, "color": BLACK},
                customdata=[points[at].number for at in at_bad],
            )
        )  # fmt: skip
    newest = sorted(marks.spans, key=lambda span: -span.first)
    signals = list(dict.fromkeys(span.signal for span in newest))[:MOST_ROWS]
    labels = {signal: f"alert: {plain(signal, 22)}" for signal in signals}
    rows += labels.values()
    for state, (colour, symbol) in STATES.items():
        own = [span for span in marks.spans if span.state == state and span.signal in labels]
        for at, span in enumerate(own):
            number = points[span.first].number
            text = plain(f"{span.signal}, {state}, since {points[span.first].name}: {span.words}", 200)
            data.append(
                series(
                    [places.x[span.first], places.edge(span.last + 1)], [labels[span.signal]] * 2, f"alert {state}",
                    hover="%{text}", yaxis="y2", line={"color": colour, "width": 7}, text=[text, text],
                    marker={"symbol": symbol, "size": [11, 0], "color": colour, "opacity": 1,
                            "line": {"width": 1, "color": WHITE}},
                    legendgroup=state, showlegend=at == 0, customdata=[number, number],
                )
            )  # fmt: skip
    return rows, data


def _note(x: float, value: float, words: str, colour: str, *, above: bool) -> Chart:
    return {"xref": "paper", "x": x, "y": value, "xanchor": "left", "text": f" {words}", "showarrow": False,
            "yshift": 7 if above else -7, "font": {"size": 11, "color": colour}}  # fmt: skip


def _between(point: Point) -> str:
    return "" if point.low is None or point.high is None else f" [{point.low:.4g}, {point.high:.4g}]"
