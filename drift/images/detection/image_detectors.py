"""Detectors of drift in images, and the feature spaces that they compare images in.

Detectors of images, side by side: each is a space to compare in, and a two-sample test.

Where images are compared: their pixels, what a network makes of them, or a few numbers that stand for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Protocol, TypeAlias

import numpy as np
import torch

from drift.data.blocks import Answer, Floats
from drift.datasets.images.pixels import Pixels
from drift.detect import FeatureTests, MMDTest, Score, bbsds_test, feature_tests, mmd_test
from drift.detect.two_sample.kernels import KERNELS
from drift.detect.two_sample.samples import two_samples
from drift.errors import UsageError
from drift.system.threads import one_thread

COMPONENTS = 32  # of PCA and of the untrained autoencoder, as in Rabanser et al. 2019 for images of 28 x 28
AT_ONCE = 1_000  # images in the untrained encoder


class FeatureNetwork(Protocol):
    """A trained network as detectors see it."""

    def predict(self, features: Pixels) -> Answer:
        """Class probabilities (n, classes) of images."""
        ...

    def features(self, pixels: Pixels) -> Floats:
        """What the last layer is given, (n, d)."""
        ...


FeatureSpace: TypeAlias = Callable[[Pixels], Floats]
"""Of images, what stands for them: (n, d)."""


class FeatureSpaces:
    """The spaces of one experiment, by name; each is made when it is first asked for."""

    names = ("features", "softmax", "pixels", "pca", "untrained_autoencoder")

    def __init__(self, network: FeatureNetwork, reference: Pixels, known: Pixels, *, seed: int) -> None:
        """The network's spaces, and those that are learned from images.

        Args:
            network: whose answers and features are spaces.
            reference: (n, height, width, channels) that samples will be compared with.
            known: other images of that kind, to learn from: what is learned from the reference knows its noise, and
                tests would find every other sample unlike it.
            seed: of the untrained encoder.
        """
        self._network = network
        self._reference = reference
        self._known = known
        self._seed = seed
        self._made: dict[str, FeatureSpace] = {}
        self._references: dict[str, Floats] = {}

    def of(self, name: str, pixels: Pixels) -> Floats:
        """Images in a space, (n, d).

        Raises:
            UsageError: no space of that name.
        """
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name](pixels)

    def reference(self, name: str) -> Floats:
        """The reference in a space, computed once."""
        if name not in self._references:
            self._references[name] = self.of(name, self._reference)
        return self._references[name]

    def _make(self, name: str) -> FeatureSpace:
        match name:
            case "features":
                return self._network.features
            case "softmax":
                return lambda pixels: self._network.predict(pixels).probabilities
            case "pixels":
                return flat
            case "pca":
                return principal_components(self._known)
            case "untrained_autoencoder":
                return untrained_encoder(self._reference.shape[1:], seed=self._seed)
        raise UsageError(f"expected a space among {', '.join(self.names)}; got {name!r}")


def flat(pixels: Pixels) -> Floats:
    """Pixels in [0, 1], (n, height * width * channels)."""
    return (pixels.reshape(len(pixels), -1) / np.float32(255)).astype(np.float32)


def principal_components(known: Pixels, components: int = COMPONENTS) -> FeatureSpace:
    """The coordinates along which known images vary most."""
    rows = flat(known)
    mean = rows.mean(axis=0)
    most = min(components, *rows.shape)
    _, _, directions = np.linalg.svd(rows - mean, full_matrices=False)
    kept = np.ascontiguousarray(directions[:most].T)
    return lambda pixels: np.asarray((flat(pixels) - mean) @ kept, np.float32)


def untrained_encoder(shape: tuple[int, ...], *, dimensions: int = COMPONENTS, seed: int) -> FeatureSpace:
    """The encoder of an autoencoder that nobody has trained: a random convolutional network.

    After Rabanser et al. 2019, who found that it serves nearly as well as a trained one.
    """
    height, width, channels = shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[torch.nn.Module] = []
        for before, after in ((channels, 16), (16, 32), (32, 64)):
            layers += [torch.nn.Conv2d(before, after, 3, stride=2, padding=1), torch.nn.ReLU()]
            height, width = (height + 1) // 2, (width + 1) // 2
        encoder = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(64 * height * width, dimensions))
    encoder.eval()

    def codes(pixels: Pixels) -> Floats:
        with one_thread(), torch.no_grad():
            parts = torch.from_numpy(np.ascontiguousarray(pixels)).split(AT_ONCE)
            outputs = [encoder(part.permute(0, 3, 1, 2).float() / 255) for part in parts]
            return np.asarray(torch.cat(outputs).numpy(), np.float32)

    return codes


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
