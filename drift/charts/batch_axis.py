"""Horizontal axis of charts over batches: time where every batch has one, else the batch's position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from drift.charts.plots import axis, plain


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
class BatchAxis:
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
    def of(cls, points: Sequence[Point]) -> BatchAxis:
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
    def options(self) -> dict[str, Any]:
        """The axis as a chart's layout has it."""
        if self.timed:
            return axis(showgrid=False, type="date", range=[self.edge(0), self.edge(len(self.places))])
        ticks = list(range(0, len(self.places), max(1, len(self.places) // 10)))
        names = [plain(self.names[at], 16) for at in ticks]
        ends = [-0.6, max(0, len(self.places) - 1) + 0.6]
        return axis(showgrid=False, tickvals=ticks, ticktext=names, range=ends)
