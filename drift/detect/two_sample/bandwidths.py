"""Bandwidths from the data: the median heuristic, and the grid that the fused test searches.

Both look at the pooled rows only, never at which sample a row is of, so a test that permutes them stays exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.kernels import Kernel, KernelDistance

if TYPE_CHECKING:
    import torch

MOST_ROWS = 500  # 125,000 distances tell their quantiles well enough
GRID = 10  # bandwidths of each kernel in the fused test
LOW_QUANTILE, LOWEST = 0.05, 0.4


def distance_sample(rows: torch.Tensor, metric: KernelDistance, rng: np.random.Generator) -> NDArray[np.float64]:
    """Distances above 0 among at most 500 of the pooled rows (N, d): Euclidean (not squared) or city block."""
    from scipy.spatial.distance import pdist

    chosen = rng.permutation(len(rows))[:MOST_ROWS] if len(rows) > MOST_ROWS else np.arange(len(rows))
    values = rows[chosen].double().cpu().numpy()
    distances = pdist(values, "cityblock" if metric is KernelDistance.CITY_BLOCK else "euclidean")
    return np.asarray(distances[distances > 0]) if (distances > 0).any() else np.ones(1)


def median_bandwidth(distances: NDArray[np.float64]) -> float:
    """The median distance (Gretton et al. 2012, section 8)."""
    return float(np.median(distances))


def bandwidth_grid(kernel: Kernel, distances: NDArray[np.float64]) -> list[float]:
    """Ten bandwidths, largest first, up from 0.4 times the 5 % quantile of distances, each √2 above the next.

    In this order the values for one are the squares of those for another, which saves most of the exponentials.
    """
    low = LOWEST * float(np.quantile(distances, LOW_QUANTILE))
    steps = low * np.sqrt(2.0) ** np.arange(GRID - 1, -1, -1)
    if kernel.shrink is not None and kernel.shrink < 0.6:  # squares skip every other step
        steps = np.concatenate([steps[::2], steps[1::2]])
    return [float(step) for step in steps]
