"""Data sets of the table, kept in the cache as plain arrays: fetched and read once, opened at once from then on."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.datasets.fetch import Tell, obtain
from drift.datasets.images.pixels import Images, Labels, Pixels, Split
from drift.datasets.images.sets import ImageSet
from drift.errors import DataError, UnreachableError
from drift.system.disk import at_once


def load_set(entry: ImageSet, split: Split, *, cache: Path, tell: Tell) -> Images:
    """One split of a data set, memory-mapped from the cache; both splits are fetched when it is not there.

    Raises:
        DataError: no source can be reached, a checksum is wrong, a download is damaged, or the cache cannot be written.
    """
    folder = cache / "images" / entry.name
    kept = _kept(entry, split, folder)
    if kept is None:
        try:
            with _alone(folder):
                kept = _kept(entry, split, folder)  # another process may have been quicker
                if kept is None:
                    _fetch(entry, folder, tell=tell)
                    kept = _kept(entry, split, folder)
        except OSError as error:
            raise DataError(
                f"{folder} cannot be used: {error.strerror or error}; set DRIFT_CACHE to a folder that can be written"
            ) from error
    if kept is None:
        raise DataError(f"{folder} does not hold what was just written to it; set DRIFT_CACHE to another folder")
    return kept


def _paths(folder: Path, split: Split) -> tuple[Path, Path]:
    return folder / f"{split}-pixels.npy", folder / f"{split}-labels.npy"


def _kept(entry: ImageSet, split: Split, folder: Path) -> Images | None:
    """What the cache holds; None if it is not there or not what it should be."""
    try:
        pixels, labels = (np.load(path, mmap_mode="r", allow_pickle=False) for path in _paths(folder, split))
    except (OSError, ValueError, EOFError):
        return None
    rows = entry.rows[split]
    fits = pixels.shape == (rows, *entry.size) and labels.shape == (rows,)
    if not fits or pixels.dtype != np.uint8 or labels.dtype != np.int64:
        return None
    images = Images(entry.name, pixels, labels, entry.classes)
    return images if images.digest() == entry.digests[split] else None


def _fetch(entry: ImageSet, folder: Path, *, tell: Tell) -> None:
    """Bring both splits from the first source that has them, and keep them."""
    downloads, tried = folder / "downloads", []
    downloads.mkdir(parents=True, exist_ok=True)
    for source in entry.sources:
        try:
            paths = [obtain(address, downloads, tell=tell) for address in source.addresses]
        except DataError as error:  # not to be had, or something else: a page that asks for a password, say
            tried.append(str(error))
            continue
        tell(f"reading {entry.name}", 0, None)
        try:
            for split, (pixels, labels) in source.read(paths).items():
                _keep(_checked(entry, split, pixels, labels), split, folder)
        except DataError as error:
            shutil.rmtree(downloads)
            raise DataError(f"{error}; the download was removed, try again") from error
        shutil.rmtree(downloads)
        return
    names = ", ".join(address.file_name for address in entry.sources[0].addresses)
    raise UnreachableError(
        f"{entry.name} cannot be downloaded; tried {'; '.join(tried)}. Put {names} into {downloads}, or use a folder of"
        " images of your own"
    )


def _checked(entry: ImageSet, split: Split, pixels: Pixels, labels: Labels) -> Images:
    images = Images(entry.name, pixels, labels, entry.classes)
    digest = images.digest()
    if digest != entry.digests[split]:
        raise DataError(
            f"the {split} data of {entry.name} are not what they should be: expected digest {entry.digests[split]},"
            f" got {digest}, {pixels.shape=}"
        )
    return images


def _keep(images: Images, split: Split, folder: Path) -> None:
    arrays: list[NDArray[Any]] = [images.pixels, images.labels]
    for path, array in zip(_paths(folder, split), arrays, strict=True):
        with at_once(path) as beside, beside.open("wb") as file:
            np.save(file, array, allow_pickle=False)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process fetches into the folder meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"another process is downloading {folder.name} to {folder}; try again when it is done"
            ) from error
        yield
