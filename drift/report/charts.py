"""The charts of a deployment's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from math import log10

from drift.charts import plots
from drift.charts.palette import BAND, GREEN, GREY, MARKERS, VERMILLION, VERSIONS, series_style
from drift.detect import Score, ThresholdForecast
from drift.loop.journal.records import DecisionRecord
from drift.loop.results.outcome import DeploymentOutcome, moment
from drift.policies.history import BlockRecord

SMALLEST_P = 1e-12  # where the axis of p-values ends: smaller ones are drawn there, as triangles


def accuracy_chart(
    blocks: Sequence[BlockRecord], outcome: DeploymentOutcome, *, threshold: float | None
) -> plots.Chart:
    """Accuracy by block, with threshold, chance band, flags, changes of champion, and the first one had it stayed.

    Args:
        blocks: that were scored, one or more.
        outcome: what came of them.
        threshold: of the accuracy; None for a policy that has none.
    """
    index = [block.index for block in blocks]
    low, high = zip(*outcome.chance_bands, strict=True)
    data = [plots.band(index, low, high, "95 % by chance", shape="hvh")]
    first, changes = outcome.summary.first_version, outcome.champion_changes
    if changes and changes[0].before <= index[-1]:  # no block follows a promotion at the end
        after = [block for block in blocks if block.index >= changes[0].before - 1]
        data.append(
            plots.series(
                [block.index for block in after], [block.first_champion_correct / block.rows for block in after],
                f"version {first}, had it stayed", hover="block %{x}: %{y:.3f}", line={"color": GREY, "dash": "dot"},
                marker={"size": 5},
            )
        )  # fmt: skip
    for place, version in enumerate(dict.fromkeys(block.version for block in blocks)):
        style = series_style(place, VERSIONS)
        own = [block if block.version == version else None for block in blocks]  # None: no line over another's blocks
        data.append(
            plots.series(
                index, [None if block is None else block.accuracy for block in own], f"version {version}",
                hover="%{text}", text=["" if block is None else _hover(block) for block in own],
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"size": 7, "symbol": style.marker},
            )
        )  # fmt: skip
    for marked, name, marker in (
        ([block for block in blocks if block.flagged], "flagged", {"symbol": "x", "size": 12, "color": VERMILLION}),
        (
            [block for block in blocks if block.index in outcome.seen_blocks], "rows that its version had seen",
            {"symbol": "square-open", "size": 13, "color": GREY, "line": {"width": 2}},
        ),
    ):  # fmt: skip
        if marked:
            x, y = [block.index for block in marked], [block.accuracy for block in marked]
            data.append(plots.series(x, y, name, mode="markers", marker=marker))
    if threshold is not None:
        data.append(plots.level_line(threshold, [index[0] - 0.6, index[-1] + 0.6], f"threshold {threshold:.4g}"))
    notes = [
        plots.note_above(
            before - 0.5,
            " ".join(f"▸v{change.version}" for change in together),
            hovertext="<br>".join(change.words for change in together),
        )
        for before, group in groupby(changes, key=lambda change: change.before)
        for together in [list(group)]
    ]
    lowest = min([*([] if threshold is None else [threshold]), *(block.accuracy for block in blocks), *low])
    return plots.chart(
        data, height=470, x=plots.block_axis(index), y=plots.axis("accuracy", range=[max(0.0, lowest - 0.08), 1.02],
        tickformat=".2~f"), shapes=[plots.vertical_line(note["x"]) for note in notes], annotations=notes,
    )  # fmt: skip


def detector_chart(blocks: Sequence[BlockRecord]) -> plots.Chart:
    """The p-value by block of each detector that has one, on a logarithmic axis, with its level."""
    tested = [(block.index, score, p) for block in blocks for score, p in _tests(block)]
    data = []
    for place, name in enumerate(dict.fromkeys(score.detector for _, score, _ in tested)):
        points = [(index, score, p) for index, score, p in tested if score.detector == name]
        below, style = [p < SMALLEST_P for _, _, p in points], series_style(place, VERSIONS)
        data.append(
            plots.series(
                [index for index, _, _ in points], [max(p, SMALLEST_P) for _, _, p in points], name,
                hover=f"{name}, block %{{x}}: %{{text}}",
                text=[f"{score.words}<br>statistic {score.statistic:.3f} {escape(score.detail)}"
                      for _, score, _ in points],
                line={"color": style.colour, "dash": style.dash, "width": 1.5},
                marker={
                    "symbol": ["triangle-down" if small else MARKERS[place % 3] for small in below],
                    "size": [10 if small else 7 for small in below],
                },
            )
        )  # fmt: skip
    index, level = [block.index for block in blocks], tested[0][1].level or 0.0
    data.append(plots.level_line(level, [index[0] - 0.6, index[-1] + 0.6], f"level {level:g}"))
    lowest = min(max(p, SMALLEST_P) for _, _, p in tested)
    y = plots.axis("p-value", type="log", exponentformat="power", range=[log10(lowest) - 0.7, 0.6])
    return plots.chart(data, height=340, x=plots.block_axis(index), y=y)


def has_triangles(blocks: Sequence[BlockRecord]) -> bool:
    """Whether a p-value is too small to be shown in its place."""
    return any(p < SMALLEST_P for block in blocks for _, p in _tests(block))


def _tests(block: BlockRecord) -> list[tuple[Score, float]]:
    return [(score, score.p_value) for score in block.scores if score.p_value is not None]


def difference_chart(decisions: Sequence[DecisionRecord], last: int) -> plots.Chart:
    """Challenger minus champion on the held-out rows, with intervals: right of zero, the challenger is better.

    Args:
        decisions: of the deployment, one or more with a comparison.
        last: index of its last block.
    """
    compared = [(decision, decision.comparison) for decision in decisions if decision.comparison]
    data = []
    for decision, test in compared:
        promoted = decision.outcome == "promoted"
        colour, middle = GREEN if promoted else GREY, test["difference"]
        above = test["high"] - middle if test["high"] < 1 else 0  # 1: only a lower bound
        name = f"version {decision.challenger}"
        data.append(
            plots.series(
                [middle], [name], name, hover=f"{moment(decision, last)}: %{{x:+.3f}}, {decision.outcome}",
                mode="markers", marker={"size": 11, "color": colour, "symbol": "circle" if promoted else "x"},
                error_x=plots.error_bars([above], [middle - test["low"]], color=colour, thickness=2), showlegend=False,
            )
        )  # fmt: skip
    ends = [0.0, *(test[end] for _, test in compared for end in ("low", "high"))]
    margin = 0.06 * (max(ends) - min(ends))
    x = plots.axis("challenger − champion", tickformat="+.3~f", range=[min(ends) - margin, max(ends) + margin])
    y = plots.axis(autorange="reversed", ticksuffix="  ")
    return plots.chart(data, height=110 + 40 * len(compared), x=x, y=y, shapes=[plots.vertical_line(0)])


def _hover(block: BlockRecord) -> str:
    lines = [f"<b>block {block.index}</b>, rows {block.start}–{block.stop - 1}"]
    if block.first_time:
        lines.append(f"{block.first_time[:16]} to {(block.last_time or '')[:16]}")
    lines.append(f"accuracy {block.accuracy:.3f} ({block.wrong} wrong), confidence {block.mean_confidence:.3f}")
    lines += [f"{score.detector}: {score.words} {escape(score.detail)}" for score in block.scores]
    return "<br>".join(lines)


def forecast_chart(forecasts: Mapping[int, ThresholdForecast], versions: Mapping[int, int]) -> plots.Chart:
    """Blocks until accuracy falls below the threshold, as forecast after each block, with the interval.

    Args:
        forecasts: by block, one or more; ends beyond the horizon are drawn at the upper edge.
        versions: that answered, by block; every version has lines of its own, since its forecasts begin anew.
    """
    index, data = list(forecasts), []
    newest = forecasts[index[-1]]
    for place, version in enumerate(dict.fromkeys(versions[block] for block in index)):
        own = [block for block in index if versions[block] == version]
        style = series_style(place, VERSIONS)
        middle, low, high = (
            [forecasts[block].metrics[f"blocks_to_threshold{end}"] for block in own] for end in ("", "_low", "_high")
        )
        interval = f"{newest.level:.0%} interval"
        data.append(plots.band(own, low, high, interval, legendgroup="interval", showlegend=place == 0))
        bars = None
        if len(own) == 1:  # a line of one point is no area
            above, below = [high[0] - middle[0]], [middle[0] - low[0]]
            bars = plots.error_bars(above, below, width=0, thickness=1, color=BAND)
        data.append(
            plots.series(
                own, middle, f"median, version {version}", hover="%{text}", error_y=bars,
                text=[f"block {block}: {forecasts[block].sentence}" for block in own],
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"size": 6, "symbol": style.marker},
            )
        )  # fmt: skip
    beyond = newest.horizon + 1
    ticks = [1, *range(10, newest.horizon, 10), beyond]
    words = [*map(str, ticks[:-1]), f"over {newest.horizon}"]
    y = plots.axis("blocks to the threshold", range=[0, beyond + 1], tickvals=ticks, ticktext=words)
    legend = plots.LEGEND_BELOW | {"y": -0.3}  # below the title of a low chart's axis
    return plots.chart(data, height=320, x=plots.block_axis(index), y=y, legend=legend)
