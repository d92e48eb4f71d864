"""The work of this checkout beside that of another one, in interleaved pairs of processes.

    python -m benchmarks.before --before CHECKOUT [--pairs 10] [--only monitor,replay] [--json FILE]

Each job runs in a process of its own, first in one checkout, then in the other; which one is first changes from pair to
pair. What counts is CPU seconds of the process and its children, as the system accounts for them. Printed are the
median over pairs of the ratio, this checkout over the one before, and a 95 % interval of it (order statistics). Served
answers are measured by `benchmarks.serving_before`, with both servers up at once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from benchmarks.machine import machine, machine_line

CHECKOUT = Path(__file__).parents[1]
DEADLINE = 900.0  # seconds of one run of a job
RUN_DRIFT = f"{shlex.quote(sys.executable)} -m drift"
COLUMNS = "--key key --batch day --prediction predicted --probability p --truth label --monitor m"
JOBS = {  # shell lines that both checkouts understand
    "startup: drift --help": f"{RUN_DRIFT} --help",
    "startup: drift monitor check --help": f"{RUN_DRIFT} monitor check --help",
    "twosample: MMD, 2 x 1,000 rows, 20 columns, fused kernels": (
        f"{shlex.quote(sys.executable)} -c 'import numpy as np; from drift.detect import mmd_test;"
        " x = np.random.default_rng(0).normal(size=(2000, 20)); mmd_test(x[:1000], x[1000:])'"
    ),
    "twosample: KS of 50 columns, 2 x 20,000 rows": (
        f"{shlex.quote(sys.executable)} -c 'import numpy as np; from drift.detect import feature_tests;"
        " x = np.random.default_rng(0).normal(size=(40000, 50)); feature_tests(x[:20000], x[20000:])'"
    ),
    "profiles: 50 columns, 200,000 rows against 200,000": (
        f"{shlex.quote(sys.executable)} -c 'import numpy as np;"
        " from drift.detect import compare_profiles, learn_binning, profile;"
        " x = np.random.default_rng(0).normal(size=(400000, 50)); b = learn_binning(x[:200000]);"
        " compare_profiles(profile(b, x[:200000]), profile(b, x[200000:]))'"
    ),
    "monitor: 60,000 rows of 12 columns in 60 batches": (
        f"{RUN_DRIFT} monitor ingest rows.csv {COLUMNS} && {RUN_DRIFT} monitor reference --monitor m --first_batches 20"
        f" --why accepted && {RUN_DRIFT} monitor check --monitor m; test $? -le 3"
    ),
    "monitor: the same rows in Parquet": (
        f"{RUN_DRIFT} monitor ingest rows.parquet {COLUMNS} --store p.db"
        f" && {RUN_DRIFT} monitor report --monitor m --store p.db"
    ),
    "compare: 2 x 5,000 rows of 12 columns": f"{RUN_DRIFT} compare before.csv after.csv; test $? -le 3",
    "replay: ELEC, 6,000 rows, 3 policies": (
        f"{RUN_DRIFT} replay --start_rows 4000 --test_data_rows 6000 --block_size 200 --seeds 1"
        " --policies never,every:5,threshold:.7"
    ),
}


def main(arguments: list[str]) -> None:
    """Run the jobs and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="another checkout of this project")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--only", default="", help="words that the names of jobs begin with, such as monitor,replay")
    parser.add_argument("--json", type=Path, help="write options, machine and results to this file")
    options = parser.parse_args(arguments)
    chosen = tuple(options.only.split(","))
    print(machine_line())
    print(f"{'CPU seconds, ratio':<60} median  95 % interval    before    now")
    records = []
    with tempfile.TemporaryDirectory() as folder:
        _write_tables(Path(folder))
        for name, line in JOBS.items():
            if name.startswith(chosen):
                records.append(_compare(name, line, Path(folder), options.before.absolute(), options.pairs))
                record = records[-1]
                low, high = record["interval"]
                print(
                    f"{name:<60} {record['median']:>6.3f}  [{low:.3f}, {high:.3f}] {record['before']:>8.2f}"
                    f" {record['now']:>6.2f}",
                    flush=True,
                )
    if options.json:
        about = {"options": vars(options) | {"before": str(options.before), "json": None}, "machine": machine()}
        options.json.write_text(json.dumps(about | {"records": records}, indent=2) + "\n", encoding="utf-8")


def _write_tables(folder: Path) -> None:
    """The files that the jobs read, from a fixed seed."""
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = 60_000
    table = pd.DataFrame({f"x{number}": rng.normal(size=rows).round(4) for number in range(10)})
    table["region"] = rng.choice(["north", "south", "east"], rows)
    table["units"] = rng.poisson(3, rows)
    predicted = rng.random(rows)
    table = table.assign(
        key=[f"k{number}" for number in range(rows)],
        day=[f"2026-{1 + day // 28:02}-{1 + day % 28:02}" for day in np.arange(rows) // 1000],
        predicted=np.where(predicted > 0.5, "yes", "no"),
        p=np.maximum(predicted, 1 - predicted).round(4),
        label=np.where(rng.random(rows) < predicted, "yes", "no"),
    )
    table.to_csv(folder / "rows.csv", index=False)
    table.to_parquet(folder / "rows.parquet")
    features = table.drop(columns=["key", "day", "predicted", "p", "label"])
    features[:5_000].to_csv(folder / "before.csv", index=False)
    features[5_000:10_000].to_csv(folder / "after.csv", index=False)


def _compare(name: str, line: str, folder: Path, before: Path, pairs: int) -> dict[str, Any]:
    checkouts = (before, CHECKOUT)
    for checkout in checkouts:
        _cpu_seconds(line, folder, checkout)  # compiled, and files in the cache
    measured = []
    for pair in range(pairs):
        seconds = [0.0, 0.0]
        for at in (0, 1) if pair % 2 == 0 else (1, 0):
            seconds[at] = _cpu_seconds(line, folder, checkouts[at])
        measured.append(seconds)
    ratios = sorted(now / earlier for earlier, now in measured)
    lowest = max(0, int(binom.ppf(0.025, pairs, 0.5)) - 1)  # 0-based: at least 95 % between it and its mirror
    return {
        "job": name,
        "pairs": pairs,
        "median": statistics.median(ratios),
        "interval": [ratios[lowest], ratios[pairs - 1 - lowest]],
        "before": statistics.median(earlier for earlier, _ in measured),
        "now": statistics.median(now for _, now in measured),
    }


def _cpu_seconds(line: str, tables: Path, checkout: Path) -> float:
    """CPU seconds of a shell line, user and system, in a folder of its own that holds the tables."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DRIFT_"))}
    environment |= {"PYTHONPATH": str(checkout), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryDirectory() as folder:
        for file in tables.iterdir():
            (Path(folder) / file.name).symlink_to(file)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            ["/bin/bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False,
            timeout=DEADLINE,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{line} in {checkout}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(sys.argv[1:])
