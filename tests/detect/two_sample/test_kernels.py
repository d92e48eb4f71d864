"""Every check crossed with every kernel; a kernel's file with its import line is all that a new one needs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import drift.detect.two_sample.kernels as room
from drift.detect.two_sample.kernels import KERNELS, KernelDistance
from tests.detect import naive


def values(name: str, distances: np.ndarray, bandwidth: float = 1.7) -> np.ndarray:
    scaled = torch.as_tensor(distances * KERNELS[name].factor(bandwidth))
    KERNELS[name].apply(scaled)
    return np.asarray(scaled.numpy())


def test_every_declaration_is_in_the_sweep() -> None:
    texts = [path.read_text() for path in Path(room.__file__).parent.glob("*.py")]
    declared = [name for text in texts for name in re.findall(r'name: ClassVar\[str\] = "(\w+)"', text)]
    assert sorted(declared) == sorted(KERNELS)


@pytest.mark.parametrize("name", naive.FORMULAS)
def test_values_follow_the_formula(name: str) -> None:
    x = np.linspace(0, 9, 200)[:, None]
    distances = x**2 if KERNELS[name].metric is KernelDistance.SQUARED_EUCLIDEAN else x
    np.testing.assert_allclose(values(name, distances), naive.FORMULAS[name](x, np.zeros((1, 1)), 1.7), rtol=1e-14)


@pytest.mark.parametrize("name", KERNELS)
def test_values_fall_from_one(name: str) -> None:
    """Between 0 and 1, 1 for a row with itself, and smaller the further apart."""
    distances = np.linspace(0, 50, 100)[None]
    found = values(name, distances)
    assert found[0, 0] == 1
    assert (np.diff(found) < 0).all()
    assert (found > 0).all()


@pytest.mark.parametrize("name", KERNELS)
def test_squares_are_values_of_the_smaller_bandwidth(name: str) -> None:
    shrink = KERNELS[name].shrink
    distances = np.linspace(0, 20, 50)[None]
    if shrink is None:
        pytest.skip("its squares are no values of its own")
    np.testing.assert_allclose(values(name, distances) ** 2, values(name, distances, 1.7 * shrink), rtol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_random_frequencies_give_the_kernel_back(name: str) -> None:
    """Bochner's theorem: the mean of cos(w . (x - y)) is the kernel, to within 4 standard errors."""
    rng = np.random.default_rng(0)
    x, y, count = rng.normal(size=(6, 3)), rng.normal(size=(5, 3)), 200_000
    frequencies = KERNELS[name].frequencies(count, 3, 1.7, rng)
    assert frequencies.shape == (3, count)
    found = np.cos((x[:, None] - y[None]) @ frequencies).mean(axis=-1)
    squared = KERNELS[name].metric is KernelDistance.SQUARED_EUCLIDEAN
    distances = cdist(x, y, "sqeuclidean") if squared else cdist(x, y, "cityblock")
    assert np.abs(found - values(name, distances)).max() < 4 / np.sqrt(count)
