"""The energy distance: SciPy's in one dimension, a naive twin in more, and an exact level."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import binom, energy_distance

from drift.detect.two_sample.energy import energy_test


@pytest.mark.parametrize("scheme", ["rows", "bins"])
def test_equals_the_naive_twin(scheme: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(130, 4)), rng.normal(0.4, 2, size=(90, 4))
    expected = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    found = energy_test(x, y, scheme=scheme, permutations=50)  # type: ignore[arg-type]
    assert found.statistic == pytest.approx(expected, abs=1e-10)
    assert found.rejected


def test_in_one_dimension_it_is_scipys() -> None:
    """SciPy's is its root."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=150), rng.normal(0.3, 1, size=100)
    assert energy_test(x, y, scheme="rows", permutations=50).statistic == pytest.approx(
        energy_distance(x, y) ** 2, abs=1e-10
    )


@pytest.mark.parametrize("scheme", ["rows", "bins"])
def test_level(scheme: str) -> None:
    rng, runs = np.random.default_rng(2), 300
    count = 0
    for seed in range(runs):
        x, y = rng.standard_t(2, size=(60, 3)), rng.standard_t(2, size=(44, 3))
        count += energy_test(x, y, scheme=scheme, permutations=99, seed=seed).rejected  # type: ignore[arg-type]
    low, high = (binom.ppf(tail, runs, 0.05) for tail in (0.0005, 0.9995))
    assert low <= count <= high
