"""The forecast of the threshold in a deployment's report: blocks to the threshold over time, with its interval."""

from __future__ import annotations

from collections.abc import Mapping

from drift.charts.palette import BAND, VERSIONS, series_style
from drift.charts.plots import LEGEND_BELOW, Chart, axis, band, block_axis, chart, error_bars, series
from drift.detect import ThresholdForecast


def forecast_chart(forecasts: Mapping[int, ThresholdForecast], versions: Mapping[int, int]) -> Chart:
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
        data.append(band(own, low, high, interval, legendgroup="interval", showlegend=place == 0))
        bars = None
        if len(own) == 1:  # a line of one point is no area
            above, below = [high[0] - middle[0]], [middle[0] - low[0]]
            bars = error_bars(above, below, width=0, thickness=1, color=BAND)
        data.append(
            series(
                own, middle, f"median, version {version}", hover="%{text}", error_y=bars,
                text=[f"block {block}: {forecasts[block].sentence}" for block in own],
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"size": 6, "symbol": style.marker},
            )
        )  # fmt: skip
    beyond = newest.horizon + 1
    ticks = [1, *range(10, newest.horizon, 10), beyond]
    words = [*map(str, ticks[:-1]), f"over {newest.horizon}"]
    y = axis("blocks to the threshold", range=[0, beyond + 1], tickvals=ticks, ticktext=words)
    legend = LEGEND_BELOW | {"y": -0.3}  # below the title of a low chart's axis
    return chart(data, height=320, x=block_axis(index), y=y, legend=legend)
