"""ResNet-18 (He et al. 2015), with the names and shapes of torchvision's, so that its published weights load."""

from __future__ import annotations

from pathlib import Path

import torch

from drift.datasets.fetch import Tell, to_nobody
from drift.models.images.network import ImageNetwork
from drift.models.images.standardised import Standardised
from drift.models.images.weights import downloaded, from_file, take_body

ADDRESS = "https://download.pytorch.org/models/resnet18-f37072fd.pth"  # its name ends in the start of its SHA-256
IMAGENET_CLASSES = 1_000
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of 255; red, green, blue
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels and stride


class BasicBlock(torch.nn.Module):
    """Two convolutions of 3 x 3 and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(outputs)
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = torch.nn.Sequential(
                torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False), torch.nn.BatchNorm2d(outputs)
            )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        around = images if self.downsample is None else self.downsample(images)
        hidden = self.bn1(self.conv1(images)).relu()
        return (self.bn2(self.conv2(hidden)) + around).relu()


class ResNet18(ImageNetwork):
    """11.2 million parameters and the head's; images of all sizes are resized, grey is repeated three times."""

    name = "resnet18"
    head_name = "fc"
    any_size = True

    def __init__(self, classes: int, size: int = 64) -> None:
        """`size`: pixels on each side that images are resized to; ImageNet's weights were made for 224.

        Raises:
            UsageError: a size out of 32 to 512, or fewer than 2 classes.
        """
        super().__init__(size, size, (1, 3), classes)
        self.pixels = Standardised(torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD), size=size, keep=False)
        self.conv1 = torch.nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(64)
        self.maxpool = torch.nn.MaxPool2d(3, 2, padding=1)
        inputs = 64
        for number, (outputs, stride) in enumerate(STAGES, start=1):
            blocks = (BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))
            self.add_module(f"layer{number}", torch.nn.Sequential(*blocks))
            inputs = outputs
        self.fc = torch.nn.Linear(inputs, classes)
        for part in self.modules():
            if isinstance(part, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)

    @property
    def options(self) -> dict[str, int]:
        """The arguments of the constructor."""
        return {"classes": self.classes, "size": self.height}

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the last layer is given, (n, 512), none of it below 0."""
        images = self.maxpool(self.bn1(self.conv1(self.pixels(pixels))).relu())
        for number in range(1, len(STAGES) + 1):
            images = self.get_submodule(f"layer{number}")(images)
        return images.mean(dim=(2, 3))

    def load_weights(self, source: Path | None = None, *, tell: Tell = to_nobody) -> None:
        """Take ImageNet's weights, all but the head's.

        Args:
            source: a checkpoint of torchvision's ResNet-18, any version; None to download the published one, once.
            tell: hears how much of it is there.

        Raises:
            DataError: it cannot be had, or is not ResNet-18's.
        """
        path = source or downloaded(ADDRESS, tell=tell)
        state = from_file(path)
        with torch.device("meta"):
            published = ResNet18(IMAGENET_CLASSES).state_dict()
        take_body(self, state, published, of=str(path))
