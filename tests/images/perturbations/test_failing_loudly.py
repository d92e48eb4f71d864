"""The shifts of "Failing Loudly" against a loop that does what Keras did."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from drift.datasets.images.pixels import Pixels
from drift.images.perturbations.failing_loudly import FAILING_LOUDLY, ImageShift, shifted_rows
from drift.images.perturbations.protocol import generator
from tests.images.pictures import digits, photographs

IMAGE_SHIFTS = {name: shift for name, shift in FAILING_LOUDLY.items() if isinstance(shift, ImageShift)}


def keras(image: Pixels, shift: ImageShift, uniforms: Any) -> Any:
    """One image as `apply_affine_transform` and the flips of Keras have it, but about the image's own centre."""
    height, width, channels = image.shape
    theta, down, across, shear = 2 * uniforms[:4] - 1
    theta, shear = math.radians(theta * shift.rotation), math.radians(shear * shift.shear)
    zooms = 1 + (2 * uniforms[4:6] - 1) * shift.zoom
    transform = np.array([[math.cos(theta), -math.sin(theta), 0], [math.sin(theta), math.cos(theta), 0], [0, 0, 1]])
    transform = transform @ [[1, 0, down * shift.height * height], [0, 1, across * shift.width * width], [0, 0, 1]]
    transform = transform @ [[1, -math.sin(shear), 0], [0, math.cos(shear), 0], [0, 0, 1]]
    transform = transform @ np.diag([*zooms, 1])
    row, column = (height - 1) / 2, (width - 1) / 2
    transform = np.array([[1, 0, row], [0, 1, column], [0, 0, 1]]) @ transform
    transform = transform @ [[1, 0, -row], [0, 1, -column], [0, 0, 1]]
    result = np.stack(
        [
            ndimage.affine_transform(
                image[..., channel].astype(float), transform[:2, :2], transform[:2, 2], order=1, mode="nearest"
            )
            for channel in range(channels)
        ],
        axis=-1,
    )
    if shift.flips[0] and uniforms[7] < 0.5:
        result = result[:, ::-1]
    if shift.flips[1] and uniforms[6] < 0.5:
        result = result[::-1]
    return result


@pytest.mark.parametrize(
    "given", [digits(40), photographs(40), photographs(40)[:, :20]], ids=["grey", "colour", "oblong"]
)
@pytest.mark.parametrize("name", IMAGE_SHIFTS)
def test_image_shifts_are_kerass(name: str, given: Pixels) -> None:
    """Image by image, within the rounding to bytes."""
    fast = IMAGE_SHIFTS[name](given, 1.0, seed=6)
    uniforms = generator(name, 1.0, 6).random((len(given), 9))
    for image, mine, row in zip(given, fast, uniforms, strict=True):
        assert np.abs(keras(image, IMAGE_SHIFTS[name], row[1:]) - mine).max() < 0.6


def test_the_recipe_is_the_papers() -> None:
    """Rotation, width, height, shear, zoom and flips, and the sigmas."""
    options = {n: (s.rotation, s.width, s.height, s.shear, s.zoom, s.flips) for n, s in IMAGE_SHIFTS.items()}
    assert options == {
        "small_image_shift": (10, 0.05, 0.05, 0.1, 0.1, (False, False)),
        "medium_image_shift": (40, 0.2, 0.2, 0.2, 0.2, (True, False)),
        "large_image_shift": (90, 0.4, 0.4, 0.3, 0.4, (True, True)),
    }
    for name, sigma in {"small_noise_shift": 1.0, "medium_noise_shift": 10.0, "large_noise_shift": 100.0}.items():
        grey = np.full((40, 28, 28, 1), 127, np.uint8)
        noise = FAILING_LOUDLY[name](grey, 1.0, seed=1).astype(float) - 127
        held = np.clip(np.random.default_rng(0).normal(0, sigma, 100_000), -127, 128)
        assert noise.std() == pytest.approx(np.hypot(held.std(), 12**-0.5), rel=0.02)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("n", [0, 1, 10, 30, 1_000])
def test_the_fraction_is_exact(n: int, fraction: float) -> None:
    """ceil(fraction * n), as the recipe has it; rows of a smaller fraction are among those of a larger one."""
    uniforms = np.random.default_rng(1).random(n)
    rows = shifted_rows(uniforms, fraction)
    assert len(rows) == {0.0: 0, 0.1: -(-n // 10), 0.5: -(-n // 2), 1.0: n}[fraction]
    assert set(rows) <= set(shifted_rows(uniforms, min(1.0, fraction + 0.2)))


@pytest.mark.parametrize("name", ["large_image_shift", "large_noise_shift"])
def test_a_fraction_leaves_the_rest(name: str) -> None:
    """A tenth of the images is shifted, and as it would be among all that are shifted."""
    given = photographs(200)
    part, whole = FAILING_LOUDLY[name](given, 0.1, seed=1), FAILING_LOUDLY[name](given, 1.0, seed=1)
    touched = (part != given).any(axis=(1, 2, 3))
    assert touched.sum() == 20
    np.testing.assert_array_equal(part[touched], whole[touched])
