"""The page of a comparison of policies: accuracy, what a retrain buys, alarms beside known drift, and estimates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drift.charts.palette import BLACK, BLUE, GREY, SKY, VERSIONS, Style, series_style
from drift.charts.plots import LEGEND_AT_BOTTOM, Chart, Trace, axis, band, chart, error_bars, series, with_rows
from drift.policies.history import BlockRecord
from drift.replays.evaluation.known_drift import has_concept
from drift.replays.evaluation.label_proxies import LabelFreeEstimates
from drift.replays.experiment import ReplayResults
from drift.replays.summary import AccuracyCurves, KnownDisplacement, ReplaySummary, RiskSeries
from drift.report.page import page_of, write_whole

WITH_BAND = "cbpe"  # the method whose interval is drawn: three of them would cover one another
LINE_HEIGHT, ROW_HEIGHT = 22, 24  # pixels of a legend's line, and of a policy's row of alarms
PER_LINE = 6  # names on a legend's line of a page of 1,080 pixels


def write_replay(results: ReplayResults, summary: ReplaySummary, path: Path) -> Path:
    """Write the page to `path`, whole or not at all.

    Args:
        results: the replayed blocks.
        summary: what was computed of them.
        path: of the page.
    """
    table = summary.policies
    figures = {"accuracy": accuracy_chart(results, summary.curves), "frontier": frontier_chart(results, summary)}
    if summary.displacement is not None:
        figures["displacement"] = displacement_chart(results, summary.displacement)
    figures["risk"] = risk_chart(results, summary.risk)
    if summary.estimates is not None:
        figures["estimates"] = estimates_chart(summary.estimates)
    page = page_of(
        "replay.html.j2",
        results=results,
        table=table,
        estimates=summary.estimates,
        moves=has_concept(results.stream.table),
        best=summary.best,
        seeds=len(results.outcomes) // len(table),
        figures=figures,
    )
    return write_whole(page, path)


def accuracy_chart(results: ReplayResults, curves: AccuracyCurves) -> Chart:
    """Accuracy over time of every policy, for the first seed, smoothed over a few blocks; a mark at each retrain."""
    data = []
    for name, style in _styles(results).items():
        played = results.of(name)[0].run
        retrained = {retrain.block for retrain in played.retrains}
        data.append(
            series(
                _times(played.blocks), curves.by_policy[name], name,
                hover=f"{name}, %{{x}}: %{{y:.3f}} over {curves.window} blocks",
                line={"color": style.colour, "dash": style.dash, "width": 1.8},
                marker={
                    "size": [8 if block.index in retrained else 0 for block in played.blocks],
                    "color": style.colour,
                    "symbol": style.marker,
                },
            )
        )  # fmt: skip
    return _chart(data, len(results.names), 360, y=axis("accuracy", tickformat=".2~f"))


def frontier_chart(results: ReplayResults, summary: ReplaySummary) -> Chart:
    """Accuracy against the number of retrains, with what hindsight would have reached."""
    data = []
    if summary.hindsight:
        retrains, dashed = range(len(summary.hindsight)), {"color": GREY, "dash": "dash"}
        hover = "%{x} retrains in hindsight: %{y:.4f}"
        data.append(series(retrains, summary.hindsight, "hindsight", hover=hover, mode="lines", line=dashed))
    by_name = {line.name: line for line in summary.policies}
    places: dict[tuple[float, float], int] = {}
    for name, style in _styles(results).items():
        line = by_name[name]
        place = round(line.retrains, 1), round(line.accuracy, 4)
        same = places[place] = places.get(place, -1) + 1  # the next one here is drawn as a ring around the others
        ring = {"symbol": f"{style.marker}-open", "line": {"width": 2}} if same else {"symbol": style.marker}
        data.append(
            series(
                [line.retrains], [line.accuracy], name, hover=f"{name}: %{{x:.1f}} retrains, %{{y:.4f}}",
                mode="markers", marker={"size": 12 + 8 * same, "color": style.colour} | ring,
                error_y=error_bars([line.spread], color=style.colour, thickness=1.5),
            )
        )  # fmt: skip
    x = axis("retrains") | {"title": {"text": "retrains", "standoff": 8}}
    return _chart(data, 1 + len(summary.policies), 340, x=x, y=axis("accuracy", tickformat=".3~f"))


def displacement_chart(results: ReplayResults, known: KnownDisplacement) -> Chart:
    """The true displacement of the concept by block, and under it every policy's alarms and retrains."""
    times, styles = _times(results.of(known.policy)[0].run.blocks), _styles(results)
    data = [
        series(
            times, known.by_block, f"labels turned since the window of {known.policy!r}'s model",
            hover="%{x}: %{y:.1%} of labels turned", fill="tozeroy", mode="lines", line={"color": SKY},
        )
    ]  # fmt: skip
    for name, style in styles.items():
        played = results.of(name)[0].run
        marked = {"alarm": played.alarms, "retrain": [retrain.block for retrain in played.retrains]}
        for kind, symbol in (("alarm", "circle-open"), ("retrain", "triangle-up")):
            data.append(
                series(
                    [times[at] for at in marked[kind]], [name] * len(marked[kind]), name,
                    hover=f"{name}: {kind} after %{{x}}", mode="markers", yaxis="y2", showlegend=False,
                    marker={"symbol": symbol, "color": style.colour, "size": 9,
                            "line": {"width": 2, "color": style.colour}},
                )
            )  # fmt: skip
    above, below = 240, ROW_HEIGHT * len(styles) + 10  # pixels
    drawn = _chart(data, 1, above + below, y=axis(tickformat=".0%", rangemode="tozero"))
    return with_rows(drawn, list(styles), below / (above + below))


