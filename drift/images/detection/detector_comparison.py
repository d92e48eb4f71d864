"""Detectors compared: scores on clean, perturbed and foreign images, and the number of images that each one needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels
from drift.errors import BlockError
from drift.images.detection.image_detectors import ImageDetector
from drift.images.detection.spaces import FeatureNetwork, FeatureSpaces
from drift.images.embeddings import embed, euclidean, kernel_distances

CLEAN = "clean"
SIZES = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200, 500)  # images
ENOUGH = 0.8  # share of samples in which a shift is seen, to say that so many images show it


@dataclass(frozen=True)
class DetectorCell:
    """A detector on a shift.

    Attributes:
        detector: its name.
        shift: name of the sample.
        n: images of the sample.
        statistic: in the detector's own units.
        p_value: in (0, 1].
        needed: images that show the shift in 8 of 10 samples; None if not even `tried` do.
        tried: the most images that were tried; 0 where nothing shifted.
        plane: (reference + n, 2) points, those of the reference first.
    """

    detector: str
    shift: str
    n: int
    statistic: float
    p_value: float
    needed: int | None
    tried: int
    plane: NDArray[np.float64] | None = None

    @property
    def record(self) -> dict[str, object]:
        """Plain values, for a file."""
        kept = ("detector", "shift", "n", "statistic", "p_value", "needed")
        return {name: getattr(self, name) for name in kept}


@dataclass(frozen=True)
class DetectorComparison:
    """The table.

    Attributes:
        cells: by shift, and for each shift by detector.
        shown: images of the reference in each plane.
        reference_rows: number of images of the reference.
        level: of the tests.
    """

    cells: tuple[DetectorCell, ...]
    shown: int
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

    def cell(self, detector: str, shift: str) -> DetectorCell:
        """Of the table."""
        return next(cell for cell in self.cells if (cell.detector, cell.shift) == (detector, shift))

    def words(self) -> str:
        """Which of two shifts is easier to see, and by how much."""
        first, second = (shift for shift in self.shifts if shift != CLEAN)
        pairs = [(self._needed(name, first), self._needed(name, second)) for name in self.detectors]
        easier_first, easier_second = sum(a < b for a, b in pairs), sum(b < a for a, b in pairs)
        needs = median_low(a for a, _ in pairs), median_low(b for _, b in pairs)
        tried = tuple(self.cell(self.detectors[0], shift).tried for shift in (first, second))
        numbers = (
            f"in the median a detector needs {_images(needs[0], tried[0])} to see {first} in 8 of 10 samples, and"
            f" {_images(needs[1], tried[1])} to see {second}"
        )
        if needs[0] == needs[1]:
            return (
                f"{first} and {second} are about as easy to see ({first} is easier for {easier_first} of {len(pairs)}"
                f" detectors, {second} for {easier_second}): {numbers}"
            )
        easier, other, count = (first, second, easier_first) if needs[0] < needs[1] else (second, first, easier_second)
        most = min(max(needs), max(tried))
        times = f"{'' if most == max(needs) else 'more than '}{most / min(needs):.2g} times as many for {other}"
        return f"{easier} is easier to see than {other} for {count} of {len(pairs)} detectors: {numbers}, {times}"

    def _needed(self, detector: str, shift: str) -> float:
        needed = self.cell(detector, shift).needed
        return inf if needed is None else needed


def _images(count: float, tried: int) -> str:
    return f"{count:.0f} images" if count < inf else f"more than {tried} images"


def compare_detectors(
    network: FeatureNetwork,
    reference: Pixels,
    known: Pixels,
    shifts: Mapping[str, Pixels],
    detectors: Sequence[ImageDetector],
    *,
    n: int = 100,
    level: float = 0.05,
    repeats: int = 20,
    embedding: str | None = "isomap",
    seed: int = 0,
    tell: Callable[[str, int, int], None] = lambda words, done, total: None,
) -> DetectorComparison:
    """Compare a reference with samples of every shift, by every detector.

    Args:
        network: trained on images like the reference.
        reference: (rows, height, width, channels).
        known: other images of that kind, for spaces that are learned; see `FeatureSpaces`.
        shifts: pools of images by name, among them `CLEAN`; the first `n` of each make the table's p-values, and
            samples drawn from the whole pool tell how many images are needed.
        detectors: that compare.
        n: images of a sample.
        level: of "seen".
        repeats: samples of each size.
        embedding: of the planes; None makes none.
        seed: of samples, permutations and embeddings.
        tell: is called after every cell.

    Raises:
        BlockError: a pool is too small.
    """
    for name, pool in shifts.items():
        if len(pool) < n:
            raise BlockError(f"expected {n} images of {name} or more, got {len(pool)}")
    spaces = FeatureSpaces(network, reference, known, seed=seed)
    cells = []
    for shift, pool in shifts.items():
        for detector in detectors:
            rows = spaces.of(detector.space, pool)
            test = detector.compare_features(spaces.reference(detector.space), rows[:n], level=level, seed=seed)
            sizes = [size for size in SIZES if size <= len(rows) and shift != CLEAN]
            needed = _needed(detector, spaces, rows, sizes, level=level, repeats=repeats, seed=seed)
            plane = None
            if embedding is not None:
                plane = _plane(detector, spaces.reference(detector.space)[:n], rows[:n], embedding, seed)
            cells.append(
                DetectorCell(
                    detector.name, shift, n, test.statistic, test.p_value, needed, max(sizes, default=0), plane
                )
            )
            tell(f"{detector.name} on {shift}", len(cells), len(shifts) * len(detectors))
    return DetectorComparison(tuple(cells), min(n, len(reference)), len(reference), level)


def _needed(
    detector: ImageDetector,
    spaces: FeatureSpaces,
    rows: np.ndarray,
    sizes: Sequence[int],
    *,
    level: float,
    repeats: int,
    seed: int,
) -> int | None:
    """The smallest size of which enough samples show the shift."""
    rng, reference = np.random.default_rng(seed), spaces.reference(detector.space)
    for size in sizes:
        rejections = 0
        for repeat in range(repeats):
            sample = rows[rng.choice(len(rows), size, replace=False)]
            rejections += detector.compare_features(reference, sample, level=level, seed=seed + repeat).p_value <= level
        if rejections >= ENOUGH * repeats:
            return size
    return None


def _plane(
    detector: ImageDetector, reference: np.ndarray, rows: np.ndarray, method: str, seed: int
) -> NDArray[np.float64]:
    both = np.concatenate([reference, rows])
    if detector.standardises:
        both = both / np.where(both.std(axis=0) > 0, both.std(axis=0), 1)
    distances = euclidean(both) if detector.kernel is None else kernel_distances(both, detector.kernel, seed=seed)
    return embed(distances, method, seed=seed)
