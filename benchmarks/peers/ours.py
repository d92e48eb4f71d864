"""This package's tests, what limits them, and a plain baseline."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from benchmarks.peers.timing import run
from drift.detect import mmd_test
from drift.system.threads import one_thread

TILE = 256, 1024  # rows, columns


@one_thread()  # from the start: torch's own threads would go on spinning for a while
def one_pass(x: Any, y: Any, *, threads: int) -> float:
    """Make, sum and drop each tile of the upper triangle of a Gaussian kernel matrix."""
    from drift.detect.two_sample.kernel_matrix import distance_sample, median_bandwidth
    from drift.detect.two_sample.kernels import KernelDistance

    z = torch.as_tensor(np.vstack([x, y]))
    bandwidth = median_bandwidth(distance_sample(z, KernelDistance.SQUARED_EUCLIDEAN, np.random.default_rng(0)))
    squares = (z * z).sum(dim=1, keepdim=True) * (-0.5 / bandwidth**2)
    ones = torch.ones_like(squares)
    left = torch.cat([z / bandwidth**2, squares, ones], dim=1)
    right = torch.cat([z, ones, squares], dim=1).T.contiguous()
    height, width = TILE

    def strip(row: int) -> float:
        part, total, buffer = left[row : row + height], 0.0, torch.empty(height * width)
        for column in range(row, len(z), width):
            other = right[:, column : column + width]
            tile = buffer[: len(part) * other.shape[1]].view(len(part), -1)
            torch.mm(part, other, out=tile)
            total += float(tile.exp_().sum())
        return total

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(strip, range(0, len(z), height)))


def plain(x: Any, y: Any, permutations: int) -> dict[str, float]:
    """The whole kernel matrix, times the memberships of all permutations at once."""
    z = torch.as_tensor(np.vstack([x, y]))
    distances = torch.cdist(z, z) ** 2
    gram = torch.exp(-distances / (2 * distances[distances > 0].median()))
    gram.fill_diagonal_(0)
    rng, n = np.random.default_rng(0), len(x)
    members = np.zeros((1 + permutations, len(z)), np.float32)
    members[0, :n] = 1
    for member in members[1:]:
        member[rng.permutation(len(z))[:n]] = 1
    v = torch.as_tensor(members.T)
    towards = gram @ v
    within, whole = (towards * v).sum(dim=0), towards.sum(dim=0)
    between = whole - within
    rest = gram.sum() - within - 2 * between
    m = len(y)
    statistics = within / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * between / (n * m)
    p_value = float((1 + (statistics[1:] >= statistics[0]).sum()) / (1 + permutations))
    return {"statistic": float(statistics[0]), "p_value": p_value}


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One of them."""
    if what == "one pass":
        return {"sum": one_pass(x, y, threads=torch.get_num_threads())}
    if what == "plain":
        return plain(x, y, permutations)
    kernel, scheme = what.split(", ")
    found = mmd_test(x, y, kernel=kernel, scheme=scheme, permutations=permutations)  # type: ignore[arg-type]
    return {"statistic": found.statistic, "p_value": found.p_value}


if __name__ == "__main__":
    run(call, ("torch",))
