"""Power on perturbed uniforms, beside published figures: `python -m benchmarks.power`.

The density on [0, 1]² is 1 + .4 e² sum over the four cells of +-G(2 x - cell) G(2 y - cell), the signs drawn anew for
every repetition; it is compared with the uniform one (Biggs, Schrab and Gretton 2023, section 6).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from benchmarks.machine import machine_line
from drift.detect import mmd_test

SIZES = (1_000, 2_000, 3_000)
SCALE, CELLS, LEVEL = 0.4, 2, 0.05
PUBLISHED = {  # at SIZES, 200 repetitions (Biggs, Schrab and Gretton 2023, figure 1)
    "MMD-FUSE": (0.43, 0.805, 0.99),
    "MMDAgg": (0.335, 0.765, 0.975),
    "median heuristic": (0.045, 0.045, 0.03),
}
Test = Callable[[NDArray[np.float64], NDArray[np.float64], int], float]
TESTS: dict[str, Test] = {
    "fused, bins": lambda x, y, seed: mmd_test(x, y, scheme="bins", permutations=500, seed=seed).p_value,
    "fused, rows": lambda x, y, seed: mmd_test(x, y, scheme="rows", permutations=500, seed=seed).p_value,
    "gaussian, median, bins": lambda x, y, seed: (
        mmd_test(x, y, kernel="gaussian", scheme="bins", permutations=500, seed=seed).p_value
    ),
}


def bump(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """G: up on (-1, -1/2), down on (-1/2, 0), 0 elsewhere."""
    value = np.zeros_like(t)
    for centre, sign, inside in ((3, 1, (t > -1) & (t < -0.5)), (1, -1, (t > -0.5) & (t < 0))):
        value[inside] = sign * np.exp(-1 / (1 - (4 * t[inside] + centre) ** 2))
    return value


def perturbed_uniform(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """N rows of the perturbed density, (n, 2), by rejection."""
    cells = list(itertools.product(range(1, CELLS + 1), repeat=2))
    signs = rng.choice([-1, 1], len(cells))
    rows = np.empty((0, 2))
    while len(rows) < n:
        x = rng.random((4 * n, 2))
        density = np.ones(len(x))
        for sign, (first, second) in zip(signs, cells, strict=True):
            density += SCALE * np.exp(2) * sign * bump(CELLS * x[:, 0] - first) * bump(CELLS * x[:, 1] - second)
        rows = np.vstack([rows, x[rng.random(len(x)) * (1 + SCALE) < density]])
    return rows[:n]


def power(test: Test, n: int, repetitions: int, seed: int) -> tuple[int, float, float]:
    """Rejections, and the 95 % interval of their rate."""
    rng, count = np.random.default_rng((seed, n)), 0
    for repetition in range(repetitions):
        x, y = rng.random((n, 2)), perturbed_uniform(n, rng)
        count += test(x.astype(np.float32), y.astype(np.float32), repetition) <= LEVEL
    interval = binomtest(count, repetitions).proportion_ci()
    return count, interval.low, interval.high


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    arguments = parser.parse_args()
    print(f"Power at level {LEVEL}, {arguments.repetitions} repetitions, seed {arguments.seed}; {machine_line()}\n")
    print("| test | " + " | ".join(f"n = m = {n:,}" for n in arguments.sizes) + " |")
    print("|---" * (1 + len(arguments.sizes)) + "|")
    for name, test in TESTS.items():
        cells = [name]
        for n in arguments.sizes:
            count, low, high = power(test, n, arguments.repetitions, arguments.seed)
            cells.append(f"{count / arguments.repetitions:.3f} [{low:.2f}, {high:.2f}]")
        print("| " + " | ".join(cells) + " |", flush=True)
    for name, figures in PUBLISHED.items():
        known = dict(zip(SIZES, figures, strict=True))
        print(
            "| "
            + " | ".join([f"{name}, published", *(f"{known.get(n, float('nan')):.3f}" for n in arguments.sizes)])
            + " |"
        )


if __name__ == "__main__":
    main()
