"""TensorBoard: losses, accuracies, augmented images of every epoch, and where a network puts images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from drift.data.blocks import Floats, Integers
from drift.datasets.images.pixels import Pixels
from drift.system.extras import missing_package

SHOWN = 25  # images of an epoch
PROJECTED = 1_000  # images in the projector


class TensorBoardLog:
    """A folder that TensorBoard opens."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise missing_package(error, module="tensorboard") from error
        self.folder = folder
        self._writer = SummaryWriter(str(folder))

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

    def epoch(self, number: int, **values: float) -> None:
        """Numbers of an epoch, from 1."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, number)

    def images(self, name: str, pixels: Pixels, number: int) -> None:
        """The first 25 images of (n, height, width, channels), each of its own."""
        for at, image in enumerate(pixels[:SHOWN]):
            self._writer.add_image(f"{name}/{at + 1:02}", image, number, dataformats="HWC")

    def projector(self, name: str, features: Floats, labels: Integers, classes: Sequence[str], pixels: Pixels) -> None:
        """At most 1,000 images where their features lie, each with its class and its picture."""
        part = slice(0, PROJECTED)
        square = np.repeat(pixels[part], 3, axis=3) if pixels.shape[3] == 1 else pixels[part]
        pictures = torch.from_numpy(np.ascontiguousarray(square)).permute(0, 3, 1, 2).float() / 255
        names = [classes[label] for label in labels[part]]
        self._writer.add_embedding(torch.from_numpy(features[part]), names, pictures, tag=name)
