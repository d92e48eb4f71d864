"""Two-sample tests of a network's features, for networks trained without and with augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift.data.blocks import Integers
from drift.datasets.images.pixels import Pixels
from drift.detect import mmd_test
from drift.detect.permutation.p_values import p_text
from drift.images.detection.image_detectors import permutations_at
from drift.images.detection.spaces import FeatureNetwork
from drift.images.streams.evolution import ImagePool

CLEAN, PERTURBED = "clean test images", "perturbed test images"


@dataclass(frozen=True)
class SampleComparison:
    """A network's features of a sample compared with those of its training images.

    Attributes:
        model: name of the network.
        sample: name of the sample.
        accuracy: in [0, 1], on all images of the sample.
        n: images of each side that the test compares.
        distance: MMD² of the features, Gaussian kernel with the median bandwidth.
        threshold: of the distance at the level, by permutations.
        p_value: in (0, 1].
        drift: p_value <= level.
    """

    model: str
    sample: str
    accuracy: float
    n: int
    distance: float
    threshold: float
    p_value: float
    drift: bool

    @property
    def verdict(self) -> str:
        """In a word or two."""
        return "drift" if self.drift else "no drift"


def compare_networks(
    networks: Mapping[str, FeatureNetwork],
    train: Pixels,
    samples: Mapping[str, ImagePool],
    *,
    n: int = 500,
    level: float = 0.05,
    seed: int = 0,
) -> list[SampleComparison]:
    """Test, for each network, whether its features of samples differ from those of its training images.

    A network that is no longer disturbed by a perturbation maps perturbed images to where it maps others: that, and
    not the pixels, is what drifts for the layers behind. A network that knows its training images by heart has some
    drift on clean test images, too, which is the measure for the others.

    Args:
        networks: by name.
        train: (rows, height, width, channels) that all of them were trained on, without augmentation.
        samples: images with labels, by name.
        n: images of each side that are compared, at most; more show smaller differences.
        level: of the test.
        seed: of the choice and the permutations.
    """
    results = []
    rng = np.random.default_rng(seed)
    before = train[np.sort(rng.permutation(len(train))[:n])]
    for model, network in networks.items():
        reference = network.features(before)
        for sample, pool in samples.items():
            rows = np.sort(np.random.default_rng((seed, 1)).permutation(len(pool))[:n])
            current = network.features(pool.pixels[rows])
            test = mmd_test(
                reference, current, kernel="gaussian", permutations=permutations_at(level), level=level, seed=seed
            )
            results.append(
                SampleComparison(
                    model,
                    sample,
                    accuracy(network, pool.pixels, pool.labels),
                    len(rows),
                    test.statistic,
                    test.threshold,
                    test.p_value,
                    test.rejected,
                )
            )
    return results


def accuracy(network: FeatureNetwork, pixels: Pixels, labels: Integers) -> float:
    """Share of right answers, in [0, 1]."""
    return float((network.predict(pixels).predictions == labels).mean())


def words(results: list[SampleComparison]) -> list[str]:
    """What came of it, in sentences: the first network is the one without augmentation."""
    plain, augmented = list(dict.fromkeys(result.model for result in results))[:2]
    by = {(result.model, result.sample): result for result in results}
    before, after = by[plain, PERTURBED], by[augmented, PERTURBED]
    sentences = [
        f"{result.model}: {result.verdict} on perturbed images, distance {result.distance:.4f}"
        f" (threshold {result.threshold:.4f}, p {p_text(result.p_value)})"
        for result in (before, after)
    ]
    if not before.drift:
        sentences.append("the network without augmentation sees no drift either: there is nothing to train away")
    elif after.distance < before.distance:
        left = max(after.distance, 0) / before.distance
        sentences.append(f"augmentation leaves {left:.0%} of the distance that perturbed images have without it")
    else:
        sentences.append("augmentation did not bring perturbed images nearer")
    sentences.append(
        f"accuracy on perturbed images {before.accuracy:.3f} without and {after.accuracy:.3f} with augmentation,"
        f" on clean ones {by[plain, CLEAN].accuracy:.3f} and {by[augmented, CLEAN].accuracy:.3f}"
    )
    return sentences
