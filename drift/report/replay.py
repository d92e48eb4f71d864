"""The page of a comparison of policies: accuracy over time, what a retrain buys, and alarms beside the truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

from drift import __version__
from drift.detect.sequential.intervals import risk_intervals
from drift.replay.concept import has_concept
from drift.replay.contenders import oracle_retrains
from drift.replay.estimates import estimate_stream
from drift.replay.experiment import Results
from drift.replay.truth import truth
from drift.report.charts import LAYOUT, OLD, VERSION_COLOURS
from drift.report.estimates import estimates_chart
from drift.report.page import environment, inline, plotly_library, write_whole

if TYPE_CHECKING:
    import plotly.graph_objects as go

SMOOTHED = 0.06  # share of the blocks that a point of the curves looks back on
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Line:
    """A policy as the table shows it: means over seeds."""

    name: str
    retrains: float
    accuracy: float
    spread: float  # standard deviation over seeds
    recovered: float | None
    kappa: float
    kappa_m: float
    kappa_temporal: float
    alarms: float
    false_alarms: float | None
    delay: float | None
    seconds: float

    @property
    def hindsight(self) -> bool:
        """Whether it knew every label beforehand."""
        return oracle_retrains(self.name) is not None


def write_replay(results: Results, path: Path) -> Path:
    """Write the page to `path`, whole or not at all."""
    table = lines(results)
    figures = {"accuracy": accuracy_chart(results), "frontier": frontier_chart(results, table)}
    known = displacement_chart(results)
    if known is not None:
        figures["displacement"] = known
    figures["risk"] = risk_chart(results)
    estimates = estimate_stream(results.stream, results.base)
    if estimates is not None:
        figures["estimates"] = estimates_chart(estimates)
    page: str = (
        environment()
        .get_template("replay.html.j2")
        .render(
            results=results,
            table=table,
            estimates=estimates,
            moves=has_concept(results.stream.table),
            best=max([line for line in table if not line.hindsight] or table, key=lambda line: line.accuracy),
            seeds=len(results.outcomes) // len(table),
            figures={name: inline(figure) for name, figure in figures.items()},
            plotly=plotly_library(),
            version=__version__,
        )
    )
    return write_whole(page, path)


def lines(results: Results) -> list[Line]:
    """One for each policy, the most accurate first."""
    found = []
    for name in results.names:
        outcomes = results.of(name)
        measured = {key: mean(getattr(one.measures, key) for one in outcomes) for key in ("kappa", "kappa_m")}
        truths = [one for outcome in outcomes if (one := truth(results.stream, outcome.played)) is not None]
        delays = [delay for one in truths for delay in one.delays]
        accuracy, spread = results.accuracy(name)
        found.append(
            Line(
                name=name,
                retrains=mean(len(one.played.retrains) for one in outcomes),
                accuracy=accuracy,
                spread=spread,
                recovered=results.recovered(name),
                kappa_temporal=mean(one.measures.kappa_temporal for one in outcomes),
                alarms=mean(len(one.played.alarms) for one in outcomes),
                false_alarms=mean(one.false_alarms for one in truths) if truths else None,
                delay=float(np.median(delays)) if delays else None,
                seconds=mean(one.played.seconds for one in outcomes),
                **measured,
            )
        )
    return sorted(found, key=lambda line: -line.accuracy)


def accuracy_chart(results: Results) -> go.Figure:
    """Accuracy over time of every policy, for the first seed, smoothed over a few blocks; a mark at each retrain."""
    import plotly.graph_objects as go

    figure = go.Figure()
    over = max(1, round(SMOOTHED * len(results.stream.blocks)))
    for name, style in zip(results.names, _styles(), strict=False):
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
            marker={"size": [7 if block.index in retrained else 0 for block in played.blocks], "color": style["color"]},
            line=style | {"width": 1.8},
            name=name,
            hovertemplate=f"{name}, %{{x}}: %{{y:.3f}} over {over} blocks<extra></extra>",
        )
    figure.update_layout(**LAYOUT, height=430, yaxis_title="accuracy", hovermode="closest")
    figure.update_yaxes(tickformat=".2~f")
    return figure


def frontier_chart(results: Results, table: list[Line]) -> go.Figure:
    """Accuracy against the number of retrains, with what hindsight would have reached."""
    import plotly.graph_objects as go

    figure = go.Figure()
    schedules = list(results.oracles.values())
    if schedules:
        rows = len(results.outcomes[0].played.predictions)
        most = max(10, round(1.1 * max(line.retrains for line in table)))
        best = [mean(one[min(at, len(one) - 1)].correct / rows for one in schedules) for at in range(most + 1)]
        figure.add_scatter(
            x=list(range(most + 1)), y=best, mode="lines", line={"color": OLD, "dash": "dash"}, name="hindsight",
            hovertemplate="%{x} retrains in hindsight: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    styles = dict(zip(results.names, _styles(), strict=False))
    places: dict[tuple[float, float], list[str]] = {}
    for line in table:
        places.setdefault((round(line.retrains, 1), round(line.accuracy, 4)), []).append(line.name)
    for line in table:
        style, same = styles[line.name], places[round(line.retrains, 1), round(line.accuracy, 4)]
        figure.add_scatter(
            x=[line.retrains],
            y=[line.accuracy],
            error_y={"array": [line.spread], "color": style["color"], "thickness": 1.5},
            mode="markers+text",
            marker={"size": 11, "color": style["color"]},
            text=[", ".join(same) if same[0] == line.name else ""],
            textposition="middle right",
            showlegend=False,
            hovertemplate=f"{line.name}: %{{x:.1f}} retrains, %{{y:.4f}}<extra></extra>",
        )
    figure.update_layout(**LAYOUT, height=430, xaxis_title="retrains", yaxis_title="accuracy", hovermode="closest")
    figure.update_yaxes(tickformat=".3~f")
    return figure


def displacement_chart(results: Results) -> go.Figure | None:
    """The true displacement of the concept by block, and under it every policy's alarms and retrains."""
    import plotly.graph_objects as go

    never = next((name for name in results.names if name == "never"), results.names[0])
    known = truth(results.stream, results.of(never)[0].played)
    if known is None:
        return None
    blocks = results.of(never)[0].played.blocks
    times = [_when(block.last_time, block.index) for block in blocks]
    figure = go.Figure()
    figure.add_scatter(
        x=times, y=known.displacements, name=f"labels turned since the window of {never!r}'s model", fill="tozeroy",
        line={"color": "#56B4E9"}, hovertemplate="%{x}: %{y:.1%} of labels turned<extra></extra>",
    )  # fmt: skip
    step = 0.08 * max(known.displacements)
    for row, (name, style) in enumerate(zip(results.names, _styles(), strict=False), start=1):
        played = results.of(name)[0].played
        marked = {"retrain": [retrain.block for retrain in played.retrains], "alarm": played.alarms}
        for kind, symbol in (("alarm", "circle-open"), ("retrain", "triangle-up")):
            figure.add_scatter(
                x=[times[at] for at in marked[kind]], y=[-row * step] * len(marked[kind]), mode="markers",
                marker={"symbol": symbol, "color": style["color"], "size": 8}, showlegend=False,
                hovertemplate=f"{name}: {kind} after %{{x}}<extra></extra>",
            )  # fmt: skip
        figure.add_annotation(x=0, xref="paper", xanchor="right", y=-row * step, text=name, showarrow=False, xshift=-4)
    figure.update_layout(
        **LAYOUT | {"margin": {"l": 110, "r": 15, "t": 28, "b": 50}}, height=330 + 14 * len(results.names)
    )
    figure.update_yaxes(tickformat=".0%", tickvals=[0, 0.1, 0.2, 0.3, 0.4, 0.5], zeroline=True)
    return figure


