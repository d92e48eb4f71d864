"""What all image networks are: preprocessing, a body that makes features of pixels, and one linear layer on them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import torch

from drift.datasets.fetch import Tell, to_nobody
from drift.datasets.images.pixels import Pixels, checked
from drift.errors import UsageError

AT_ONCE = 2**18  # pixels answered at a time, as the body sees them: more do not stay in a core's cache


class ImageNetwork(torch.nn.Module):
    """(n, height, width, channels) uint8 pixels to (n, classes) logits."""

    name: ClassVar[str]
    head_name: ClassVar[str]  # of the linear layer, in state dicts
    any_size: ClassVar[bool] = False  # True if images of all heights and widths will do: they are resized inside

    def __init__(self, height: int, width: int, channels: tuple[int, ...], classes: int) -> None:
        """`height` and `width` are what the body sees."""
        if classes < 2:
            raise UsageError(f"expected 2 classes or more, got {classes=}")
        super().__init__()
        self.height, self.width, self.channels, self.classes = height, width, channels, classes

    @abstractmethod
    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the last layer is given, (n, d)."""

    @property
    @abstractmethod
    def options(self) -> dict[str, int]:
        """The arguments of the constructor."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits."""
        logits: torch.Tensor = self.head(self.features(pixels))
        return logits

    @property
    def head(self) -> torch.nn.Linear:
        """The layer that answers; the one that is new when a pretrained network learns other classes."""
        return self.get_submodule(self.head_name)

    @property
    def body_state(self) -> dict[str, torch.Tensor]:
        """The state dict without the head: what the features depend on."""
        return {name: part for name, part in self.state_dict().items() if not name.startswith(f"{self.head_name}.")}

    @property
    def at_once(self) -> int:
        """Images to answer at a time."""
        return max(AT_ONCE // (self.height * self.width), 1)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head.weight.device

    def check(self, pixels: Pixels) -> Pixels:
        """The same pixels, if they are what the network was made for.

        Raises:
            BlockError: they are not.
        """
        height, width = (None, None) if self.any_size else (self.height, self.width)
        return checked(
            pixels, height=height, width=width, channels=self.channels, whose=", as the network was made for"
        )

    def load_weights(self, source: Path | None = None, *, tell: Tell = to_nobody) -> None:
        """Take pretrained weights, all but the head's.

        Args:
            source: a file; None for the published one.
            tell: hears how much of it was downloaded.

        Raises:
            UsageError: there are none of this network.
            DataError: they cannot be had, or are not of this network.
        """
        raise UsageError(f"the network {self.name} learns from the beginning: no weights of it are published")
