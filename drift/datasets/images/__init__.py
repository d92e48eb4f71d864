"""Labelled images: MNIST, Fashion-MNIST and CIFAR-10, fetched on demand; or a folder of the user's own.

record                       the images themselves
sets                         which data sets there are, and where they can be had
idx, pickled, cifar          their formats, out of `archives` and `pictures`
kept                         the cache
folder                       a user's own
"""

from __future__ import annotations

from pathlib import Path

from drift.datasets.fetch import Tell, cache_folder, to_nobody
from drift.datasets.images.array_cache import load_set
from drift.datasets.images.folder import load_folder
from drift.datasets.images.pixels import Images, Split
from drift.datasets.images.sets import IMAGE_SETS
from drift.errors import DataError

__all__ = ["IMAGE_SETS", "Images", "Split", "load_images"]


def load_images(name: str, split: Split = "train", *, cache: Path | None = None, tell: Tell = to_nobody) -> Images:
    """Labelled images of one size.

    Args:
        name: one of `IMAGE_SETS`, or a folder with a subfolder for each class.
        split: which part of it.
        cache: where downloads are kept; by default `cache_folder()`.
        tell: is called with what is being done, how many bytes of it are done, and how many there are if that is known.

    Returns:
        A data set's pixels are mapped from the cache, read-only; a folder's are in memory.

    Raises:
        DataError: no such name or folder, no source that can be reached, or data that cannot be used.
    """
    if name in IMAGE_SETS:
        return load_set(IMAGE_SETS[name], split, cache=cache or cache_folder(), tell=tell)
    if not Path(name).exists():
        raise DataError(f"expected {', '.join(sorted(IMAGE_SETS))} or a folder of images, got {name!r}")
    return load_folder(Path(name), split, tell=tell)
