"""Power on perturbed uniforms, beside published figures, and on plainer changes: `python -m benchmarks.power`.

The density on [0, 1]² is 1 + .4 e² sum over the four cells of +-G(2 x - cell) G(2 y - cell), the signs drawn anew for
every repetition; it is compared with the uniform one (Biggs, Schrab and Gretton 2023, section 6).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.detect import mmd_test

SIZES = (1_000, 2_000, 3_000)
SCALE, CELLS, LEVEL = 0.4, 2, 0.05
PUBLISHED = {  # at SIZES, 200 repetitions (Biggs, Schrab and Gretton 2023, figure 1)
    "MMD-FUSE": (0.43, 0.805, 0.99),
    "MMDAgg": (0.335, 0.765, 0.975),
    "median heuristic": (0.045, 0.045, 0.03),
}
Array = NDArray[np.float64]
Test = Callable[[Array, Array, int], float]
Draw = Callable[[int, np.random.Generator], tuple[Array, Array]]
PLAINER_ROWS = 1_000
TESTS: dict[str, Test] = {
    "fused, bins": lambda x, y, seed: mmd_test(x, y, scheme="bins", seed=seed).p_value,
    "fused, rows": lambda x, y, seed: mmd_test(x, y, scheme="rows", seed=seed).p_value,
    "gaussian, median, bins": lambda x, y, seed: mmd_test(x, y, kernel="gaussian", scheme="bins", seed=seed).p_value,
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


def perturbed(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Uniform rows, and perturbed ones."""
    return rng.random((n, 2)), perturbed_uniform(n, rng)


def shifted(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Normal rows in 10 dimensions; the mean of one of them moves by .15 standard deviations."""
    x, y = rng.normal(size=(2, n, 10))
    return x, y + np.asarray([0.15] + 9 * [0.0])


def spread(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Normal rows in 10 dimensions; three of them spread by 8 % more."""
    x, y = rng.normal(size=(2, n, 10))
    return x, y * np.asarray(3 * [1.08] + 7 * [1.0])


def correlated(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Normal rows in 5 dimensions; two of them become correlated by .25."""
    x, y = rng.normal(size=(2, n, 5))
    y[:, 1] = 0.25 * y[:, 0] + np.sqrt(1 - 0.25**2) * y[:, 1]
    return x, y


def power(test: Test, draw: Draw, n: int, repetitions: int, seed: int) -> dict[str, float]:
    """Rejections, and the 95 % interval of their rate."""
    rng, count = np.random.default_rng((seed, n)), 0
    for repetition in range(repetitions):
        x, y = draw(n, rng)
        count += test(x.astype(np.float32), y.astype(np.float32), repetition) <= LEVEL
    interval = binomtest(count, repetitions).proportion_ci()
    return {
        "n": n,
        "repetitions": repetitions,
        "rejected": count,
        "rate": count / repetitions,
        "rate_low": interval.low,
        "rate_high": interval.high,
    }


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rows_up_to", type=int, default=1_000, help="permute single rows up to this n, not above")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    options = {"repetitions": arguments.repetitions, "seed": arguments.seed}
    records = []
    print(f"Power at level {LEVEL}, {arguments.repetitions} repetitions, seed {arguments.seed}; {machine_line()}\n")
    print("| perturbed uniforms | " + " | ".join(f"n = m = {n:,}" for n in arguments.sizes) + " |")
    print("|---" * (1 + len(arguments.sizes)) + "|")
    for name, test in TESTS.items():
        cells = [name]
        for n in arguments.sizes:
            if n > arguments.rows_up_to and name.endswith("rows"):
                cells.append("")
                continue
            found = power(test, perturbed, n, **options)
            records.append({"test": name, "change": "perturbed uniforms", **found})
            cells.append(_cell(found))
        print("| " + " | ".join(cells) + " |", flush=True)
    for name, figures in PUBLISHED.items():
        known = dict(zip(SIZES, figures, strict=True))
        cells = [f"{name}, published", *(f"{known[n]:.3f}" if n in known else "" for n in arguments.sizes)]
        print("| " + " | ".join(cells) + " |")
    plainer = {"a mean": shifted, "three spreads": spread, "a correlation": correlated}
    print(f"\n| n = m = {PLAINER_ROWS:,} | " + " | ".join(plainer) + " |")
    print("|---" * (1 + len(plainer)) + "|")
    for name, test in TESTS.items():
        if name.endswith("bins"):
            cells = [name]
            for change, draw in plainer.items():
                found = power(test, draw, PLAINER_ROWS, **options)
                records.append({"test": name, "change": change, **found})
                cells.append(_cell(found))
            print("| " + " | ".join(cells) + " |", flush=True)
    if arguments.json:
        write_json(arguments.json, vars(arguments), records)


def _cell(found: dict[str, float]) -> str:
    return f"{found['rate']:.3f} [{found['rate_low']:.2f}, {found['rate_high']:.2f}]"


if __name__ == "__main__":
    main()
