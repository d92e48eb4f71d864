"""Images in their roles: nobody's image is in two of them, and strangers come in the shape of the others."""

from __future__ import annotations

import numpy as np
import pytest

from drift.datasets.images import Images
from drift.datasets.images.pixels import Pixels
from drift.errors import UsageError
from drift.images.perturbations.opencv import fitted
from drift.images.setup import assign_roles
from drift.images.streams.evolution import NEVER_SEEN

RNG = np.random.default_rng(5)


def some(n: int, *, size: int = 8, channels: int = 1, name: str = "some") -> Images:
    pixels = RNG.integers(0, 256, (n, size, size, channels), dtype=np.uint8)
    return Images(name, pixels, np.arange(n, dtype=np.int64) % 4, ("a", "b", "c", "d"))


def known(*pools: Pixels) -> list[set[bytes]]:
    return [{image.tobytes() for image in pool} for pool in pools]


def test_no_image_has_two_roles() -> None:
    train, test = some(400), some(300)
    parts = assign_roles(train, test, reference_rows=100, seed=1)
    roles = known(parts.train.pixels, parts.validation.pixels, parts.reference.pixels, parts.pool.pixels)
    assert [len(role) for role in roles] == [360, 40, 100, 200]
    assert len(set.union(*roles)) == 700
    assert roles[0] | roles[1] == known(train.pixels)[0]


def test_a_new_class_is_in_no_role_but_the_strangers() -> None:
    train, test = some(400), some(300)
    parts = assign_roles(train, test, reference_rows=100, new_classes=["b"], seed=1)
    assert parts.classes == ("a", "c", "d")
    new = known(train.pixels[train.labels == 1], test.pixels[test.labels == 1])
    for pool in (parts.train.pixels, parts.validation.pixels, parts.reference.pixels, parts.pool.pixels):
        assert not known(pool)[0] & (new[0] | new[1])
    assert parts.out_of_distribution is not None
    assert known(parts.out_of_distribution.pixels)[0] == new[1]
    assert set(parts.out_of_distribution.labels) == {NEVER_SEEN}
    with pytest.raises(UsageError, match="expected new classes among a, b, c, d"):
        assign_roles(train, test, reference_rows=100, new_classes=["x"])


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (12, 3), (4, 1), (8, 3)])
def test_another_data_set_comes_in_the_shape_of_the_first(size: int, channels: int) -> None:
    other = some(50, size=size, channels=channels, name="other")
    parts = assign_roles(some(400), some(300), reference_rows=100, other=other, seed=1)
    assert parts.out_of_distribution is not None
    assert parts.out_of_distribution.pixels.shape == (50, 8, 8, 1)
    assert parts.out_of_distribution.pixels.dtype == np.uint8
    if (size, channels) == (8, 1):  # the same images, and not in a folder's order, which is by class
        assert known(parts.out_of_distribution.pixels) == known(other.pixels)
        assert (parts.out_of_distribution.pixels != other.pixels).any(axis=(1, 2, 3)).mean() > 0.8


def test_fitting_equals_naive_twins() -> None:
    """Half the size is the mean of four pixels; grey is repeated; colours weigh as the eye sees them (BT.601)."""
    colours = some(3, channels=3).pixels
    fours = colours.reshape(3, 4, 2, 4, 2, 3).astype(float).mean(axis=(2, 4))
    np.testing.assert_allclose(fitted(colours, (4, 4, 3)), fours, atol=0.51)
    grey = fitted(colours, (8, 8, 1))[..., 0]
    np.testing.assert_allclose(grey, colours @ np.asarray([0.299, 0.587, 0.114]), atol=1)
    np.testing.assert_array_equal(fitted(colours[..., :1], (8, 8, 3)), np.repeat(colours[..., :1], 3, axis=3))
    flat = np.full((2, 5, 7, 3), 90, np.uint8)
    np.testing.assert_array_equal(fitted(flat, (11, 6, 1)), np.full((2, 11, 6, 1), 90))
