"""The policy `forecast` beside `threshold` and `spaced`, at equal numbers of retrains.

    python -m benchmarks.forecast_policies [--wheel scikit_multiflow-0.4.1-...whl] [--retrains 5,10,20] [--seeds 3]
        [--json FILE]

Streams and retrains are those of `drift replay`; blocks have 336 rows on ELEC and 168 on the rainfall of NOAA. Each
of the two policies with a threshold is replayed at every threshold from .50 to .90 in steps of .01, and the one whose
number of retrains comes nearest to the wanted one is shown (of equals, the lowest). So each has the best case of being
tuned to a budget in hindsight, and `spaced` has it by its nature. No-one could tune like this beforehand: what is
compared is when retrains are made, not how well a threshold is chosen.
"""

from __future__ import annotations

import argparse
import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.blocks import Table
from drift.replay.contenders import contender
from drift.replay.family import FAMILY, fit_member_of_family
from drift.replay.play import Played, Stream, play
from drift.replay.versions import Versions
from drift.sources import load_elec

START_ROWS, WINDOW_ROWS = 1_007, 4_032
THRESHOLDS = [round(0.5 + 0.01 * step, 2) for step in range(41)]
KINDS = {"threshold": "threshold:{:g}", "forecast:1": "forecast:1:{:g}", "forecast:3": "forecast:3:{:g}"}


def rainfall(wheel: Path) -> Table:
    """NOAA's, from the wheel of scikit-multiflow 0.4.1."""
    with zipfile.ZipFile(wheel) as archive, archive.open("skmultiflow/data/datasets/weather.csv") as binary:
        lines = csv.reader(io.TextIOWrapper(binary, "utf-8"))
        names = tuple(next(lines)[:-1])
        values = np.asarray([[float(cell) for cell in line] for line in lines])
    labels = values[:, -1].astype(np.int64)
    return Table("NOAA", names, values[:, :-1].astype(np.float32), labels, ("0", "1"), None)


def played(stream: Stream, versions: Versions, name: str, seed: int) -> Played:
    """One policy on one stream."""
    made = contender(name, len(stream.blocks))
    return play(stream, versions, made.policy, seed=seed, window_rows=WINDOW_ROWS)


def nearest(
    stream: Stream, versions: Versions, kind: str, retrains: list[int], seed: int
) -> Iterator[tuple[int, Played]]:
    """For each wanted number of retrains, the replay whose number comes nearest, over all thresholds."""
    every = [(threshold, played(stream, versions, KINDS[kind].format(threshold), seed)) for threshold in THRESHOLDS]
    for wanted in retrains:
        yield wanted, min(every, key=lambda each: (abs(len(each[1].retrains) - wanted), each[0]))[1]


def records(stream: Stream, versions: Versions, retrains: list[int], seeds: int) -> Iterator[dict[str, Any]]:
    """One record for each policy and wanted number of retrains: means over seeds."""
    replays: dict[tuple[str, int], list[Played]] = {}
    for seed in range(seeds):
        replays.setdefault(("never", 0), []).append(played(stream, versions, "never", seed))
        for wanted in retrains:
            replays.setdefault(("spaced", wanted), []).append(played(stream, versions, f"spaced:{wanted}", seed))
        for kind in KINDS:
            for wanted, replay in nearest(stream, versions, kind, retrains, seed):
                replays.setdefault((kind, wanted), []).append(replay)
    for (kind, wanted), every in replays.items():
        accuracies = [replay.accuracy for replay in every]
        yield {
            "stream": stream.table.name,
            "rows": stream.block_size,
            "policy": kind,
            "wanted": wanted,
            "retrains": mean(len(replay.retrains) for replay in every),
            "accuracy": mean(accuracies),
            "spread": stdev(accuracies) if len(accuracies) > 1 else 0.0,
        }


def row(record: dict[str, Any]) -> str:
    """A record as a row of the table."""
    return (
        f"| {record['stream']}, {record['rows']} rows | {record['wanted']} | `{record['policy']}`"
        f" | {record['retrains']:.1f} | {record['accuracy']:.4f} ± {record['spread']:.4f} |"
    )


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="of scikit-multiflow 0.4.1, for NOAA's rainfall")
    parser.add_argument("--retrains", default="5,10,20")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="of versions that were trained before")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    streams = [Stream(load_elec(), START_ROWS, 336)]
    if given.wheel:
        streams.append(Stream(rainfall(given.wheel), START_ROWS, 168))
    print(f"On {machine_line()}\n")
    print("| stream | wanted | policy | retrains | accuracy |\n|---|---:|---|---:|---:|", flush=True)
    wanted = [int(number) for number in given.retrains.split(",")]
    made = []
    for stream in streams:
        versions = Versions(stream.table, fit_member_of_family, family=FAMILY, cache=given.cache)
        for record in records(stream, versions, wanted, given.seeds):
            made.append(record)
            print(row(record), flush=True)
    if given.json:
        write_json(given.json, vars(given), made)


if __name__ == "__main__":
    main()
