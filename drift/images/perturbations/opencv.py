"""OpenCV, image by image: warps and blur. The only module that imports cv2; arrays in, arrays out.

A pass over an image of 32 x 32 pixels takes 10 to 60 microseconds.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels


def about_centre(
    linear: NDArray[np.float64], offset: NDArray[np.float64] | float, size: tuple[int, int]
) -> NDArray[np.float64]:
    """Maps from the place of an output pixel to the place in the input that it shows.

    input = linear @ (output - centre) + centre + offset, in (row, column); the centre is half of height - 1 and of
    width - 1.

    Args:
        linear: (n, 2, 2).
        offset: (n, 2), in pixels; or 0.
        size: height and width.

    Returns:
        (n, 2, 3): input = maps[:, :, :2] @ output + maps[:, :, 2].
    """
    centre = (np.array(size) - 1) / 2
    return np.concatenate([linear, (offset + centre - linear @ centre)[:, :, None]], axis=2)


def matrices(*entries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrices (n, 2, 2) of their four entries (n,), row by row."""
    return np.stack(entries, axis=1).reshape(-1, 2, 2)


def moved(pixels: Pixels, linear: NDArray[np.float64], offset: NDArray[np.float64] | float = 0.0) -> Pixels:
    """Images (n, height, width, channels) under the maps of `about_centre`; see `warped`."""
    return warped(pixels, about_centre(linear, offset, (pixels.shape[1], pixels.shape[2])))


def warped(pixels: Pixels, maps: NDArray[np.float64]) -> Pixels:
    """Images read at other places, between pixels linearly, beyond the edge from the nearest pixel.

    Args:
        pixels: (n, height, width, channels).
        maps: (n, 2, 3), in (row, column), from output to input.
    """
    across = maps[:, ::-1][:, :, [1, 0, 2]]  # OpenCV counts (column, row)
    size = (pixels.shape[2], pixels.shape[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _stacked(
        pixels,
        [
            cv2.warpAffine(image, to_input, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            for image, to_input in zip(pixels, across, strict=True)
        ],
    )


def blurred(pixels: Pixels, sigmas: NDArray[np.float64]) -> Pixels:
    """Images under a Gaussian of sigmas (n,) pixels, all above 0; beyond the edge is the nearest pixel."""
    return _stacked(
        pixels,
        [
            cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
            for image, sigma in zip(pixels, sigmas.tolist(), strict=True)
        ],
    )


def fitted(pixels: Pixels, shape: tuple[int, int, int]) -> Pixels:
    """Images brought to another (height, width, channels), the whole of each; those of that shape are as they were.

    Smaller by means over areas, larger linearly; grey is repeated for three channels, colours become their luma.
    """
    height, width, channels = shape
    if pixels.shape[1:3] != (height, width):
        shrinks = height * width < pixels.shape[1] * pixels.shape[2]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = [cv2.resize(image, (width, height), interpolation=how) for image in pixels]
        pixels = np.asarray(resized, np.uint8).reshape(len(pixels), height, width, pixels.shape[3])
    if pixels.shape[3] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=3)
    greys = [cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in pixels]
    return np.asarray(greys, np.uint8)[..., np.newaxis]


def _stacked(pixels: Pixels, images: list[Any]) -> Pixels:
    """As the pixels' shape; OpenCV drops the axis of a single channel."""
    return np.asarray(images, dtype=np.uint8).reshape(pixels.shape)
