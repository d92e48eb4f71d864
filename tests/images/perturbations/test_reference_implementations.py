"""Fast code answers to slow code: one naive twin for each thing that is quick by being clever."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import poisson

from drift.datasets.images.pixels import Pixels
from drift.images.perturbations.light import mean_grey
from drift.images.perturbations.noise import MANY_PHOTONS, QUANTILES, poisson_quantiles, shot_values
from drift.images.perturbations.occlusion import Occlusion
from drift.images.perturbations.opencv import about_centre, blurred, warped
from drift.images.perturbations.protocol import amounts, generator
from drift.images.perturbations.resolution import Pixelation, cell_means
from tests.images.pictures import photographs

RNG = np.random.default_rng(7)
SHAPES = [(5, 28, 28, 1), (5, 32, 32, 3), (5, 11, 17, 3)]


def noise(shape: tuple[int, ...]) -> Pixels:
    return RNG.integers(0, 256, size=shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_warps_read_where_scipy_reads(shape: tuple[int, ...]) -> None:
    """Within the rounding to bytes, on images of pure noise, far beyond the edges too."""
    pixels, n = noise(shape), shape[0]
    linear, offset = np.eye(2) + RNG.normal(size=(n, 2, 2)) / 2, RNG.normal(size=(n, 2)) * 6
    maps = about_centre(linear, offset, (shape[1], shape[2]))
    fast = warped(pixels, maps)
    for image, to_input, mine in zip(pixels, maps, fast, strict=True):
        for channel in range(shape[3]):
            slow = ndimage.affine_transform(
                image[..., channel].astype(float), to_input[:, :2], to_input[:, 2], order=1, mode="nearest"
            )
            assert np.abs(slow - mine[..., channel]).max() < 0.6


def test_maps_keep_the_centre() -> None:
    """The centre of the output shows the centre of the input, moved by the offset."""
    maps = about_centre(RNG.normal(size=(4, 2, 2)), np.tile([1.0, -2.0], (4, 1)), (9, 6))
    np.testing.assert_allclose(maps[:, :, :2] @ [4, 2.5] + maps[:, :, 2], [[5, 0.5]] * 4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blur_is_scipys(shape: tuple[int, ...]) -> None:
    """Within two of 255: OpenCV's kernel ends at three sigmas and counts in fixed point."""
    pixels, sigmas = photographs(5)[:, : shape[1], : shape[2], : shape[3]], np.linspace(0.6, 3.2, 5)
    for image, sigma, mine in zip(pixels, sigmas, blurred(np.ascontiguousarray(pixels), sigmas), strict=True):
        slow = ndimage.gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest", truncate=6)
        assert np.abs(slow - mine).max() < 2


@pytest.mark.parametrize("length", [1, 2, 7, 8, 28, 32])
@pytest.mark.parametrize("side", [1.0, 1.37, 2.0, 3.7, 50.0])
def test_cells_have_means(length: int, side: float) -> None:
    """Each output is the mean of a finely sampled input over the cell that its middle is in."""
    line = RNG.random(length)
    start = -side * (0.5 * (length % 2) + np.ceil(length / side))  # a border, left of the axis
    borders = start + side * np.arange(2 * np.ceil(length / side) + 2)
    fine = np.arange(1_000 * length) / 1_000 + 0.0005  # thousandths of pixels
    cell = np.searchsorted(borders, fine - length / 2, side="right")
    weights = cell_means(length, np.array([side]))[0]
    for at in range(length):
        mine = cell == np.searchsorted(borders, at + 0.5 - length / 2, side="right")
        assert weights[at] @ line == pytest.approx(line[fine[mine].astype(int)].mean(), abs=2e-3)


def test_pixelation_is_cells_down_and_across() -> None:
    """Every image by its own two matrices."""
    pixels = photographs(3)[:, :20]
    sides = [1 + 0.8 * amounts(generator("pixelation", 0.8, 5).random(3)) * (0.15 * size - 1) for size in (20, 32)]
    fast = Pixelation()(pixels, 0.8, seed=5)
    for at, image in enumerate(pixels):
        down, across = (cell_means(size, side[at : at + 1])[0] for size, side in zip((20, 32), sides, strict=True))
        slow = np.einsum("ij,jkc,lk->ilc", down, image.astype(float), across)
        assert np.abs(slow - fast[at]).max() < 0.51


def test_occlusion_is_a_rectangle_within() -> None:
    """Of half to all of the share, pixel by pixel."""
    pixels = np.zeros((40, 30, 50, 1), np.uint8)
    hidden = (Occlusion()(pixels, 0.8, seed=2) == 127)[..., 0]
    for place in hidden:
        rows, columns = np.flatnonzero(place.any(axis=1)), np.flatnonzero(place.any(axis=0))
        assert place[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert place.sum() == len(rows) * len(columns)
        assert 0.2 - 0.04 < place.mean() < 0.4 + 0.04
    assert not (Occlusion()(pixels, 0.5, seed=2)[hidden == 0] == 127).any()  # what it covers grows


@pytest.mark.parametrize("expected", [0.004, 0.3, 1.0, 7.5, 120.0, MANY_PHOTONS, MANY_PHOTONS + 1, 5e3, 1e7])
def test_quantiles_of_few_photons_are_poissons(expected: float) -> None:
    """Exactly while the distribution is counted out, by a count in a few of a thousand where it is approximated."""
    probabilities = (np.arange(QUANTILES) + 0.5) / QUANTILES
    fast, slow = poisson_quantiles(probabilities, expected), poisson.ppf(probabilities, expected)
    if expected <= MANY_PHOTONS:
        np.testing.assert_array_equal(fast, slow)
    else:
        assert np.abs(fast - slow).max() <= 1
        assert (fast != slow).mean() < 0.005


def test_shot_values_are_looked_up() -> None:
    """The table holds, value by value, the scaled quantiles, held to 255."""
    table = shot_values(20.0).reshape(256, QUANTILES)
    slow = poisson.ppf((100 + 0.5) / QUANTILES, 20 * np.arange(1, 256) / 255) * 255 / 20
    np.testing.assert_array_equal(table[1:, 100], np.rint(np.minimum(slow, 255)))
    assert not table[0].any()


def test_grey_is_luminance() -> None:
    """Of colour by its weights, of grey as it is."""
    colour = photographs(3)
    slow = [np.mean([0.299 * r + 0.587 * g + 0.114 * b for r, g, b in image.reshape(-1, 3)]) for image in colour]
    np.testing.assert_allclose(mean_grey(colour).ravel(), slow, rtol=1e-5)
    np.testing.assert_allclose(mean_grey(colour[..., :1]).ravel(), colour[..., 0].mean(axis=(1, 2)), rtol=1e-5)
