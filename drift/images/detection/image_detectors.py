"""Detectors of images, side by side: each is a space to compare in, and a two-sample test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

from drift.data.blocks import Floats
from drift.datasets.images.pixels import Pixels
from drift.detect import FeatureTests, MMDTest, Score, bbsds_test, feature_tests, mmd_test
from drift.detect.two_sample.kernels import KERNELS
from drift.detect.two_sample.samples import two_samples
from drift.errors import UsageError
from drift.images.detection.spaces import FeatureSpaces

MMD = "mmd_"  # before the name of a kernel

TestResult: TypeAlias = MMDTest | FeatureTests
Test: TypeAlias = Callable[[Floats, Floats, int, float, int], TestResult]
"""Of a reference (n, d), a sample (m, d), a number of permutations, a level, and a seed."""


@dataclass(frozen=True)
class ImageDetector:
    """A detector of images.

    Attributes:
        name: by which it is asked for.
        space: name of a space of `FeatureSpaces`.
        test: of rows in that space.
        kernel: of an MMD test.
        standardises: features are in units of their spread over both samples, which keeps tests exact.
    """

    name: str
    space: str
    test: Test
    kernel: str | None = None
    standardises: bool = False

    def compare_features(self, reference: Floats, current: Floats, *, level: float, seed: int) -> TestResult:
        """Test rows that are in the detector's space already."""
        return self.test(reference, current, permutations_at(level), level, seed)

    def score(self, spaces: FeatureSpaces, current: Pixels, *, level: float, seed: int) -> Score:
        """Test whether images come from where the reference came from; an alarm at p <= level."""
        before, after = spaces.reference(self.space), spaces.of(self.space, current)
        test = self.compare_features(before, after, level=level, seed=seed)
        return Score(self.name, test.statistic, test.p_value, level)


def permutations_at(level: float) -> int:
    """So many that a p-value can fall below a level."""
    return max(1_000, ceil(2 / level))


def _mmd(kernel: str, standardises: bool) -> Test:
    def test(reference: Floats, current: Floats, permutations: int, level: float, seed: int) -> MMDTest:
        both = two_samples(reference, current)
        both = both.standardised() if standardises else both
        return mmd_test(both.reference, both.current, kernel=kernel, permutations=permutations, level=level, seed=seed)

    return test


def _ks(reference: Floats, current: Floats, permutations: int, level: float, seed: int) -> FeatureTests:
    return feature_tests(reference, current, test="ks", correction="bonferroni", level=level, seed=seed)


def _bbsds(reference: Floats, current: Floats, permutations: int, level: float, seed: int) -> FeatureTests:
    return bbsds_test(reference, current, level=level)


def image_detectors(space: str = "features") -> dict[str, ImageDetector]:
    """Every detector by its name; `space` is where the MMD tests compare.

    Pixels at the edge hardly vary, and tell most where they do: they are standardised. Features share their units.
    """
    kernels, standardises = ("fused", *sorted(KERNELS)), space == "pixels"
    detectors = [
        ImageDetector(MMD + kernel, space, _mmd(kernel, standardises), kernel, standardises) for kernel in kernels
    ]
    detectors.append(ImageDetector("ks_pca", "pca", _ks))
    detectors.append(ImageDetector("bbsds", "softmax", _bbsds))
    detectors.append(ImageDetector("untrained_autoencoder", "untrained_autoencoder", _ks))
    return {detector.name: detector for detector in detectors}


def chosen(names: str, space: str = "features") -> list[ImageDetector]:
    """The detectors of a list such as "mmd_fused,bbsds".

    Raises:
        UsageError: one that there is not, or none.
    """
    known = image_detectors(space)
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise UsageError(f"expected detectors among {', '.join(known)}; got {', '.join(unknown) or 'none'}")
    return [known[name] for name in wanted]
