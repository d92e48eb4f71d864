"""IDX, the format of MNIST and its kin: four files, of images and labels for training and test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.archives import members, unpacked
from drift.datasets.images.pixels import Pixels
from drift.datasets.images.record import Labels, Split
from drift.errors import DataError

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNSIGNED_BYTE = 8


def read_idx(content: bytes, *, name: str, dimensions: int) -> NDArray[np.uint8]:
    """An array of unsigned bytes.

    Args:
        content: the file, unpacked: two zero bytes, the type, the number of dimensions, each dimension as a big-endian
            integer of 4 bytes, and the array.
        name: what the file is called in errors.
        dimensions: how many it has.

    Raises:
        DataError: another magic number, or more or fewer bytes than it says.
    """
    magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if content[:4] != magic:
        raise DataError(f"{name} is not IDX: expected magic number {magic.hex()}, got {content[:4].hex() or 'nothing'}")
    start = 4 + 4 * dimensions
    shape = tuple(int(n) for n in np.frombuffer(content[4 : min(start, len(content) // 4 * 4)], dtype=">u4"))
    if len(shape) != dimensions or len(content) != start + math.prod(shape):
        raise DataError(f"{name} is damaged: its dimensions are {shape}, and {len(content)} bytes do not fit them")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def read_idx_files(paths: Sequence[Path]) -> dict[Split, tuple[Pixels, Labels]]:
    """Both splits from four files in the order of `IDX_FILES`, packed with gzip or not."""
    return _splits([path.read_bytes() for path in paths])


def read_idx_members(paths: Sequence[Path], *, folder: str, suffix: str = "") -> dict[Split, tuple[Pixels, Labels]]:
    """Both splits from one archive that holds the four files in `folder`."""
    return _splits(members(paths[0], [f"{folder}/{name}{suffix}" for name in IDX_FILES]))


def _splits(contents: Sequence[bytes]) -> dict[Split, tuple[Pixels, Labels]]:
    arrays = [
        read_idx(unpacked(content, name=name), name=name, dimensions=3 if "images" in name else 1)
        for name, content in zip(IDX_FILES, contents, strict=True)
    ]
    train, train_labels, test, test_labels = arrays
    return {
        "train": (train[..., np.newaxis], train_labels.astype(np.int64)),
        "test": (test[..., np.newaxis], test_labels.astype(np.int64)),
    }
