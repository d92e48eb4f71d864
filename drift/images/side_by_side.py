"""Detectors side by side: what each says of clean, perturbed and foreign images, and how many it needs to say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError
from drift.images.embeddings import embed, euclidean, kernel_distances
from drift.images.spaces import Network, Spaces
from drift.images.watchers import Compared, Watcher
from drift.pixels import Pixels

CLEAN = "clean"
SIZES = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200, 500)  # images
ENOUGH = 0.8  # share of samples in which a shift is seen, to say that so many images show it


@dataclass(frozen=True)
class Cell:
    """A detector on a shift."""

    detector: str
    shift: str
    n: int  # images of the sample
    statistic: float  # in the detector's own units
    p_value: float  # in (0, 1]
    needed: int | None  # images that show the shift in 8 of 10 samples; None if even 500 do not, or nothing shifted
    plane: NDArray[np.float64] | None = None  # (reference + n, 2) points, those of the reference first

    @property
    def record(self) -> dict[str, object]:
        """Plain values, for a file."""
        kept = ("detector", "shift", "n", "statistic", "p_value", "needed")
        return {name: getattr(self, name) for name in kept}


@dataclass(frozen=True)
class SideBySide:
    """The table."""

    cells: tuple[Cell, ...]
    shown: int  # images of the reference in each plane
    reference_rows: int
    level: float

    @property
    def detectors(self) -> list[str]:
        """In order."""
        return list(dict.fromkeys(cell.detector for cell in self.cells))

    @property
    def shifts(self) -> list[str]:
        """In order."""
        return list(dict.fromkeys(cell.shift for cell in self.cells))

    def cell(self, detector: str, shift: str) -> Cell:
        """Of the table."""
        return next(cell for cell in self.cells if (cell.detector, cell.shift) == (detector, shift))

    def words(self) -> str:
        """Which of two shifts is easier to see, and by how much."""
        first, second = (shift for shift in self.shifts if shift != CLEAN)
        most = SIZES[-1] * 2  # counts where so many do not suffice
        pairs = [
            (self.cell(name, first).needed or most, self.cell(name, second).needed or most) for name in self.detectors
        ]
        easier_first, easier_second = sum(a < b for a, b in pairs), sum(b < a for a, b in pairs)
        needs = median(a for a, _ in pairs), median(b for _, b in pairs)
        numbers = (
            f"in the median a detector needs {_images(needs[0])} to see {first} in 8 of 10 samples, and"
            f" {_images(needs[1])} to see {second}"
        )
        if needs[0] == needs[1]:
            return (
                f"{first} and {second} are about as easy to see ({first} is easier for {easier_first} of {len(pairs)}"
                f" detectors, {second} for {easier_second}): {numbers}"
            )
        easier, other, count = (first, second, easier_first) if needs[0] < needs[1] else (second, first, easier_second)
        times = f"{max(needs) / min(needs):.2g} times as many for {other}"
        return f"{easier} is easier to see than {other} for {count} of {len(pairs)} detectors: {numbers}, {times}"


def _images(count: float) -> str:
    return f"{count:.0f} images" if count <= SIZES[-1] else f"more than {SIZES[-1]} images"


def side_by_side(
    network: Network,
    reference: Pixels,
    shifts: Mapping[str, Pixels],
    detectors: Sequence[Watcher],
    *,
    n: int = 100,
    level: float = 0.05,
    repeats: int = 20,
    embedding: str | None = "isomap",
    seed: int = 0,
    tell: Callable[[str, int, int], None] = lambda words, done, total: None,
) -> SideBySide:
    """Compare a reference with samples of every shift, by every detector.

    Args:
        network: trained on images like the reference.
        reference: (rows, height, width, channels).
        shifts: pools of images by name, among them `CLEAN`; the first `n` of each make the table's p-values, and
            samples drawn from the whole pool tell how many images are needed.
        detectors: that compare.
        n: images of a sample.
        level: of "seen".
        repeats: samples of each size.
        embedding: of the planes; None makes none.
        seed: of samples, permutations and embeddings.
        tell: hears of every cell that is done.

    Raises:
        BlockError: a pool is too small.
    """
    for name, pool in shifts.items():
        if len(pool) < n:
            raise BlockError(f"expected {n} images of {name} or more, got {len(pool)}")
    spaces = Spaces(network, reference, seed=seed)
    cells = []
    for shift, pool in shifts.items():
        for one in detectors:
            rows = spaces.of(one.space, pool)
            found = _compare(one, spaces, rows[:n], level, seed)
            needed = None if shift == CLEAN else _needed(one, spaces, rows, level, repeats, seed)
            plane = None
            if embedding is not None:
                plane = _plane(one, spaces.reference(one.space)[:n], rows[:n], embedding, seed)
            cells.append(Cell(one.name, shift, n, found.statistic, found.p_value, needed, plane))
            tell(f"{one.name} on {shift}", len(cells), len(shifts) * len(detectors))
    return SideBySide(tuple(cells), min(n, len(reference)), len(reference), level)


def _compare(one: Watcher, spaces: Spaces, rows: np.ndarray, level: float, seed: int) -> Compared:
    return one.test(spaces.reference(one.space), rows, 1_000, level, seed)


def _needed(one: Watcher, spaces: Spaces, rows: np.ndarray, level: float, repeats: int, seed: int) -> int | None:
    """The smallest size of which enough samples show the shift."""
    rng = np.random.default_rng(seed)
    for size in SIZES:
        if size > len(rows):
            return None
        seen = 0
        for repeat in range(repeats):
            sample = rows[rng.choice(len(rows), size, replace=False)]
            seen += _compare(one, spaces, sample, level, seed + repeat).p_value <= level
        if seen >= ENOUGH * repeats:
            return size
    return None


def _plane(one: Watcher, reference: np.ndarray, rows: np.ndarray, method: str, seed: int) -> NDArray[np.float64]:
    both = np.concatenate([reference, rows])
    if one.standardises:
        both = both / np.where(both.std(axis=0) > 0, both.std(axis=0), 1)
    distances = euclidean(both) if one.kernel is None else kernel_distances(both, one.kernel, seed=seed)
    return embed(distances, method, seed=seed)
