"""The shifts of Rabanser, Günnemann and Lipton 2019, "Failing Loudly", on a fraction of the images.

They are perturbations (`drift/images/perturbations/protocol.py`) whose severity is that fraction; their strength is
in their name. They differ from the protocol in one thing: which images are shifted depends on how many there are,
since the recipe shifts exactly ceil(fraction * n) of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.datasets.images.pixels import Pixels, as_bytes, checked
from drift.images.perturbations.opencv import about_centre, matrices, warped
from drift.images.perturbations.protocol import Perturbation, generator


@dataclass(frozen=True)
class ImageShift:
    """Turned, moved, sheared, zoomed and mirrored at random, as by Keras' `ImageDataGenerator` of that time.

    Every amount is uniform in plus or minus its range, the two zooms uniform in [1 - zoom, 1 + zoom], a flip happens
    with probability 1/2; output places are taken to input places by rotation @ shift @ shear @ zoom about the centre,
    in (row, column); pixels are interpolated linearly and continued with the nearest at the edge; flips come last.
    Two differences: the centre is the image's, where Keras was off by one pixel, and results are rounded to bytes.

    Attributes:
        name: by which it is asked for.
        rotation: degrees.
        width: share of the width.
        height: share of the height.
        shear: degrees, as Keras has it: 0.1 to 0.3 move nothing that one could see.
        zoom: in [0, 1).
        flips: left to right, top to bottom.
    """

    name: str
    rotation: float
    width: float
    height: float
    shear: float
    zoom: float
    flips: tuple[bool, bool] = (False, False)

    def __call__(self, pixels: Pixels, severity: float, *, seed: int) -> Pixels:
        """Images (n, height, width, channels) of which the fraction `severity` is shifted; see `Perturbation`."""
        changed = checked(pixels).copy()
        rng = generator(self.name, severity, seed)
        uniforms = rng.random((len(changed), 9))
        rows = shifted_rows(uniforms[:, 0], severity)
        if len(rows) == 0:
            return changed
        changed[rows] = warped(changed[rows], self.maps(uniforms[rows, 1:7], (changed.shape[1], changed.shape[2])))
        for axis, wanted in ((2, self.flips[0]), (1, self.flips[1])):
            mirrored = rows[uniforms[rows, 6 + axis] < 0.5] if wanted else rows[:0]
            changed[mirrored] = np.flip(changed[mirrored], axis=axis)
        return changed

    def maps(self, uniforms: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
        """From output to input places, (n, 2, 3), for uniforms (n, 6) in [0, 1) and height and width."""
        ranges = [self.rotation, self.height * size[0], self.width * size[1], self.shear, self.zoom, self.zoom]
        angle, down, across, shear, zoom_down, zoom_across = ((2 * uniforms - 1) * ranges).T
        cosine, sine, shear = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle)), np.deg2rad(shear)
        zeros, ones = np.zeros_like(angle), np.ones_like(angle)
        turned = matrices(cosine, -sine, sine, cosine)
        sheared = matrices(ones, -np.sin(shear), zeros, np.cos(shear))
        zoomed = matrices(1 + zoom_down, zeros, zeros, 1 + zoom_across)
        moved = (turned @ np.stack([down, across], axis=1)[:, :, None])[:, :, 0]
        return about_centre(turned @ sheared @ zoomed, moved, size)


@dataclass(frozen=True)
class NoiseShift:
    """Plus normal noise of standard deviation `sigma`, held to 0 to 255.

    The recipe's images are floats, ours are bytes: rounding adds a variance of 1/12, which only sigma 1 can feel.

    Attributes:
        name: by which it is asked for.
        sigma: of 255.
    """

    name: str
    sigma: float

    def __call__(self, pixels: Pixels, severity: float, *, seed: int) -> Pixels:
        """Images (n, height, width, channels) of which the fraction `severity` is shifted; see `Perturbation`."""
        changed = checked(pixels).copy()
        rng = generator(self.name, severity, seed)
        rows = shifted_rows(rng.random(len(changed)), severity)
        if len(rows) == 0:
            return changed
        noise = rng.standard_normal(changed.shape, dtype=np.float32)[rows]
        changed[rows] = as_bytes(changed[rows] + np.float32(self.sigma) * noise)
        return changed


FAILING_LOUDLY: dict[str, Perturbation] = {
    shift.name: shift
    for shift in (
        ImageShift("small_image_shift", 10, 0.05, 0.05, 0.1, 0.1),
        ImageShift("medium_image_shift", 40, 0.2, 0.2, 0.2, 0.2, (True, False)),
        ImageShift("large_image_shift", 90, 0.4, 0.4, 0.3, 0.4, (True, True)),
        NoiseShift("small_noise_shift", 1.0),
        NoiseShift("medium_noise_shift", 10.0),
        NoiseShift("large_noise_shift", 100.0),
    )
}
"""The recipe's shifts by name; it applies each to fractions 0.1, 0.5 and 1 of the test images."""


def shifted_rows(uniforms: NDArray[np.float64], fraction: float) -> NDArray[np.int64]:
    """Which rows are shifted: ceil(fraction * n), those of the smallest of uniforms (n,), in order."""
    count = math.ceil(round(fraction * len(uniforms), 9))  # 0.1 * 30 is 3, not a little more
    return np.sort(np.argsort(uniforms, kind="stable")[:count])
