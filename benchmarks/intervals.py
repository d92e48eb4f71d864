"""Coverage of the intervals of distances between categories, and how often they are given.

    python -m benchmarks.intervals [--runs 200] [--cells 10,100]

First by rows of the smaller sample in a cell. Two samples of the same categories, of which the reference has 28 times
as many rows: with even shares, or with shares of 1, 1/2, 1/3, ...; without drift, or with every other category 30 %
more and the others 30 % less frequent. Then with cells that are nearly empty in one sample. Both tables have the share
of 95 % intervals that hold the distance of the two populations, had they been given everywhere; the second also that
among those given, and the share of samples that get one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from drift.detect.profiles.aligned_counts import AlignedCounts
from drift.detect.profiles.comparison import bootstrap_interval
from drift.detect.profiles.distances import hellinger, jensen_shannon

LEVEL, RATIO = 0.05, 28
SHAPES: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "even": np.ones,
    "1/i": lambda cells: 1 / np.arange(1, cells + 1),
}


ONE_SIDED: dict[str, tuple[list[float], list[float], int, int]] = {
    "one of 5 vanishes": ([1, 1, 1, 1, 1], [1, 1, 1, 1, 0], 500, 500),
    "new, 10 %": ([1, 1, 1, 0], [3, 3, 3, 1], 2_000, 500),
    ".0001 to .05": ([0.4, 0.3, 0.2999, 0.0001], [0.38, 0.3, 0.27, 0.05], 2_000, 500),
    ".002 to .05": ([0.4, 0.3, 0.298, 0.002], [0.38, 0.3, 0.27, 0.05], 500, 500),
    ".02 to .05": ([0.4, 0.3, 0.28, 0.02], [0.38, 0.3, 0.27, 0.05], 2_000, 2_000),
}
NAMES = ("jensen_shannon", "hellinger", "psi", "kl", "reverse_kl")


def covered(
    p: NDArray[np.float64],
    q: NDArray[np.float64],
    n: int,
    m: int,
    runs: int,
    rng: np.random.Generator,
    names: Sequence[str] = NAMES,
) -> dict[str, tuple[float, float, float]]:
    """For every distance, coverage had intervals always been given, that among those given, and the share given."""
    forward, backward = float(rel_entr(p, q).sum()), float(rel_entr(q, p).sum())
    wanted = {"jensen_shannon": float(jensen_shannon(p, q)), "hellinger": float(hellinger(p, q))}
    wanted |= {"psi": forward + backward, "kl": forward, "reverse_kl": backward}
    wanted = {name: wanted[name] for name in names}
    hits = {name: np.zeros((2, runs), bool) for name in names}
    for seed in range(runs):
        reference, current = rng.multinomial(n, p), rng.multinomial(m, q)
        there = reference + current > 0
        sides = AlignedCounts(tuple(map(str, range(int(there.sum())))), reference[there], current[there], None)
        for name, value in wanted.items():
            low, high, why = bootstrap_interval(sides, name, level=LEVEL, seed=seed)
            hits[name][:, seed] = low - 1e-12 <= value <= high + 1e-12, not why
    return {
        name: (found[0].mean(), found[0][found[1]].mean() if found[1].any() else np.nan, found[1].mean())
        for name, found in hits.items()
    }


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--cells", default="10,100", help="1000 takes much longer")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    print("| cells | shares | rows a cell | JS | given | KL | given | JS, drift | given | KL, drift | given |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for cells in map(int, given.cells.split(",")):
        for name, shape in SHAPES.items():
            for each in (0.5, 5, 10, 20, 50):
                if cells * each < 50 or cells * each > 20_000:
                    continue
                shares, shown, rows = shape(cells), "", int(cells * each)
                for changed in (0.0, 0.3):
                    other = shares * np.where(np.arange(cells) % 2, 1 - changed, 1 + changed)
                    laws = shares / shares.sum(), other / other.sum()
                    found = covered(*laws, RATIO * rows, rows, given.runs, rng, ("jensen_shannon", "kl"))
                    shown += "".join(
                        f" {found[one][0]:.2f} | {found[one][2]:.2f} |" for one in ("jensen_shannon", "kl")
                    )
                print(f"| {cells:,} | {name} | {each:g} |{shown}", flush=True)
    print("\n| category | rows | JS | Hellinger | PSI | KL | reverse KL |\n|---|---:|---:|---:|---:|---:|---:|")
    for name, (p, q, n, m) in ONE_SIDED.items():
        found = covered(np.divide(p, sum(p)), np.divide(q, sum(q)), n, m, given.runs, rng)
        shown = " | ".join(
            f"{always:.2f}, {f'{among:.2f} in {share:.2f}' if share else 'none'}"
            for always, among, share in found.values()
        )
        print(f"| {name} | {n:,}, {m:,} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
