"""Detectors of images: all hold their level on halves of one data set, and see noise."""

import numpy as np
import pytest

from drift.errors import UsageError
from drift.images.detection.image_detectors import chosen, image_detectors
from drift.images.detection.spaces import FeatureSpaces, flat, principal_components, untrained_encoder
from tests.images.conftest import Digits, noisy

REPEATS = 30


@pytest.mark.slow
@pytest.mark.parametrize("name", list(image_detectors()))
def test_they_see_noise_and_seldom_nothing(name: str, digits: Digits) -> None:
    """Of 30 clean samples of 50 images at level .05, 7 or more are rejected in 1 of 1,500 sweeps only."""
    (one,) = chosen(name)
    rng = np.random.default_rng(0)
    false = 0
    for seed in range(REPEATS):
        order = rng.permutation(len(digits.pool))
        spaces = FeatureSpaces(digits.network, digits.pool.pixels[order[:300]], digits.known, seed=seed)
        false += one.score(spaces, digits.pool.pixels[order[300:350]], level=0.05, seed=seed).alarm
    assert false < 7
    found = one.score(spaces, noisy(digits.pool.pixels[order[300:350]], 0.6, 0), level=0.05, seed=0)
    assert found.alarm
    assert found.detector == name


@pytest.mark.slow
def test_what_is_learned_knows_nothing_of_the_reference(digits: Digits) -> None:
    """Of images of pure noise, in which components of the reference itself would see every other sample as drifted."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (600 + 20 * 100, 28, 28, 1), dtype=np.uint8)
    (one,) = chosen("ks_pca")
    spaces = FeatureSpaces(digits.network, noise[:300], noise[300:600], seed=0)
    samples = noise[600:].reshape(20, 100, 28, 28, 1)
    false = sum(one.score(spaces, sample, level=0.05, seed=0).alarm for sample in samples)
    assert false < 6
    itself = FeatureSpaces(digits.network, noise[:300], noise[:300], seed=0)
    assert sum(one.score(itself, sample, level=0.05, seed=0).alarm for sample in samples) > 10


def test_a_small_level_can_be_reached(digits: Digits) -> None:
    spaces = FeatureSpaces(digits.network, digits.pool.pixels[:300], digits.known, seed=0)
    for one in chosen("mmd_fused,mmd_gaussian"):
        assert one.score(spaces, 255 - digits.pool.pixels[300:400], level=0.0005, seed=0).alarm


def test_spaces(digits: Digits) -> None:
    pixels = digits.pool.pixels[:40]
    spaces = FeatureSpaces(digits.network, pixels, digits.known, seed=0)
    widths = {name: spaces.reference(name).shape for name in FeatureSpaces.names}
    assert widths == {
        "features": (40, 10),
        "softmax": (40, 10),
        "pixels": (40, 64),
        "pca": (40, 32),
        "untrained_autoencoder": (40, 32),
    }
    assert spaces.reference("pca") is spaces.reference("pca")
    with pytest.raises(UsageError, match="expected a space among features"):
        spaces.of("elsewhere", pixels)


def test_principal_components_keep_most_of_the_variance(digits: Digits) -> None:
    """Against NumPy's own decomposition of the covariance."""
    pixels = digits.pool.pixels[:500]
    rows = flat(pixels)
    kept = principal_components(pixels, 5)(pixels)
    largest = np.sort(np.linalg.eigvalsh(np.cov(rows.T.astype(np.float64))))[::-1][:5]
    assert kept.var(axis=0, ddof=1) == pytest.approx(largest, rel=1e-3)
    assert np.abs(kept.mean(axis=0)).max() < 1e-5


def test_the_untrained_encoder_is_the_same_for_a_seed(digits: Digits) -> None:
    pixels = digits.pool.pixels[:7]
    first = untrained_encoder((8, 8, 1), seed=3)(pixels)
    assert (first == untrained_encoder((8, 8, 1), seed=3)(pixels)).all()
    assert (first != untrained_encoder((8, 8, 1), seed=4)(pixels)).any()
    assert untrained_encoder((8, 8, 1), seed=3)(pixels[:1]) == pytest.approx(first[:1], abs=1e-6)


def test_names_are_checked() -> None:
    assert [one.name for one in chosen("bbsds, ks_pca,bbsds")] == ["bbsds", "ks_pca"]
    with pytest.raises(UsageError, match=r"expected detectors among mmd_fused.*got guess"):
        chosen("bbsds,guess")
