"""Kolmogorov-Smirnov tests of every feature, by CPU seconds and peak memory: SciPy in a loop, ours, and Evidently.

    python -m benchmarks.univariate [--features 100] [--rows 50000] [--runs 5] [--peers evidently] [--json FILE]

Every figure is the median over runs of one call in a process of its own (imports and one small call come before), on
standard normal float64 columns, a reference and as many rows to compare with it. Evidently gets data frames, and is
installed into an environment of its own, in the user's cache, when first asked for.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from benchmarks.environments import SCRIPTS, NotInstalledError, Peer, environment
from benchmarks.machine import machine_line
from benchmarks.measuring import Limits, Record, call, repeated, write_json

ROOT = Path(__file__).parents[1]
OURS = ("SciPy in a loop", "ours")
PEERS = {"evidently": Peer("evidently_ks.py", ("evidently", "pandas<3"))}  # it does not import with pandas 3


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--rows", type=int, default=50_000, help="of each sample")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="after which a call is ended")
    parser.add_argument("--peers", nargs="*", choices=sorted(PEERS), default=[])
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    limits, point = Limits(seconds=given.seconds), {"n": given.rows, "features": given.features, "seed": given.seed}

    def measured(test: str, python: Path | str, script: str, path: list[Path]) -> Record:
        once = partial(call, python, SCRIPTS / script, point | {"what": test}, limits=limits, path=path)
        return repeated(test, once, runs=given.runs, limits=limits)

    records = [measured(test, sys.executable, "univariate.py", [ROOT]) for test in OURS]
    for name in given.peers:
        try:
            records.append(measured(name, environment(name, PEERS[name]), PEERS[name].script, []))
        except NotInstalledError as error:
            records.append(Record(name, failure=f"not installed: {error}"))
    ours = records[OURS.index("ours")].cpu_seconds
    print(f"{given.features} features, {given.rows:,} rows against {given.rows:,}; {machine_line()}\n")
    print("| | CPU s | wall s | peak MB | CPU to ours | versions |\n|---|---:|---:|---:|---:|---|")
    for record in records:
        if record.cpu_seconds is None:
            print(f"| {record.test} | | | | | {record.failure} |")
            continue
        ratio = f"{record.cpu_seconds / ours:.3g}" if ours else ""
        costs = f"{record.cpu_seconds:.3g} | {record.wall_seconds:.3g} | {record.peak_mb:,.0f}"
        named = ", ".join(f"{package} {version}" for package, version in record.versions.items())
        print(f"| {record.test} | {costs} | {ratio} | {named} |")
    if given.json:
        write_json(given.json, vars(given), [point | vars(record) for record in records])


if __name__ == "__main__":
    main()
