"""The charts of a deployment's report, as Plotly figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from typing import TYPE_CHECKING, Any

from drift.charts.palette import GREEN, GREY, MARKERS, SKY, VERMILLION, VERSIONS, series_style
from drift.detect import Score
from drift.detect.accuracy.block_tests import chance_band
from drift.loop.journal.records import DecisionRecord
from drift.loop.releases.external_changes import outside_changes
from drift.loop.scoring.seen_rows import has_seen
from drift.policies.history import BlockRecord

if TYPE_CHECKING:
    import plotly.graph_objects as go

THRESHOLD, FLAG, BAND, OLD = VERMILLION, VERMILLION, "rgba(0, 114, 178, 0.13)", GREY
SIDES = (SKY, VERMILLION)  # reference, current
SMALLEST_P = 1e-12  # where the axis of p-values ends: smaller ones are drawn there, as triangles
LAYOUT = {
    "template": "plotly_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 55, "r": 15, "t": 28, "b": 50},
    "legend": {"orientation": "h", "y": -0.18, "yanchor": "top", "x": 0, "traceorder": "normal"},
    "hoverlabel": {"align": "left"},
}


def accuracy_chart(
    blocks: Sequence[BlockRecord],
    decisions: Sequence[DecisionRecord],
    *,
    threshold: float | None,
    accepted: Mapping[int, float],
    first_champion: int | None = None,
    seen: Mapping[int, int] | None = None,
) -> go.Figure:
    """Accuracy by block, with threshold, chance band, flags, changes of champion, and the first one had it stayed.

    Args:
        blocks: that were scored, one or more.
        decisions: of the deployment.
        threshold: of the accuracy; None for a policy that has none.
        accepted: accuracy on its reference, by version that answered.
        first_champion: version that the deployment began with; by default the one that answered the first block.
        seen: by version, one past the last row that had a part in it; blocks with such rows are marked.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    index = [block.index for block in blocks]
    bands = [chance_band(block.rows, accepted[block.version]) for block in blocks]
    edge = {"mode": "lines", "line": {"width": 0, "shape": "hvh"}, "hoverinfo": "skip"}
    figure.add_scatter(x=index, y=[high for _, high in bands], showlegend=False, **edge)
    figure.add_scatter(
        x=index,
        y=[low for low, _ in bands],
        fill="tonexty",
        fillcolor=BAND,
        name="95 % by chance",
        **edge,
    )
    first = blocks[0].version if first_champion is None else first_champion
    marks = _champion_marks(blocks, decisions, first)
    if marks:
        kept = [block for block in blocks if block.index >= min(marks) - 0.5]
        if kept and min(marks) < index[-1] + 0.5:  # no block follows a promotion at the end
            figure.add_scatter(
                x=[block.index for block in kept],
                y=[block.first_champion_correct / block.rows for block in kept],
                mode="lines+markers",
                line={"color": OLD, "dash": "dot"},
                marker={"size": 5},
                name=f"version {first}, had it stayed",
                hovertemplate="block %{x}: %{y:.3f}<extra></extra>",
            )
    for place, version in enumerate(dict.fromkeys(block.version for block in blocks)):
        style = series_style(place, VERSIONS)
        own = [block if block.version == version else None for block in blocks]  # None: no line over another's blocks
        figure.add_scatter(
            x=index,
            y=[None if block is None else block.accuracy for block in own],
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"size": 7, "symbol": style.marker},
            name=f"version {version}",
            text=["" if block is None else _hover(block) for block in own],
            hovertemplate="%{text}<extra></extra>",
        )
    flagged = [block for block in blocks if block.flagged]
    if flagged:
        figure.add_scatter(
            x=[block.index for block in flagged],
            y=[block.accuracy for block in flagged],
            mode="markers",
            marker={"symbol": "x", "size": 12, "color": FLAG},
            name="flagged",
            hoverinfo="skip",
        )
    seen_before = [block for block in blocks if has_seen(block, seen or {})]
    if seen_before:
        figure.add_scatter(
            x=[block.index for block in seen_before],
            y=[block.accuracy for block in seen_before],
            mode="markers",
            marker={"symbol": "square-open", "size": 13, "color": OLD, "line": {"width": 2}},
            name="rows that its version had seen",
            hoverinfo="skip",
        )
    if threshold is not None:
        _line_across(figure, threshold, index, f"threshold {threshold:.4g}")
    for x, notes in marks.items():
        figure.add_vline(x=x, line={"color": "#222", "width": 1})
        figure.add_annotation(
            x=x,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=" ".join(f"▸v{version}" for version, _ in notes),
            hovertext="<br>".join(words for _, words in notes),
            font={"size": 12, "color": "#222"},
            showarrow=False,
        )
    figure.update_layout(**LAYOUT, height=470, xaxis_title="block", yaxis_title="accuracy", hovermode="closest")
    lines = [] if threshold is None else [threshold]
    low = min([*lines, *(block.accuracy for block in blocks), *(low for low, _ in bands)])
    figure.update_yaxes(range=[max(0.0, low - 0.08), 1.02], tickformat=".2~f")
    figure.update_xaxes(**whole(index))
    return figure


def _champion_marks(
    blocks: Sequence[BlockRecord], decisions: Sequence[DecisionRecord], first_champion: int
) -> dict[float, list[tuple[int, str]]]:
    """Versions that became champion, with words, by their place on the axis of blocks, from left to right."""
    marks: dict[float, list[tuple[int, str]]] = {}
    for decision in decisions:
        if decision.outcome == "promoted" and decision.challenger is not None:
            words = f"version {decision.challenger} promoted {moment(decision, blocks[-1].index)}"
            place = min(decision.block, blocks[-1].index) + 0.5
            marks.setdefault(place, []).append((decision.challenger, words))
    for change in outside_changes(blocks, decisions, first_champion=first_champion):
        marks.setdefault(change.block - 0.5, []).append((change.version, change.words))
    return dict(sorted(marks.items()))


