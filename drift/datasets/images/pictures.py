"""Pictures as arrays. The only module that imports Pillow.

A file is read as one of `FORMATS`, whatever it is called: Pillow knows some forty more, of which some start other
programs (Ghostscript for EPS) and many are hardly ever tried with hostile files.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
TOO_DEEP = {"I", "F"}  # 32 bits: their range of grey values is unknown
ORIENTATION, LYING = 0x0112, range(5, 9)  # the EXIF tag, and its values where height and width change places


@dataclass(frozen=True)
class PictureFormat:
    """What a picture's first bytes tell.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: 1 or 3.
    """

    height: int
    width: int
    channels: int


def look_at(path: Path, *, name: str) -> PictureFormat:
    """Size and channels of a file, without its pixels; DataError if it is no picture that can be used."""
    from PIL import Image

    with _told(name), Image.open(path, formats=FORMATS) as picture:
        if picture.mode in TOO_DEEP:
            raise ValueError("its pixels have 32 bits, 8 or 16 are expected")
        height, width = picture.height, picture.width
        if picture.getexif().get(ORIENTATION) in LYING:
            height, width = width, height
        return PictureFormat(height, width, 1 if picture.mode in GREY else 3)


def read_picture(file: Path | bytes, *, name: str, channels: int = 3) -> NDArray[np.uint8]:
    """The pixels of a picture, of the first one if it holds several; transparency is dropped, 16 bits become 8.

    A camera's picture is turned as its EXIF orientation says.

    Args:
        file: where it is, or its contents.
        name: what it is called in errors.
        channels: 1 for grey, 3 for red, green and blue.

    Returns:
        (height, width, channels).

    Raises:
        DataError: it is damaged, or no picture.
    """
    from PIL import Image, ImageOps

    with _told(name), Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS) as picture:
        pixels = _eight_bits(ImageOps.exif_transpose(picture), channels)
    return pixels.reshape(*pixels.shape[:2], -1)


def _eight_bits(picture: Image, channels: int) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):  # Pillow would clip these at 255, not scale them
        grey = (np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], channels, axis=2)
    return np.asarray(picture.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say of a picture what is wrong with it, in one line; Pillow's readers raise whatever they come upon."""
    from PIL import UnidentifiedImageError
    from PIL.Image import DecompressionBombWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata and the like, which are not read
        warnings.simplefilter("error", DecompressionBombWarning)
        try:
            yield
        except UnidentifiedImageError as error:
            raise DataError(f"{name}: not an image") from error
        except Exception as error:
            raise DataError(f"{name}: {(str(error).splitlines() or [type(error).__name__])[0]}") from error
