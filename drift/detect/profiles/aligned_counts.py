"""Both samples of one feature on the same cells, with where the cells are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Integers
from drift.detect.profiles.binning import Bins, QuantileBins, ValueBins
from drift.detect.profiles.counts import CellCounts, NamedCounts
from drift.detect.profiles.distances import CELL_DISTANCES, Shares, cell_distances, wasserstein
from drift.errors import BlockError


@dataclass(frozen=True)
class ComparedCell:
    """One cell of a feature.

    Attributes:
        label: of the cell, such as [0, 1).
        reference: rows.
        current: rows.
    """

    label: str
    reference: int
    current: int


@dataclass(frozen=True)
class AlignedCounts:
    """Counts of a feature in the reference and in the current sample; the last cell is the missing one.

    Attributes:
        labels: of the cells.
        reference: (cells,) rows.
        current: (cells,).
        places: where cells inside the range begin and end.
    """

    labels: tuple[str, ...]
    reference: Integers
    current: Integers
    places: tuple[NDArray[np.float64], NDArray[np.float64]] | None

    @property
    def cells(self) -> tuple[ComparedCell, ...]:
        """The rows of both in each cell."""
        rows = zip(self.labels, self.reference.tolist(), self.current.tolist(), strict=True)
        return tuple(ComparedCell(*cell) for cell in rows)

    def distances(
        self, p: Shares, q: Shares, cells: NDArray[np.float64] | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Every distance between shares (cells, ...); `cells` if their `cell_distances` are known already."""
        if cells is None:
            cells = cell_distances(p, q, int(min(self.reference.sum(), self.current.sum())))
        values = dict(zip(CELL_DISTANCES, cells, strict=True))
        if self.places is not None and self.reference[:-1].any() and self.current[:-1].any():
            inside = len(self.places[0])
            values["wasserstein"] = wasserstein(_present(p, inside), _present(q, inside), *self.places)
        return values


def sides_of(bins: Bins, reference: CellCounts | NamedCounts, current: CellCounts | NamedCounts) -> AlignedCounts:
    """Bring counts on the same bins to the same cells.

    Single values and categories get a cell for each that either sample has; where those are too many, for as many as
    the merged counts name.

    Raises:
        BlockError: counts that are not of these bins.
    """
    if isinstance(bins, QuantileBins) and isinstance(reference, CellCounts) and isinstance(current, CellCounts):
        return _quantile_sides(bins, reference, current)
    if isinstance(reference, NamedCounts) and isinstance(current, NamedCounts):
        return _named_sides(reference, current, numeric=isinstance(bins, ValueBins))
    kinds = " and ".join(type(part).__name__ for part in (bins, reference, current))
    raise BlockError(f"expected counts of one kind, got {kinds}: profile both tables with one binning")


def _quantile_sides(bins: QuantileBins, reference: CellCounts, current: CellCounts) -> AlignedCounts:
    lows, highs = bins.lows, bins.highs
    labels: tuple[str, ...] = ("below", "any value")
    if lows:
        *ends, last = _in_few_digits([*lows, highs[-1]])
        inside = [f"[{low}, {high})" for low, high in pairwise(ends)]
        labels = (f"below {ends[0]}", *inside, f"[{ends[-1]}, {last}]", f"above {last}")
    before, after = (np.asarray((*part.counts, part.missing)) for part in (reference, current))
    return AlignedCounts((*labels, "missing"), before, after, (np.asarray(lows), np.asarray(highs)) if lows else None)


def _in_few_digits(numbers: list[float]) -> list[str]:
    """Numbers in as few digits as tell them apart, from four up."""
    for digits in range(4, 18):
        texts = [f"{number:.{digits}g}" for number in numbers]
        if len(set(texts)) == len(set(numbers)):
            break
    return texts


def _named_sides(reference: NamedCounts, current: NamedCounts, *, numeric: bool) -> AlignedCounts:
    both = reference.merge(current)
    names = sorted(both.counts, key=float if numeric else str)
    others = ["all others"] if both.other else []

    def counted(part: NamedCounts) -> Integers:
        named = [part.counts.get(name, 0) for name in names]
        return np.asarray([*named, *[part.present - sum(named)][: len(others)], part.missing])

    values = np.asarray([float(name) for name in names]) if numeric and not others else np.zeros(0)
    finite = values[np.isfinite(values)]
    places = np.clip(values, finite.min(), finite.max()) if len(finite) else None
    labels = (*names, *others, "missing")
    return AlignedCounts(labels, counted(reference), counted(current), None if places is None else (places, places))


def _present(shares: Shares, inside: int) -> Shares:
    """Shares of the rows that are not missing, with a cell below the range and one above it."""
    known = shares[:-1] / np.maximum(shares[:-1].sum(axis=0), np.finfo(np.float64).tiny)
    if len(known) > inside:
        return np.asarray(known)
    return np.pad(known, [(1, 1)] + [(0, 0)] * (known.ndim - 1))  # single values: nothing is out of range
