"""Detectors of images, side by side: each is a space to compare in, and a two-sample test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

from drift.data.blocks import Floats
from drift.datasets.images.pixels import Pixels
from drift.detect import Score, bbsds_test, feature_tests, mmd_test
from drift.detect.two_sample.kernels import KERNELS
from drift.detect.two_sample.samples import two_samples
from drift.errors import UsageError
from drift.images.detection.spaces import Spaces

MMD = "mmd_"  # before the name of a kernel
FUSED = "mmd_fused"


@dataclass(frozen=True)
class Compared:
    """What a test said of two samples."""

    statistic: float  # in the test's own units
    p_value: float  # in (0, 1]
    threshold: float | None = None  # of the statistic, at the level; None where only p-values are compared


Test: TypeAlias = Callable[[Floats, Floats, int, float, int], Compared]
"""Of a reference (n, d), a sample (m, d), a number of permutations, a level, and a seed."""


@dataclass(frozen=True)
class ImageDetector:
    """A detector of images."""

    name: str
    space: str  # see `spaces`
    test: Test
    kernel: str | None = None  # of an MMD test
    standardises: bool = False  # features are in units of their spread over both samples, which keeps tests exact

    def compare(self, spaces: Spaces, current: Pixels, *, level: float, seed: int) -> Compared:
        """Test whether images come from where the reference came from."""
        return self.apart(spaces.reference(self.space), spaces.of(self.space, current), level=level, seed=seed)

    def apart(self, reference: Floats, current: Floats, *, level: float, seed: int) -> Compared:
        """Test rows that are in the detector's space already."""
        return self.test(reference, current, permutations_at(level), level, seed)

    def score(self, spaces: Spaces, current: Pixels, *, level: float, seed: int) -> Score:
        """The same as a score, which is an alarm at p <= level."""
        found = self.compare(spaces, current, level=level, seed=seed)
        return Score(self.name, found.statistic, found.p_value, level)


def permutations_at(level: float) -> int:
    """So many that a p-value can fall below a level."""
    return max(1_000, ceil(2 / level))


def _mmd(kernel: str, standardises: bool) -> Test:
    def test(reference: Floats, current: Floats, permutations: int, level: float, seed: int) -> Compared:
        both = two_samples(reference, current)
        both = both.standardised() if standardises else both
        found = mmd_test(both.reference, both.current, kernel=kernel, permutations=permutations, level=level, seed=seed)
        return Compared(found.statistic, found.p_value, found.threshold)

    return test


def _ks(reference: Floats, current: Floats, permutations: int, level: float, seed: int) -> Compared:
    found = feature_tests(reference, current, test="ks", correction="bonferroni", level=level, seed=seed)
    return Compared(found.statistic, found.p_value)


def _bbsds(reference: Floats, current: Floats, permutations: int, level: float, seed: int) -> Compared:
    found = bbsds_test(reference, current, level=level)
    return Compared(found.statistic, found.p_value)


def watchers(space: str = "features") -> dict[str, ImageDetector]:
    """Every detector by its name; `space` is where the MMD tests compare.

    Pixels at the edge hardly vary, and tell most where they do: they are standardised. Features share their units.
    """
    kernels, standardises = ("fused", *sorted(KERNELS)), space == "pixels"
    made = [ImageDetector(MMD + kernel, space, _mmd(kernel, standardises), kernel, standardises) for kernel in kernels]
    made.append(ImageDetector("ks_pca", "pca", _ks))
    made.append(ImageDetector("bbsds", "softmax", _bbsds))
    made.append(ImageDetector("untrained_autoencoder", "untrained_autoencoder", _ks))
    return {one.name: one for one in made}


def chosen(names: str, space: str = "features") -> list[ImageDetector]:
    """The detectors of a list such as "mmd_fused,bbsds".

    Raises:
        UsageError: one that there is not, or none.
    """
    known = watchers(space)
    found = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    unknown = [name for name in found if name not in known]
    if unknown or not found:
        raise UsageError(f"expected detectors among {', '.join(known)}; got {', '.join(unknown) or 'none'}")
    return [known[name] for name in found]