def risk_chart(results: Results) -> go.Figure:
    """The current risk of the most accurate policy by block, with an interval that holds at all blocks at once."""
    import plotly.graph_objects as go

    from drift.detect.sequential.dependence import measure_dependence

    deciding = [name for name in results.names if oracle_retrains(name) is None] or results.names
    best = max(deciding, key=lambda name: results.accuracy(name)[0])
    played = results.of(best)[0].played
    wrong = played.predictions != results.stream.table.labels[results.stream.start :]
    inflation = measure_dependence(wrong[: len(wrong) // 4], results.stream.block_size)
    rows = [inflation.effective(block.rows) for block in played.blocks]
    found = risk_intervals([1 - block.accuracy for block in played.blocks], rows, window=5)
    times = [_when(block.last_time, block.index) for block in played.blocks]
    figure = go.Figure()
    band = [*(one.high for one in found), *(one.low for one in reversed(found))]
    figure.add_scatter(
        x=times + times[::-1], y=band, fill="toself", mode="lines", line={"width": 0},
        fillcolor="rgba(0, 114, 178, 0.15)",
        name="95 % interval of the mean risk of 5 blocks, valid at all of them", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(x=times, y=[one.mean for one in found], name=f"{best}: share of wrong answers, 5 blocks",
                       line={"color": VERSION_COLOURS[0]})  # fmt: skip
    figure.update_layout(**LAYOUT, height=330, yaxis_title="risk", hovermode="x")
    return figure


def _styles() -> Any:
    """Line styles without end: five colours, then the same ones dashed."""
    return cycle({"color": colour, "dash": dash} for dash in DASHES for colour in VERSION_COLOURS)


def _when(time: str | None, index: int) -> str | int:
    return index if time is None else time[:16]
