"""Slow and plain twins of the two-sample statistics, for the fast ones to agree with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from drift.detect.two_sample.kernels import KERNELS as FAST
from drift.detect.two_sample.kernels import Kernel, KernelDistance

Array = NDArray[np.float64]
FORMULAS: dict[str, Callable[[Array, Array, float], Array]] = {
    "gaussian": lambda x, y, h: np.exp(-cdist(x, y, "sqeuclidean") / (2 * h**2)),
    "laplacian": lambda x, y, h: np.exp(-cdist(x, y, "cityblock") / h),
    "rational_quadratic": lambda x, y, h: 1 / (1 + cdist(x, y, "sqeuclidean") / (2 * h**2)),
    "inverse_multiquadric": lambda x, y, h: 1 / np.sqrt(1 + cdist(x, y, "sqeuclidean") / h**2),
}


def _of_distances(kernel: Kernel) -> Callable[[Array, Array, float], Array]:
    """A kernel whose formula nobody has written here: its own values, of SciPy's distances."""

    def values(x: Array, y: Array, h: float) -> Array:
        squared = kernel.metric is KernelDistance.SQUARED_EUCLIDEAN
        distances = cdist(x, y, "sqeuclidean") if squared else cdist(x, y, "cityblock")
        scaled = torch.as_tensor(distances * kernel.factor(h))
        kernel.apply(scaled)
        return np.asarray(scaled.numpy())

    return values


KERNELS = {name: FORMULAS.get(name) or _of_distances(kernel) for name, kernel in FAST.items()}


def mmd2(gram: Array, n: int, *, unbiased: bool) -> float:
    """MMD² from a whole kernel matrix whose first n rows are the first sample (Gretton et al. 2012, eqs. 3 and 5)."""
    x, y, between = gram[:n, :n], gram[n:, n:], gram[:n, n:]
    m = len(y)
    if unbiased:
        within = (x.sum() - np.trace(x)) / (n * (n - 1)) + (y.sum() - np.trace(y)) / (m * (m - 1))
    else:
        within = x.mean() + y.mean()
    return float(within - 2 * between.mean())


def fused(grams: list[Array], orders: NDArray[np.integer], n: int) -> Array:
    """The most surprising kernel of each assignment.

    Args:
        grams: of N rows, one for each kernel.
        orders: (assignments, N), row numbers of which the first n are then the first sample.
        n: its rows.
    """
    from scipy.stats import skew

    found = []
    for gram in grams:
        row = np.asarray([mmd2(gram[np.ix_(order, order)], n, unbiased=True) for order in orders])
        freedom = 8 / skew(row) ** 2
        chi_squared = (row - row.mean()) / row.std() * np.sqrt(2 * freedom) + freedom
        cube_root = np.maximum(chi_squared / freedom, 0) ** (1 / 3)
        normal = (cube_root - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom))
        total = len(gram)
        varying = row.std() / (np.sqrt(2) * (1 / n + 1 / (total - n)))
        constant = (gram.sum() - np.trace(gram)) / (total * (total - 1))
        weight = min(0.5, 1.5 / freedom)
        found.append(normal + weight * np.log(varying / np.sqrt(varying**2 + constant**2)))
    return np.asarray(np.max(found, axis=0))
