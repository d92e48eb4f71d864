"""How long `drift --help` takes, as a whole process, beside a Python that does nothing.

python -m benchmarks.startup [--runs 9]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median
from time import perf_counter

from benchmarks.machine import machine_line

LINES = {
    "python -c pass": ["-c", "pass"],
    "drift --help": ["-m", "drift", "--help"],
    "drift deploy --help": ["-m", "drift", "deploy", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """One run of a process."""
    began = perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True, timeout=60)
    return perf_counter() - began


def main() -> None:
    """Run each in turn, several times, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    print(machine_line())
    times = {name: list[float]() for name in LINES}
    for _ in range(runs + 1):
        for name, line in LINES.items():
            times[name].append(seconds(line))
    for name, found in times.items():
        print(f"{name:<22} median {median(found[1:]):.2f} s of {runs} runs (slowest {max(found[1:]):.2f} s)")


if __name__ == "__main__":
    main()
