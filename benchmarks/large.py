"""Two samples of a million rows each, streamed from Parquet through random features.

    python -m benchmarks.large [--rows 1000000] [--features 512] [--runs 5] [--json FILE]

Two files of standard normal float32 columns are written row group by row group into a temporary folder, the second
once as the first and once moved by `--shift` in every column. A process of its own reads and compares them; its CPU
and wall seconds, its peak memory over the imports and in all, and its answer are told. At `--level_rows` rows, where
many repetitions are cheap, rejections at .05 are counted without and with a shift, with 95 % intervals.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from benchmarks.environments import SCRIPTS
from benchmarks.machine import machine_line
from benchmarks.measuring import Limits, Record, call, repeated, write_json
from drift.detect import mmd_features_test

ROOT = Path(__file__).parents[1]
ROW_GROUP = 65_536
LEVEL = 0.05


def write(path: Path, rows: int, columns: int, *, shift: float, seed: tuple[int, int]) -> None:
    """A Parquet file of float32 columns, made and written a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    schema = pa.schema([(f"c{at}", pa.float32()) for at in range(columns)])
    with pq.ParquetWriter(path, schema) as file:
        for start in range(0, rows, ROW_GROUP):
            group = rng.normal(shift, size=(min(ROW_GROUP, rows - start), columns)).astype(np.float32)
            file.write_table(pa.Table.from_arrays(list(group.T.copy()), schema=schema))


def streamed(folder: Path, given: argparse.Namespace) -> list[Record]:
    """What it takes to compare two files, without and with a shift."""
    files = {name: folder / f"{name}.parquet" for name in ("reference", "same", "moved")}
    for seed, (name, path) in enumerate(files.items()):
        write(path, given.rows, given.columns, shift=given.shift if name == "moved" else 0.0, seed=(given.seed, seed))
    limits, records = Limits(), []
    options = {"columns": given.columns, "features": given.features, "permutations": given.permutations}
    for name in ("same", "moved"):
        point = options | {
            "reference": str(files["reference"]),
            "current": str(files[name]),
            "rows_at_once": given.rows_at_once,
        }

        def once(point: dict[str, Any] = point) -> dict[str, Any] | str:
            answer = call(sys.executable, SCRIPTS / "streaming.py", point, limits=limits, path=[ROOT])
            if isinstance(answer, dict):
                answer["found"]["whole_peak_mb"] = answer["whole_peak_mb"]
            return answer

        records.append(repeated(name, once, runs=given.runs, limits=limits))
    return records


def rejections(given: argparse.Namespace, shift: float) -> dict[str, Any]:
    """How often the test rejects at .05, with a 95 % interval."""
    rng, count = np.random.default_rng(given.seed), 0
    for repetition in range(given.repetitions):
        x, y = (rng.normal(size=(given.level_rows, given.columns)).astype(np.float32) for _ in range(2))
        y += np.float32(shift)
        count += mmd_features_test(
            [x], [y], features=given.features, permutations=given.permutations, level=LEVEL, seed=repetition
        ).rejected
    interval = binomtest(count, given.repetitions).proportion_ci()
    return {
        "test": "rejections",
        "n": given.level_rows,
        "shift": shift,
        "repetitions": given.repetitions,
        "rejected": count,
        "rate": count / given.repetitions,
        "rate_low": interval.low,
        "rate_high": interval.high,
    }


def main() -> None:
    """Print what was measured, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each sample")
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--permutations", type=int, default=1_000)
    parser.add_argument("--rows_at_once", type=int, default=ROW_GROUP)
    parser.add_argument("--shift", type=float, default=0.005, help="of every column's mean, in the larger samples")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--level_rows", type=int, default=20_000)
    parser.add_argument("--level_shift", type=float, default=0.03, help="of every column's mean, in the smaller ones")
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    print(f"{given.rows:,} rows against {given.rows:,}, {given.columns} columns; {machine_line()}\n")
    print("| current sample | CPU s | wall s | peak MB over imports | peak MB | features | p-value |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        records = streamed(Path(folder), given)
    for record in records:
        name = "as the reference" if record.test == "same" else f"moved by {given.shift:g} in every column"
        if record.cpu_seconds is None:
            print(f"| {name} | {record.failure} | | | | | |")
            continue
        costs = f"{record.cpu_seconds:.3g} | {record.wall_seconds:.3g} | {record.peak_mb:,.0f}"
        found = record.found
        print(f"| {name} | {costs} | {found['whole_peak_mb']:,.0f} | {found['features']} | {found['p_value']:.4f} |")
    counted = [rejections(given, shift) for shift in (0.0, given.level_shift)]
    print(f"\nRejections at level {LEVEL}, {given.level_rows:,} rows against as many:\n")
    for one in counted:
        rate = f"{one['rate']:.3f} [{one['rate_low']:.3f}, {one['rate_high']:.3f}]"
        print(f"- moved by {one['shift']:g}: {one['rejected']} of {one['repetitions']}, {rate}")
    if given.json:
        write_json(given.json, vars(given), [*records, *counted])


if __name__ == "__main__":
    main()
