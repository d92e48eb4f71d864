"""Coverage of the intervals of distances between categories, by rows of the smaller sample in a cell.

    python -m benchmarks.intervals [--runs 200]

Two samples of the same categories, of which the reference has 28 times as many rows: with even shares, or with shares
of 1, 1/2, 1/3, ...; without drift, or with every other category 30 % more and the others 30 % less frequent. The table
has the share of 95 % intervals that hold the distance of the two populations, had they been given everywhere, and the
share of samples in which `sparse_cells` lets them be given.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drift.detect.binned.compare import bootstrap_interval, sparse_cells
from drift.detect.binned.distances import jensen_shannon, kullback_leibler
from drift.detect.binned.sides import Sides

LEVEL, RATIO = 0.05, 28
SHAPES: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "even": np.ones,
    "1/i": lambda cells: 1 / np.arange(1, cells + 1),
}


def covered(
    shares: NDArray[np.float64], changed: float, rows: int, runs: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Coverage for Jensen-Shannon and KL, and the share of runs in which intervals are given."""
    other = shares * np.where(np.arange(len(shares)) % 2, 1 - changed, 1 + changed)
    p, q = shares / shares.sum(), other / other.sum()
    wanted = {"jensen_shannon": float(jensen_shannon(p, q)), "kl": float(kullback_leibler(p, q))}
    counts, given = dict.fromkeys(wanted, 0), 0
    for seed in range(runs):
        reference, current = rng.multinomial(RATIO * rows, p), rng.multinomial(rows, q)
        there = reference + current > 0
        sides = Sides(tuple(map(str, range(int(there.sum())))), reference[there], current[there], None)
        given += not sparse_cells(sides.reference, sides.current)
        for name, value in wanted.items():
            low, high = bootstrap_interval(sides, name, level=LEVEL, seed=seed)
            counts[name] += low - 1e-12 <= value <= high + 1e-12
    return counts["jensen_shannon"] / runs, counts["kl"] / runs, given / runs


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    print("| cells | shares | rows a cell | JS | KL | given | JS, drift | KL, drift | given |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|")
    for cells in (10, 100, 1_000):
        for name, shape in SHAPES.items():
            for each in (0.5, 5, 10, 20, 50):
                if cells * each < 50 or cells * each > 20_000:
                    continue
                figures = [covered(shape(cells), changed, int(cells * each), given.runs, rng) for changed in (0.0, 0.3)]
                shown = " | ".join(f"{value:.2f}" for figure in figures for value in figure)
                print(f"| {cells:,} | {name} | {each:g} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
