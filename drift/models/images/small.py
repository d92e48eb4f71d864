"""A small convolutional network, as quick as can be on a few cores."""

from __future__ import annotations

from itertools import pairwise

import torch

from drift.datasets.images.pixels import Pixels, checked
from drift.errors import BlockError, UsageError
from drift.models.images.network import ImageNetwork
from drift.models.images.standardised import Standardised, measured

WIDTHS = (16, 32, 64, 128)  # channels after each convolution; half of the pixels are left on each side in between
SMALLEST = 2 ** (len(WIDTHS) - 1)  # pixels


class SmallConvNet(ImageNetwork):
    """Four convolutions of 3 x 3 with batch norm, maxima of 2 x 2 between them, and 128 maxima over the image.

    98,000 parameters and some. Narrow at first, where the pixels are many: twice the width there takes twice the time
    and gains less than twice the epochs do.
    """

    name = "small"
    head_name = "fc"

    def __init__(self, height: int, width: int, channels: int, classes: int) -> None:
        """A network for images of one size.

        Raises:
            UsageError: smaller than 8 x 8 pixels, neither 1 nor 3 channels, or fewer than 2 classes.
        """
        if min(height, width) < SMALLEST or channels not in (1, 3):
            size = f"{height} x {width}, {channels=}"
            raise UsageError(
                f"expected images of {SMALLEST} x {SMALLEST} pixels or more and 1 or 3 channels, got {size}"
            )
        super().__init__(height, width, (channels,), classes)
        self.pixels = Standardised(torch.full((channels,), 127.5), torch.full((channels,), 64.0))
        layers: list[torch.nn.Module] = []
        for inputs, outputs in pairwise((channels, *WIDTHS)):
            layers += [torch.nn.MaxPool2d(2)] if layers else []
            layers += [torch.nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
            layers += [torch.nn.BatchNorm2d(outputs), torch.nn.ReLU(inplace=True)]
        self.body = torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.fc = torch.nn.Linear(WIDTHS[-1], classes)

    @classmethod
    def of_images(cls, pixels: Pixels, classes: int) -> SmallConvNet:
        """A network that standardises by these images, (n, height, width, channels): those that it will learn from.

        Raises:
            BlockError: not pixels, or none.
            UsageError: as of the constructor.
        """
        _, height, width, channels = checked(pixels).shape
        if not len(pixels):
            raise BlockError("expected images to learn from, got none")
        net = cls(height, width, channels, classes)
        net.pixels = Standardised(*measured(pixels))
        return net

    @property
    def options(self) -> dict[str, int]:
        """The arguments of the constructor."""
        return {"height": self.height, "width": self.width, "channels": self.channels[0], "classes": self.classes}

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the last layer is given, (n, 128), none of it below 0."""
        return self.body(self.pixels(pixels)).amax(dim=(2, 3))
