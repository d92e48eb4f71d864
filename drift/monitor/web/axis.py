"""The horizontal axis of a monitor's charts: time where every batch has one, else the batch's position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import Any

import numpy as np

FONT = {"family": "system-ui, sans-serif", "size": 13}
DIGITS = 5

Chart = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A batch on a chart.

    Attributes:
        number: of the batch, as in its address.
        name: of the batch.
        value: that is drawn; None if the batch has none.
        low: lower end of its interval.
        high: upper end of its interval.
        at: time of the batch, in seconds since 1970 UTC; None if its rows have no times.
    """

    number: int
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    at: float | None = None


@dataclass(frozen=True)
class Axis:
    """Where batches stand on a horizontal axis.

    Attributes:
        places: of each batch, increasing: seconds since 1970 UTC, or positions.
        timed: whether places are times.
        names: of each batch.
    """

    places: Sequence[float]
    timed: bool
    names: Sequence[str]

    @classmethod
    def of(cls, points: Sequence[Point]) -> Axis:
        """Times, if all batches have one and no two have the same; else positions."""
        names = [point.name for point in points]
        times = [point.at for point in points if point.at is not None]
        if len(points) > 1 and len(times) == len(points) and all(a < b for a, b in pairwise(times)):
            return cls(times, True, names)
        return cls(range(len(points)), False, names)

    @property
    def x(self) -> list[str] | list[float]:
        """Of each batch, as Plotly takes it."""
        return self._shown(self.places)

    @cached_property
    def step(self) -> float:
        """The usual distance of two batches."""
        return median(b - a for a, b in pairwise(self.places)) if len(self.places) > 1 else 1.0

    def edge(self, at: int) -> str | float:
        """Between the batch at a position and the one before, as Plotly takes it."""
        place: str | float = self._shown([self._edge(at)])[0]
        return place

    @property
    def columns(self) -> tuple[list[str] | list[float], list[int | None]]:
        """Edges of columns, one more than there are columns, and the position of each column's batch; None in a gap."""
        edges: list[float] = []
        columns: list[int | None] = []
        for at, place in enumerate(self.places):
            before = self._edge(at)
            if at and place - self.places[at - 1] > 2 * self.step:
                edges += [self.places[at - 1] + self.step / 2, place - self.step / 2]
                columns += [None, at]
            else:
                edges.append(before)
                columns.append(at)
        return self._shown([*edges, self._edge(len(self.places))]), columns

    def _edge(self, at: int) -> float:
        if not self.places:
            return 0.0
        if at == 0:
            return self.places[0] - self.step / 2
        if at >= len(self.places):
            return self.places[-1] + self.step / 2
        return (self.places[at - 1] + self.places[at]) / 2

    def _shown(self, places: Sequence[float]) -> list[Any]:
        if not self.timed:
            return list(places)
        times = np.asarray(places).round().astype("datetime64[s]")
        return [str(text) for text in np.datetime_as_string(times)]

    @property
    def layout(self) -> Chart:
        """The axis in a chart's layout."""
        plain = {"automargin": True, "showgrid": False, "zeroline": False}
        if self.timed:
            return plain | {"type": "date", "range": [self.edge(0), self.edge(len(self.places))]}
        ticks = list(range(0, len(self.places), max(1, len(self.places) // 10)))
        return plain | {"tickvals": ticks, "ticktext": [cut(self.names[at], 16) for at in ticks],
                        "range": [-0.6, max(0, len(self.places) - 1) + 0.6]}  # fmt: skip


def layout(axis: Axis, title: str, *, height: int, **more: Any) -> Chart:
    """What the charts have in common: `height` in pixels, `title` of the vertical axis."""
    return {
        "font": FONT, "height": height, "margin": {"l": 60, "r": 70, "t": 30, "b": 60}, "hovermode": "closest",
        "paper_bgcolor": "#ffffff", "plot_bgcolor": "#ffffff",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis.layout,
        "yaxis": {"title": {"text": title}, "gridcolor": "#E5E5E5", "zeroline": False, "automargin": True},
        **more,
    }  # fmt: skip


def short(value: float | None, digits: int = DIGITS) -> float | None:
    """A number with so many digits; None where there is none."""
    return None if value is None or not isfinite(value) else float(f"{value:.{digits}g}")


def cut(text: str, most: int = 120) -> str:
    """A text as Plotly shows it, which takes some HTML for markup: short, and without any."""
    plain = text if len(text) <= most else text[: most - 1] + "…"
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
