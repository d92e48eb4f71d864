"""The chart of accuracy without labels: each method's estimate of every block, beside what its labels said."""

from __future__ import annotations

from drift.charts.palette import BLACK, GREY, VERSIONS, series_style
from drift.charts.plots import Chart, axis, band, chart, series
from drift.replays.evaluation.label_proxies import LabelFreeEstimates

WITH_BAND = "cbpe"  # the method whose interval is drawn: three of them would cover one another


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
