"""Preprocessing as the first layer of an image network: it is kept, loaded and exported with it."""

from __future__ import annotations

import numpy as np
import torch

from drift.datasets.images.pixels import Pixels
from drift.errors import UsageError

SMALLEST_SPREAD = 1.0  # of 255: a channel that hardly varies is not blown up
SIZES = range(32, 513)  # pixels that images may be resized to


class Standardised(torch.nn.Module):
    """(n, height, width, channels) uint8 pixels to (n, channels, height, width) float32, channels last in memory."""

    mean: torch.Tensor  # (channels,) in [0, 255]
    std: torch.Tensor  # (channels,) positive

    def __init__(self, mean: torch.Tensor, std: torch.Tensor, *, size: int | None = None, keep: bool = True) -> None:
        """Images are resized to `size` by `size` if that is given; `keep` says whether state dicts hold the numbers.

        Raises:
            UsageError: no such size.
        """
        if size is not None and size not in SIZES:
            raise UsageError(f"expected images resized to {SIZES[0]} to {SIZES[-1]} pixels, got {size=}")
        super().__init__()
        self.size = size
        self.register_buffer("mean", mean, persistent=keep)
        self.register_buffer("std", std, persistent=keep)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Resize if need be, repeat grey for the three channels of a network for colours, subtract and divide."""
        images = pixels.permute(0, 3, 1, 2).to(torch.float32)
        if self.size is not None and images.shape[2:] != (self.size, self.size):
            shrinks = self.size < max(images.shape[2:])
            images = torch.nn.functional.interpolate(
                images, (self.size, self.size), mode="bilinear", align_corners=False, antialias=shrinks
            )
        standard = (images - self.mean.view(1, -1, 1, 1)) / self.std.view(1, -1, 1, 1)
        return standard.contiguous(memory_format=torch.channels_last)


def measured(pixels: Pixels) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel, (channels,) in [0, 255]; of a channel that hardly varies, 1."""
    channels = pixels.shape[3]
    counts = np.stack([np.bincount(pixels[..., at].ravel(), minlength=256) for at in range(channels)])
    share, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256.0)
    mean = share @ values
    spread = np.sqrt(np.maximum(share @ values**2 - mean**2, 0)).clip(SMALLEST_SPREAD)
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(spread, dtype=torch.float32)
