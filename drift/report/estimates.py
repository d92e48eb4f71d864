"""The chart of accuracy without labels: what each method told of every block, beside what its labels said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drift.charts.palette import BLACK, VERSIONS, series_style
from drift.replays.evaluation.label_proxies import Estimates
from drift.report.charts import BAND, LAYOUT, OLD

if TYPE_CHECKING:
    import plotly.graph_objects as go

WITH_BAND = "cbpe"  # the method whose interval is drawn: three of them would cover one another


def estimates_chart(found: Estimates) -> go.Figure:
    """The truth by block and every method's estimate of it, with the 95 % interval of one."""
    import plotly.graph_objects as go

    figure = go.Figure()
    places = dict(zip(found.blocks, _places(found), strict=True))
    tracks = sorted(found.tracks, key=lambda track: track.method != WITH_BAND)  # its colour is the band's
    for track in tracks:
        if track.method == WITH_BAND and track.told:
            x = [places[one.block] for one in track.told]
            figure.add_scatter(
                x=x + x[::-1], y=[*(one.high for one in track.told), *(one.low for one in reversed(track.told))],
                fill="toself", mode="lines", fillcolor=BAND, line={"width": 0}, hoverinfo="skip",
                name=f"95 % interval of {track.method}",
            )  # fmt: skip
    figure.add_scatter(
        x=list(places.values()), y=found.truths, mode="lines", line={"color": BLACK, "width": 2}, name="truth",
        hovertemplate="%{x}: %{y:.3f} by its labels<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[*places.values()][:: max(1, len(places) - 1)],
        y=[found.reference_accuracy] * min(2, len(places)),
        mode="lines",
        line={"color": OLD, "dash": "dot", "width": 1.5},
        name="the reference's accuracy",
        hoverinfo="skip",
    )
    for place, track in enumerate(tracks):
        style = series_style(place, VERSIONS[:-1])
        figure.add_scatter(
            x=[places[one.block] for one in track.told],
            y=[one.accuracy for one in track.told],
            mode="lines" if len(track.told) == len(places) else "markers",
            line={"width": 1.5, "color": style.colour, "dash": style.dash},
            marker={"size": 7, "color": style.colour, "symbol": style.marker},
            name=track.method,
            text=[f"{one.accuracy:.3f}, from {one.low:.3f} to {one.high:.3f}" for one in track.told],
            hovertemplate=f"{track.method}, %{{x}}: %{{text}}<extra></extra>",
        )
    figure.update_layout(**LAYOUT, height=400, yaxis_title="accuracy", hovermode="closest")
    figure.update_yaxes(tickformat=".2~f")
    return figure


def _places(found: Estimates) -> list[str | int]:
    """Where a block stands on the axis: at its last row's time, or its number."""
    return [index if time is None else time[:16] for index, time in zip(found.blocks, found.times, strict=True)]
