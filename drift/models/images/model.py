"""A network with the names of its classes: what an image laboratory asks, saves and loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from drift import __version__
from drift.data.blocks import Answer, Floats
from drift.datasets.fetch import Tell, to_nobody
from drift.datasets.images.pixels import Pixels
from drift.errors import DataError, StateError, UsageError
from drift.models.images.efficientnet import EfficientNetLite0
from drift.models.images.network import ImageNetwork
from drift.models.images.resnet import ResNet18
from drift.models.images.small import SmallConvNet
from drift.system.disk import write_at_once

NETWORKS: dict[str, type[ImageNetwork]] = {kind.name: kind for kind in (SmallConvNet, ResNet18, EfficientNetLite0)}
FORMAT = 1  # of the folder; readers refuse a newer one
CARD, TENSORS = "model.json", "weights.safetensors"


@dataclass(frozen=True, eq=False)
class ImageModel:
    """Answers images with probabilities: a `Predictor` of pixels.

    Attributes:
        net: the network.
        classes: what the codes mean.
        name: of the network.
        version: in a registry; 0 for a model that is not registered.
    """

    net: ImageNetwork
    classes: tuple[str, ...]
    name: str
    version: int = 0

    def __post_init__(self) -> None:
        if len(self.classes) != self.net.classes:
            raise UsageError(f"expected names of the network's {self.net.classes} classes, got {len(self.classes)}")

    def predict(self, features: Pixels) -> Answer:
        """Class probabilities (n, classes) of images (n, height, width, channels).

        Raises:
            BlockError: the network was made for other images.
        """
        return Answer(self._answers(features, lambda part: torch.softmax(self.net(part), dim=1)), self.version)

    def features(self, pixels: Pixels) -> Floats:
        """What the last layer is given, (n, d), of images (n, height, width, channels).

        Raises:
            BlockError: the network was made for other images.
        """
        return self._answers(pixels, self.net.features)

    def save(self, folder: Path | str) -> Path:
        """Write the model to a folder of JSON and safetensors; what was there of another one is replaced.

        Raises:
            StateError: the folder cannot be written.
        """
        from safetensors.torch import save

        folder = Path(folder)
        card = {
            "format": FORMAT,
            "drift": __version__,
            "network": self.net.name,
            "options": self.net.options,
            "name": self.name,
            "classes": self.classes,
            "version": self.version,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / CARD).unlink(missing_ok=True)  # without a card, the folder is no model
            weights = {name: part.detach().cpu().contiguous() for name, part in self.net.state_dict().items()}
            write_at_once(folder / TENSORS, save(weights))
            write_at_once(folder / CARD, json.dumps(card, indent=2).encode())
        except OSError as error:
            raise StateError(f"the model cannot be written to {folder}: {error.strerror or error}") from error
        return folder

    @classmethod
    def load(cls, folder: Path | str) -> ImageModel:
        """Read what `save` wrote; nothing in it can run.

        Raises:
            DataError: no such folder, a newer format, a network that is not known here, or damaged files.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = Path(folder)
        try:
            card: dict[str, Any] = json.loads((folder / CARD).read_text())
            written, network, options = int(card["format"]), str(card["network"]), dict(card["options"])
            classes, name, version = tuple(card["classes"]), str(card["name"]), int(card["version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"expected a saved model in {folder}, got none that can be read ({CARD}: {error!r})"
            ) from error
        if written > FORMAT:
            raise DataError(
                f"expected a model of format {FORMAT} or less in {folder}, got {written}, written by drift"
                f" {card.get('drift')}: update this drift {__version__}"
            )
        if network not in NETWORKS:
            raise DataError(f"expected a network among {', '.join(NETWORKS)} in {folder}, got {network!r}")
        try:
            net = made(network, options)
            net.load_state_dict(load_file(folder / TENSORS))
            return cls(net.eval(), classes, name, version)
        except (OSError, SafetensorError, RuntimeError, TypeError, UsageError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"expected the weights of {network} with {options} in {folder}: {reason}") from error

    def _answers(self, pixels: Pixels, of: Callable[[torch.Tensor], torch.Tensor]) -> Floats:
        """What a function gives for images, as many at a time as suit the network; of none, an empty answer."""
        net, images = self.net.eval(), np.ascontiguousarray(self.net.check(pixels))
        blank = np.zeros((1, *images.shape[1:]), np.uint8)  # to learn the answer's width when there are no images
        parts = [images[at : at + net.at_once] for at in range(0, len(images), net.at_once)] or [blank]
        with torch.no_grad():
            answers = torch.cat([of(torch.tensor(part, device=net.device)) for part in parts])
        return np.asarray(answers[: len(images)].cpu().numpy(), np.float32)


def made(network: str, options: Mapping[str, int]) -> ImageNetwork:
    """One of `NETWORKS`, made with these options; TypeError when it wants something else."""
    kind: Callable[..., ImageNetwork] = NETWORKS[network]
    return kind(**options)


def new_model(
    network: str,
    pixels: Pixels,
    classes: Sequence[str],
    *,
    name: str,
    seed: int,
    size: int | None = None,
    weights: Path | None = None,
    tell: Tell = to_nobody,
) -> ImageModel:
    """A model to fit; a network that can begin with published weights does, and its head alone is new.

    Args:
        network: one of `NETWORKS`.
        pixels: (n, height, width, channels), those that will be learned from.
        classes: what the labels' codes will mean.
        name: of the model.
        seed: of the first weights.
        size: pixels on each side that images are resized to; None for the network's own choice.
        weights: a file to take weights from; None for the published ones.
        tell: hears how much of them was downloaded.

    Raises:
        UsageError: no such network, or options that it does not take.
        DataError: its weights cannot be had.
        BlockError: not pixels that it can take.
    """
    if network not in NETWORKS:
        raise UsageError(f"expected a network among {', '.join(NETWORKS)}, got {network!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if network == SmallConvNet.name:
            if size is not None or weights is not None:
                raise UsageError(
                    f"the network {network} takes neither a size nor weights: it learns images as they are"
                )
            return ImageModel(SmallConvNet.of_images(pixels, len(classes)).eval(), tuple(classes), name)
        options = {"classes": len(classes)} | ({} if size is None else {"size": size})
        net = made(network, options)
    net.check(pixels)
    net.load_weights(weights, tell=tell)
    return ImageModel(net.eval(), tuple(classes), name)