def detector_chart(blocks: Sequence[BlockRecord]) -> go.Figure:
    """The p-value by block of each detector that has one, on a logarithmic axis, with its level."""
    import plotly.graph_objects as go

    figure = go.Figure()
    tested = [(block.index, score, p) for block in blocks for score, p in _tests(block)]
    for place, name in enumerate(dict.fromkeys(score.detector for _, score, _ in tested)):
        points = [(index, score, p) for index, score, p in tested if score.detector == name]
        below, style = [p < SMALLEST_P for _, _, p in points], series_style(place, VERSIONS)
        figure.add_scatter(
            x=[index for index, _, _ in points],
            y=[max(p, SMALLEST_P) for _, _, p in points],
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 1.5},
            marker={
                "symbol": ["triangle-down" if small else MARKERS[place % 3] for small in below],
                "size": [10 if small else 7 for small in below],
            },
            name=name,
            text=[f"{score.words}<br>statistic {score.statistic:.3f} {escape(score.detail)}" for _, score, _ in points],
            hovertemplate=f"{name}, block %{{x}}: %{{text}}<extra></extra>",
        )
    level = tested[0][1].level or 0.0
    _line_across(figure, level, [block.index for block in blocks], f"level {level:g}")
    figure.update_layout(**LAYOUT, height=340, xaxis_title="block", yaxis_title="p-value")
    lowest = min(max(p, SMALLEST_P) for _, _, p in tested)
    figure.update_yaxes(type="log", exponentformat="power", range=[log10(lowest) - 0.7, 0.6])
    figure.update_xaxes(**whole([block.index for block in blocks]))
    return figure


def has_triangles(blocks: Sequence[BlockRecord]) -> bool:
    """Whether a p-value is too small to be shown in its place."""
    return any(p < SMALLEST_P for block in blocks for _, p in _tests(block))


def _tests(block: BlockRecord) -> list[tuple[Score, float]]:
    return [(score, score.p_value) for score in block.scores if score.p_value is not None]


def moment(decision: DecisionRecord, last: int) -> str:
    """When a decision was made, in words: at the end if it is about no block up to the `last`."""
    return "at the end" if decision.block > last else f"after block {decision.block}"


def difference_chart(decisions: Sequence[DecisionRecord], last: int) -> go.Figure:
    """Challenger minus champion on the held-out rows, with intervals: right of zero, the challenger is better.

    Args:
        decisions: of the deployment.
        last: index of its last block.
    """
    import plotly.graph_objects as go

    compared = [decision for decision in decisions if decision.comparison]
    figure = go.Figure()
    for decision in compared:
        test = decision.comparison or {}
        colour = GREEN if decision.outcome == "promoted" else OLD
        figure.add_scatter(
            x=[test["difference"]],
            y=[f"version {decision.challenger}"],
            error_x={
                "array": [test["high"] - test["difference"] if test["high"] < 1 else 0],  # 1: only a lower bound
                "arrayminus": [test["difference"] - test["low"]],
                "color": colour,
                "thickness": 2,
            },
            mode="markers",
            marker={"size": 11, "color": colour, "symbol": "circle" if decision.outcome == "promoted" else "x"},
            name=f"version {decision.challenger}",
            showlegend=False,
            hovertemplate=f"{moment(decision, last)}: %{{x:+.3f}}, {decision.outcome}<extra></extra>",
        )
    figure.add_vline(x=0, line={"color": "#222", "width": 1})
    figure.update_layout(
        **LAYOUT, height=110 + 40 * len(compared), xaxis_title="challenger − champion", hovermode="closest"
    )
    figure.update_yaxes(autorange="reversed", automargin=True, ticksuffix="  ")
    tests = [decision.comparison for decision in compared if decision.comparison]
    ends = [0.0, *(test[end] for test in tests for end in ("low", "high"))]
    room = 0.06 * (max(ends) - min(ends))
    figure.update_xaxes(tickformat="+.3~f", range=[min(ends) - room, max(ends) + room])
    return figure


def _hover(block: BlockRecord) -> str:
    lines = [f"<b>block {block.index}</b>, rows {block.start}–{block.stop - 1}"]
    if block.first_time:
        lines.append(f"{block.first_time[:16]} to {(block.last_time or '')[:16]}")
    lines.append(f"accuracy {block.accuracy:.3f} ({block.wrong} wrong), confidence {block.mean_confidence:.3f}")
    lines += [f"{score.detector}: {score.words} {escape(score.detail)}" for score in block.scores]
    return "<br>".join(lines)


def _line_across(figure: go.Figure, y: float, index: Sequence[int], name: str) -> None:
    """A dashed line, named in the legend: a name on the line would cover points of a narrow chart."""
    figure.add_scatter(
        x=[index[0] - 0.6, index[-1] + 0.6],
        y=[y, y],
        mode="lines",
        line={"color": THRESHOLD, "dash": "dash", "width": 1.5},
        name=name,
        hoverinfo="skip",
    )


def whole(index: Sequence[int]) -> dict[str, Any]:
    """An axis of blocks: whole numbers, and half a block of room at each end."""
    axis: dict[str, Any] = {"range": [index[0] - 0.6, index[-1] + 0.6]}
    return axis | {"dtick": 1} if len(index) <= 10 else axis
