"""Small real images, and a network on them that needs no training loop: handwritten digits of 8 x 8 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.datasets import load_digits

from drift.data.blocks import Answer, Floats
from drift.datasets.images.pixels import Pixels
from drift.images.streams.evolution import ImagePool

CLASSES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class Centroids:
    """Answers with the nearest class mean; its features are the distances to them."""

    means: Floats  # (classes, pixels)

    def features(self, pixels: Pixels) -> Floats:
        rows = pixels.reshape(len(pixels), -1).astype(np.float32) / 255
        return np.asarray(np.linalg.norm(rows[:, None] - self.means[None], axis=2), np.float32)

    def predict(self, features: Pixels) -> Answer:
        odds = np.exp(-4 * self.features(features))
        return Answer((odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), 1)


@dataclass(frozen=True)
class Digits:
    """A network, and images that it has not been made of."""

    network: Centroids
    pool: ImagePool
    known: Pixels  # that the network was made of


@pytest.fixture(scope="session")
def digits() -> Digits:
    found = load_digits()
    pixels = np.minimum(255, found.images * 16)[..., None].astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(pixels))
    pixels, labels = pixels[order], found.target[order].astype(np.int64)
    train, truth = pixels[:500].reshape(500, -1).astype(np.float32) / 255, labels[:500]
    means = np.stack([train[truth == code].mean(axis=0) for code in range(10)])
    return Digits(Centroids(means), ImagePool(pixels[500:], labels[500:]), pixels[:500])


def noisy(pixels: Pixels, severity: float, seed: int) -> Pixels:
    """More and more noise: at 1, nothing else is left."""
    noise = np.random.default_rng(seed).integers(0, 256, pixels.shape)
    return np.asarray((1 - severity) * pixels + severity * noise, np.uint8)
