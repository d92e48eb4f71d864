"""Perturbations are as strong as they say."""

import numpy as np
import pytest

from drift.images.perturbations import (
    Brightness,
    Contrast,
    GaussianNoise,
    ImpulseNoise,
    Rotation,
    Shift,
    ShotNoise,
    Zoom,
)
from drift.images.perturbations.protocol import amounts, signed_amounts
from tests.images.pictures import photographs


def grey(value: int, n: int = 20, size: int = 32) -> np.ndarray:
    return np.full((n, size, size, 3), value, np.uint8)


def test_amounts_are_half_to_all() -> None:
    uniforms = np.random.default_rng(0).random(10_000)
    one_sided, two_sided = amounts(uniforms), signed_amounts(uniforms)
    assert (one_sided.min() >= 0.5) & (one_sided.max() < 1)
    assert (np.abs(two_sided).min() >= 0.5) & (np.abs(two_sided).max() <= 1)
    assert abs((two_sided > 0).mean() - 0.5) < 0.02


@pytest.mark.parametrize("severity", [0.05, 0.3])
def test_gaussian_noise_has_its_standard_deviation(severity: float) -> None:
    noise = GaussianNoise()(grey(127), severity, seed=1).astype(float) - 127
    wanted = np.hypot(255 * severity * 0.5, 12**-0.5)  # rounding to bytes adds 1/12 to the variance
    assert noise.mean() == pytest.approx(0, abs=4 * wanted / noise.size**0.5)
    assert noise.std() == pytest.approx(wanted, rel=0.02)


def test_gaussian_noise_is_independent_of_its_neighbours() -> None:
    noise = GaussianNoise()(grey(127), 0.1, seed=1).astype(float) - 127
    for axis in range(4):
        rolled = np.roll(noise, 1, axis=axis)
        assert np.corrcoef(noise.ravel(), rolled.ravel())[0, 1] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("severity", [0.1, 0.6, 1.0])
def test_impulses_have_their_share(severity: float) -> None:
    changed = ImpulseNoise()(grey(100), severity, seed=1)
    for value in (0, 255):
        share = (changed == value).all(axis=3).mean()
        assert share == pytest.approx(severity * 0.25, abs=4 * (severity * 0.25 / (20 * 32 * 32)) ** 0.5)
    assert set(np.unique(changed)) == {0, 100, 255}


@pytest.mark.parametrize("value", [20, 60, 120])
@pytest.mark.parametrize("severity", [0.02, 0.05, 0.1])
def test_shot_noise_has_poissons_mean_and_variance(value: int, severity: float) -> None:
    """The variance grows with the value, and with the square of the severity."""
    changed = ShotNoise()(grey(value, n=60), severity, seed=1).astype(float)
    variance = severity**2 * 255 * value
    assert changed.mean() == pytest.approx(value, abs=4 * (variance / changed.size) ** 0.5 + 0.05)
    assert changed.var() == pytest.approx(variance, rel=0.03, abs=0.15)


def test_black_has_no_shot_noise() -> None:
    assert not ShotNoise()(grey(0), 1.0, seed=1).any()


def test_brightness_adds_and_contrast_shrinks() -> None:
    added = Brightness()(grey(127, n=400, size=8), 0.5, seed=1).astype(int)[:, 0, 0, 0] - 127
    assert (np.abs(added).min() >= 255 * 0.15 - 1) & (np.abs(added).max() <= 255 * 0.3 + 1)
    assert abs((added > 0).mean() - 0.5) < 0.1
    given = photographs(50)
    shrunk = Contrast()(given, 0.5, seed=1)
    ratios = shrunk.std(axis=(1, 2)) / given.std(axis=(1, 2))
    assert (ratios.min() > 0.55 - 0.02) & (ratios.max() < 0.775 + 0.02)
    np.testing.assert_allclose(
        shrunk.mean(axis=(1, 2)) @ [0.3, 0.59, 0.11], given.mean(axis=(1, 2)) @ [0.3, 0.59, 0.11], atol=1
    )


def spot(row: float, column: float, size: int = 65) -> np.ndarray:
    """Thirty times one image with one blurred white spot."""
    down, across = np.mgrid[:size, :size]
    light = 255 * np.exp(-((down - row) ** 2 + (across - column) ** 2) / 8)
    return np.repeat(np.rint(light).astype(np.uint8)[None, :, :, None], 30, axis=0)


def places(pixels: np.ndarray) -> np.ndarray:
    """Where the spots are, (n, 2), from the middle of the image."""
    light = pixels[..., 0].astype(float)
    middle = (light.shape[1] - 1) / 2
    axis = np.arange(light.shape[1]) - middle
    total = light.sum(axis=(1, 2))
    return np.stack([(light.sum(axis=2) @ axis) / total, (light.sum(axis=1) @ axis) / total], axis=1)


def test_geometry_moves_spots_as_far_as_it_says() -> None:
    """By angles of 15 to 30 degrees, shifts of a twentieth to a tenth, factors of up to the root of 1.5."""
    given = spot(32, 46)
    turned = places(Rotation()(given, 1 / 3, seed=1))
    angles = np.rad2deg(np.arctan2(turned[:, 0], turned[:, 1]))
    np.testing.assert_allclose(np.hypot(*turned.T), 14, atol=0.2)
    assert (np.abs(angles).min() > 15 - 1) & (np.abs(angles).max() < 30 + 1)
    assert (angles.min() < 0) & (angles.max() > 0)
    moved = places(Shift()(spot(32, 32), 1 / 3, seed=1))
    assert (np.abs(moved).min() > 3.25 - 0.2) & (np.abs(moved).max() < 6.5 + 0.2)
    assert len(np.unique(np.sign(moved), axis=0)) == 4
    zoomed = np.log(places(Zoom()(given, 0.5, seed=1))[:, 1] / 14) / np.log(3)
    assert (np.abs(zoomed).min() > 0.25 - 0.02) & (np.abs(zoomed).max() < 0.5 + 0.02)
    assert (zoomed.min() < 0) & (zoomed.max() > 0)
