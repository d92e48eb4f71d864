"""The forecast of the threshold in a deployment's report: blocks to the threshold over time, and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from drift.charts.palette import VERSIONS, series_style
from drift.detect import ThresholdForecast
from drift.report.charts import LAYOUT, whole

if TYPE_CHECKING:
    import plotly.graph_objects as go

INTERVAL = "rgba(0, 114, 178, 0.18)"


def forecast_chart(forecasts: Mapping[int, ThresholdForecast], versions: Mapping[int, int]) -> go.Figure:
    """Blocks until accuracy falls below the threshold, as forecast after each block, with the interval.

    Args:
        forecasts: by block, one or more; ends beyond the horizon are drawn at the upper edge.
        versions: that answered, by block; every version has lines of its own, since its forecasts begin anew.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    index = list(forecasts)
    newest = forecasts[index[-1]]
    for place, version in enumerate(dict.fromkeys(versions[block] for block in index)):
        own = [block for block in index if versions[block] == version]
        style = series_style(place, VERSIONS)
        named = {"legendgroup": "interval", "showlegend": place == 0, "name": f"{newest.level:.0%} interval"}
        ends = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        metrics = [forecasts[block].metrics for block in own]
        # a line of one point is no area: an error bar shows the interval of a single block
        figure.add_scatter(
            x=own, y=[values["blocks_to_threshold_high"] for values in metrics], showlegend=False, **ends
        )
        figure.add_scatter(
            x=own,
            y=[values["blocks_to_threshold_low"] for values in metrics],
            fill="tonexty",
            fillcolor=INTERVAL,
            **named,
            **ends,
        )
        figure.add_scatter(
            x=own,
            y=[values["blocks_to_threshold"] for values in metrics],
            error_y=None
            if len(own) > 1
            else {
                "array": [v["blocks_to_threshold_high"] - v["blocks_to_threshold"] for v in metrics],
                "arrayminus": [v["blocks_to_threshold"] - v["blocks_to_threshold_low"] for v in metrics],
                "width": 0,
                "thickness": 1,
                "color": INTERVAL,
            },
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"size": 6, "symbol": style.marker},
            name=f"median, version {version}",
            text=[f"block {block}: {forecasts[block].sentence}" for block in own],
            hovertemplate="%{text}<extra></extra>",
        )
    legend = {**LAYOUT["legend"], "y": -0.3}  # type: ignore[dict-item]  # below the title of a low chart's axis
    figure.update_layout(**LAYOUT | {"legend": legend}, height=320)
    figure.update_layout(xaxis_title="block", yaxis_title="blocks to the threshold")
    beyond = newest.horizon + 1
    ticks = [1, *range(10, newest.horizon, 10), beyond]
    figure.update_yaxes(
        range=[0, beyond + 1], tickvals=ticks, ticktext=[*map(str, ticks[:-1]), f"over {newest.horizon}"]
    )
    figure.update_xaxes(**whole(index))
    return figure
