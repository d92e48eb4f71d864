"""A folder of the user's own images: one subfolder for each class.

All images must be of one size. What cannot be read is left out and listed. Without folders `train` and `test`, the
file's name decides: a fifth of all names are test data, and no image changes sides when others are added.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drift.data.readers.memory_limits import available_memory
from drift.datasets.fetch import Tell
from drift.datasets.images.pictures import PictureFormat, look_at, read_picture
from drift.datasets.images.pixels import Images, Split
from drift.errors import DataError
from drift.system.streams import broken, one_line

TEST_ONE_IN = 5
MOST_BYTES = 8_000_000_000  # of pixels in memory
MOST_SQUEEZED = 256_000_000  # of pixels of images that take less than one of SQUEEZED bytes in their files
SQUEEZED = 500
SIZES_SHOWN = 5
REASONS_SHOWN = 3


@dataclass(frozen=True)
class _File:
    """An image file before it is read.

    Attributes:
        path: of the file.
        name: below the user's folder.
        label: name of its class.
    """

    path: Path
    name: str
    label: str

    @property
    def shown(self) -> str:
        """Its name in messages: a file's name may hold line breaks."""
        return one_line(_text(self.name))


def load_folder(folder: Path, split: Split, *, tell: Tell) -> Images:
    """Read the images of one split.

    Grey images (of 8 or 16 bits) have 1 channel if the whole folder is grey; else all have 3. Hidden files are not
    looked at; each other file is an image or is left out.

    Args:
        folder: with a subfolder for each class; or with `train` and `test`, and the classes in each of them.
        split: which part.
        tell: is called with how far the reading is, in bytes of pixels.

    Raises:
        DataError: no classes, no image that can be read, sizes that differ, too much for memory, or a split without an
            image.
    """
    if not folder.is_dir():
        raise DataError(f"expected a folder of images, got the file {folder}")
    name = folder.resolve().name
    files = _found(folder)
    looks: dict[_File, PictureFormat] = {}
    left_out: dict[_File, str] = {}
    for file in (*files["train"], *files["test"]):
        try:
            looks[file] = look_at(file.path, name=file.shown)
        except DataError as error:
            left_out[file] = str(error)
    if left_out and not looks:
        raise DataError(_none_of(folder, list(left_out.values())))
    classes = tuple(sorted({file.label for file in looks}))
    if wrong := broken(classes):
        raise DataError(
            f"{folder}: expected subfolders without control characters and line breaks in their names, got"
            f" {', '.join(wrong[:REASONS_SHOWN])}; rename them"
        )
    if len(classes) < 2:
        raise DataError(
            f"{folder}: expected a subfolder for each class, at least 2 of them with images;"
            f" got {', '.join(classes) or 'none'}"
        )
    look = _common(folder, looks)
    here = [file for file in files[split] if file in looks]
    size = look.height * look.width * look.channels
    total = len(here) * size
    _require_memory(folder, here, look, total)
    pixels = np.empty((len(here), look.height, look.width, look.channels), np.uint8)
    read: list[_File] = []
    for file in here:
        try:
            picture = read_picture(file.path, name=file.shown, channels=look.channels)
        except DataError as error:
            left_out[file] = str(error)
            continue
        if picture.shape != pixels.shape[1:]:
            left_out[file] = f"{file.shown}: its header tells another size than its pixels have"
            continue
        pixels[len(read)] = picture
        read.append(file)
        tell(f"reading {name}", len(read) * size, total)
    reasons = tuple(left_out[file] for file in files[split] if file in left_out)
    if not read:
        raise DataError(
            _none_of(folder, reasons)
            if reasons
            else f"{folder}: no image falls to the {split} data; put the images into folders train and test yourself"
        )
    codes = {label: code for code, label in enumerate(classes)}
    labels = np.asarray([codes[file.label] for file in read], dtype=np.int64)
    return Images(name, pixels[: len(read)], labels, classes, reasons)


def _require_memory(folder: Path, files: Sequence[_File], look: PictureFormat, total: int) -> None:
    """Refuse images that would not fit, or unpack to far more than their files: a few kilobytes may hold gigabytes.

    Raises:
        DataError: with the bytes that they take and that are the most.
    """
    shown = f"{folder}: {len(files):,} images of {look.width}x{look.height} take {total / 1e9:.1f} GB of memory"
    most = min(MOST_BYTES, available_memory() // 2)  # the other half is for the other split, and for work on both
    if total > most:
        raise DataError(f"{shown}, {most / 1e9:.1f} GB are the most; make them smaller")
    if total > MOST_SQUEEZED:
        packed = sum(file.path.stat().st_size for file in files)
        if total > SQUEEZED * packed:
            raise DataError(
                f"{shown}, {SQUEEZED} times more than the {packed / 1e6:.1f} MB of their files; make them smaller"
            )


def _found(folder: Path) -> Mapping[Split, list[_File]]:
    """The files of both splits, in the order of their names."""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return {"train": _below(folder, folder / "train"), "test": _below(folder, folder / "test")}
    files = _below(folder, folder)
    return {
        "train": [file for file in files if not is_test(file.name)],
        "test": [file for file in files if is_test(file.name)],
    }


def _below(folder: Path, classes: Path) -> list[_File]:
    files = []
    for path in sorted(classes.rglob("*")):
        inside = path.relative_to(classes).parts
        if len(inside) > 1 and not any(part.startswith(".") for part in inside) and path.is_file():
            files.append(_File(path, path.relative_to(folder).as_posix(), _text(inside[0])))
    return files


def _text(name: str) -> str:
    """A folder's name as text: bytes in it that are no UTF-8 become question marks, which anything can print."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def is_test(name: str) -> bool:
    """Whether an image belongs to the test data, by its path below the folder: one in `TEST_ONE_IN`."""
    return int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:8]) % TEST_ONE_IN == 0


def _common(folder: Path, looks: Mapping[_File, PictureFormat]) -> PictureFormat:
    """The size that all have, and the channels that are enough for all."""
    sizes = Counter((look.width, look.height) for look in looks.values())
    if len(sizes) > 1:
        first = {(look.width, look.height): file.shown for file, look in reversed(list(looks.items()))}
        shown = [f"{n} of {w}x{h} ({first[w, h]})" for (w, h), n in sizes.most_common(SIZES_SHOWN)]
        more = f" and {len(sizes) - SIZES_SHOWN} more sizes" if len(sizes) > SIZES_SHOWN else ""
        raise DataError(
            f"{folder}: expected images of one size, got {', '.join(shown)}{more}; bring them to one size first"
        )
    ((width, height),) = sizes
    return PictureFormat(height, width, max(look.channels for look in looks.values()))


def _none_of(folder: Path, reasons: Sequence[str]) -> str:
    more = f" and {len(reasons) - REASONS_SHOWN} more" if len(reasons) > REASONS_SHOWN else ""
    return f"{folder}: no file can be read as an image: {'; '.join(reasons[:REASONS_SHOWN])}{more}"