def risk_chart(results: ReplayResults, risk: RiskSeries) -> Chart:
    """The current risk of the most accurate policy by block, with an interval that holds at all blocks at once."""
    times, intervals = _times(results.of(risk.policy)[0].run.blocks), risk.intervals
    data = [
        band(
            times, [interval.low for interval in intervals], [interval.high for interval in intervals],
            f"95 % interval of the mean risk of {risk.window} blocks, valid at all of them",
        ),
        series(
            times, [interval.mean for interval in intervals],
            f"{risk.policy}: share of wrong answers, {risk.window} blocks", hover="%{x}: %{y:.4g}", mode="lines",
            line={"color": BLUE},
        ),
    ]  # fmt: skip
    return _chart(data, 2, 280, y=axis("risk"), hovermode="x")


def _styles(results: ReplayResults) -> dict[str, Style]:
    """The style of each policy, the same in every chart of the page."""
    return {name: series_style(index) for index, name in enumerate(results.names)}


def _chart(data: Sequence[Trace], names: int, height: int, **more: Any) -> Chart:
    """A chart whose legend has room of its own below it.

    Args:
        data: traces.
        names: in the legend.
        height: of the chart without its legend, in pixels.
        more: as for `chart`.
    """
    height += LINE_HEIGHT * -(-names // PER_LINE) + 20
    return chart(data, height=height, legend=LEGEND_AT_BOTTOM, **{"x": axis()} | more)


def _times(blocks: Sequence[BlockRecord]) -> list[str | int]:
    """Where blocks stand on the axis: at their last rows' times, or their numbers."""
    return [block.index if block.last_time is None else block.last_time[:16] for block in blocks]


def estimates_chart(estimates: LabelFreeEstimates) -> Chart:
    """The true accuracy by block and every method's estimate of it, with the 95 % interval of one."""
    places = dict(zip(estimates.blocks, _places(estimates), strict=True))
    tracks = sorted(estimates.tracks, key=lambda track: track.method != WITH_BAND)  # its colour is the band's
    data = [
        band(
            [places[estimate.block] for estimate in track.estimates],
            [estimate.low for estimate in track.estimates],
            [estimate.high for estimate in track.estimates],
            f"95 % interval of {track.method}",
        )
        for track in tracks
        if track.method == WITH_BAND and track.estimates
    ]
    x = list(places.values())
    data += [
        series(x, estimates.truths, "truth", hover="%{x}: %{y:.3f} by its labels", mode="lines",
               line={"color": BLACK, "width": 2}),
        series(x[:: max(1, len(x) - 1)], [estimates.reference_accuracy] * min(2, len(x)), "the reference's accuracy",
               mode="lines", line={"color": GREY, "dash": "dot", "width": 1.5}),
    ]  # fmt: skip
    for place, track in enumerate(tracks):
        style = series_style(place, VERSIONS[:-1])
        data.append(
            series(
                [places[each.block] for each in track.estimates], [each.accuracy for each in track.estimates],
                track.method, hover=f"{track.method}, %{{x}}: %{{text}}",
                mode="lines" if len(track.estimates) == len(places) else "markers",
                line={"width": 1.5, "color": style.colour, "dash": style.dash},
                marker={"size": 7, "color": style.colour, "symbol": style.marker},
                text=[f"{each.accuracy:.3f}, from {each.low:.3f} to {each.high:.3f}" for each in track.estimates],
            )
        )  # fmt: skip
    return chart(data, height=400, x=axis(), y=axis("accuracy", tickformat=".2~f"))


def _places(estimates: LabelFreeEstimates) -> list[str | int]:
    """Where a block stands on the axis: at its last row's time, or its number."""
    times = zip(estimates.blocks, estimates.times, strict=True)
    return [index if time is None else time[:16] for index, time in times]
