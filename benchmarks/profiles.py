"""Profiles and all their distances, beside NumPy's histograms alone: `python -m benchmarks.profiles`.

A table counted on a reference's bins and compared with it, and the same columns through `np.histogram` with
the same edges and with as many equal ones. CPU seconds, medians, in turn in one process.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.detect import compare_profiles, learn_binning, profile

BINS = 10


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    names = [f"f{at}" for at in range(arguments.features)]
    table = {name: rng.normal(size=arguments.rows).astype(np.float32) for name in names}
    binning = learn_binning({name: column[:20_000] for name, column in table.items()}, bins=BINS)
    reference = profile(binning, {name: column[:20_000] for name, column in table.items()})
    edges = {name: np.quantile(column[:20_000], np.linspace(0, 1, BINS + 1)) for name, column in table.items()}
    works: dict[str, Callable[[], object]] = {
        "profile": lambda: profile(binning, table),
        "profile and distances": lambda: compare_profiles(reference, profile(binning, table)),
        "np.histogram, same edges": lambda: [np.histogram(table[name], bins=edges[name]) for name in names],
        "np.histogram, equal widths": lambda: [np.histogram(table[name], bins=BINS) for name in names],
    }
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(arguments.runs):
        for name, work in works.items():
            start = process_time()
            work()
            spent[name].append(process_time() - start)
    values = arguments.rows * arguments.features
    print(f"{arguments.rows:,} x {arguments.features} float32 values, medians of {arguments.runs}; {machine_line()}")
    print("\n| | CPU s | ns a value |\n|---|---:|---:|")
    for name, seconds in spent.items():
        print(f"| {name} | {median(seconds):.3g} | {1e9 * median(seconds) / values:.1f} |")
    records = [{"work": name, "cpu_seconds": median(seconds)} for name, seconds in spent.items()]
    if arguments.json:
        write_json(arguments.json, options=vars(arguments), records=records)


if __name__ == "__main__":
    main()
