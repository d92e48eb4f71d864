"""Where images are compared: their pixels, what a network makes of them, or a few numbers that stand for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
import torch

from drift.data.blocks import Answer, Floats
from drift.datasets.images.pixels import Pixels
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
