"""What a metric is: how it is read off counts that merge, and the declaration by which it enters the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05  # of intervals

ReadingT = TypeVar("ReadingT")
RowsT = TypeVar("RowsT")
Sums: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One number of a batch.

    Attributes:
        name: of the metric.
        value: in the metric's own units.
        low: lower end of its interval; None where none can be given.
        high: upper end.
        rows: that it was measured on.
        of_class: the class that it is about; None for all.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    rows: int
    of_class: str | None = None


@dataclass(frozen=True)
class MetricDeclaration(Generic[ReadingT, RowsT]):
    """A metric in the registry.

    Attributes:
        name: as pages, files and Prometheus know it.
        help: what it is, in one clause.
        measure: its numbers, of all rows first and then by class, read off the counts of a batch; none if they do not
            allow it.
        count: sums of a part's rows, an array of any fixed shape, for a metric that needs more than the counts that
            there are: those of parts are added up, and `measure` finds them in `sums`. None from it where they cannot
            be had, which then is so for the whole batch.
        order: place among the metrics of a page, the smallest first; by name where it is the same.
    """

    name: str
    help: str
    measure: Callable[[ReadingT], Iterable[Measure]]
    count: Callable[[RowsT], Sums | None] | None = None
    order: int = 100


def declared(names: dict[str, Any]) -> dict[str, MetricDeclaration[Any, Any]]:
    """The metrics among a module's names, in their order."""
    entries = [entry for entry in list(names.values()) if isinstance(entry, MetricDeclaration)]
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: (entry.order, entry.name))}


def counted_sums(metrics: Iterable[MetricDeclaration[Any, RowsT]], rows: RowsT) -> dict[str, Sums]:
    """The sums of the metrics that count some of their own, by the metric's name."""
    sums = ((metric.name, metric.count(rows)) for metric in metrics if metric.count is not None)
    return {name: values for name, values in sums if values is not None}


def merged_sums(first: dict[str, Sums], second: dict[str, Sums]) -> dict[str, Sums]:
    """Those of both parts together; what one of them does not have, the whole does not have."""
    return {name: first[name] + second[name] for name in first if name in second}
