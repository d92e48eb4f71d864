"""The monitor, measured: `python -m benchmarks.monitor [profiles] [ingest] [page] [alarms] [--json FILE]`.

profiles  20 Parquet files of 250,000 rows x 8 float64 features: profile and all distances of each, beside NumPy and
          Polars that make histograms alone; each in a process of its own, in turn; wall seconds, peak memory.
ingest    100,000 rows of one batch from CSV into SQLite, by the command, with all its measures.
page      1,000 batches x 50 features in a store: seconds to each page, and to the report; a real server.
alarms    200 stationary batches of 500 rows, and 200 in which one of eight features moves by .3 standard deviations
          from the 100th on: what the monitor and Evidently, in an environment of its own, make of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.environments import SCRIPTS, NotInstalledError, Peer, environment
from benchmarks.machine import machine_line
from benchmarks.measuring import Limits, Record, call, repeated, write_json

ROOT = Path(__file__).parents[1]
EVIDENTLY = Peer("batches_followed.py", ("evidently", "pandas<3", "pyarrow"))  # it does not import with pandas 3
REFERENCE = 20  # batches


def main() -> None:
    """Print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them by default")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"expected {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    print(f"{machine_line()}; medians of {given.runs} runs")
    records: list[dict[str, Any]] = []
    for name in given.parts or PARTS:
        print(f"\n{name}\n")
        with tempfile.TemporaryDirectory() as folder:
            records += [{"part": name} | record for record in PARTS[name](Path(folder), given.runs, given.seed)]
    if given.json:
        write_json(given.json, vars(given), records)


def profiles(folder: Path, runs: int, seed: int) -> list[dict[str, Any]]:
    """Files counted, in turn."""
    rng = np.random.default_rng(seed)
    for at in range(20):
        columns = {f"f{f}": (rng.normal if f % 2 else rng.exponential)(size=250_000) for f in range(8)}
        pd.DataFrame(columns).to_parquet(folder / f"{at:02d}.parquet", index=False)
    costs: dict[str, list[dict[str, Any]]] = {name: [] for name in ("numpy", "polars", "ours")}
    for _ in range(runs):
        for name, found in costs.items():
            answer = call(sys.executable, SCRIPTS / "histograms.py", {"call": name, "folder": str(folder)},
                          limits=Limits(), path=[ROOT])  # fmt: skip
            assert not isinstance(answer, str), answer
            found.append(answer)
    middle = {
        name: {key: median(one[key] for one in found) for key in ("wall_seconds", "cpu_seconds", "peak_mb")}
        for name, found in costs.items()
    }
    fastest = min(middle[name]["wall_seconds"] for name in ("numpy", "polars"))
    print("| | wall s | CPU s | peak MB of the process | wall to the faster |\n|---|---:|---:|---:|---:|")
    for name, words in (("numpy", "`np.histogram`, same edges"), ("polars", "Polars `Series.hist`, same edges"),
                        ("ours", "ours: profile, all distances and tests")):  # fmt: skip
        one = middle[name]
        ratio = one["wall_seconds"] / fastest
        print(
            f"| {words} | {one['wall_seconds']:.3g} | {one['cpu_seconds']:.3g} | {one['peak_mb']:.0f} | {ratio:.2f} |"
        )
    return [{"work": name} | one for name, one in middle.items()]


def ingest(folder: Path, runs: int, seed: int) -> list[dict[str, Any]]:
    """One large batch, by the command."""
    predictions(100_000, seed).assign(batch="one").to_csv(folder / "rows.csv", index=False)
    seconds = []
    for run in range(runs):
        begun = time.perf_counter()
        drift(folder, "ingest", "rows.csv", *COLUMNS, "--batch", "batch", "--store", f"{run}.db")
        seconds.append(time.perf_counter() - begun)
    size = (folder / "0.db").stat().st_size / 1e6
    print(f"100,000 rows x 8 features in one batch: {median(seconds):.2f} s, the store {size:.1f} MB")
    return [{"work": "100,000 rows", "wall_seconds": median(seconds), "store_mb": size}]


def page(folder: Path, runs: int, seed: int) -> list[dict[str, Any]]:
    """Pages of a long history."""
    import requests

    rng = np.random.default_rng(seed)
    (folder / "rows").mkdir()
    for start in range(0, 1_000, 100):
        parts = []
        for at in range(start, start + 100):
            frame = predictions(100, int(rng.integers(2**31)), features=50)
            parts.append(frame.assign(key=frame["key"] + at * 100, batch=f"batch {at:04d}"))
        pd.concat(parts).to_parquet(folder / "rows" / f"{start:04d}.parquet", index=False)
    begun = time.perf_counter()
    drift(folder, "ingest", "rows", *COLUMNS, "--batch", "batch", "--store", "m.db")
    stored = time.perf_counter() - begun
    begun = time.perf_counter()
    drift(folder, "reference", "--first_batches", "100", "--why", "measured", "--store", "m.db")
    compared = time.perf_counter() - begun
    begun = time.perf_counter()
    drift(folder, "check", "--store", "m.db", codes=(0, 3))
    checked = time.perf_counter() - begun
    print(f"1,000 batches x 100 rows x 50 features: ingested in {stored:.0f} s, all compared with a reference in"
          f" {compared:.0f} s, checked in {checked:.1f} s")  # fmt: skip
    paths = {"overview": "/monitors/1", "another measure": "/monitors/1?metric=log_loss",
             "an older page": "/monitors/1?page=7", "batch": "/monitors/1/batches/{}",
             "worst rows": "/monitors/1/batches/{}/errors", "feature": "/monitors/1/signal?signal=feature:f7&batch={}",
             "alerts": "/monitors/1/alerts", "/metrics": "/metrics"}  # fmt: skip
    found = []
    with served(folder, "m.db") as address:
        print("\n| page | first s | median s | largest s | KB |\n|---|---:|---:|---:|---:|")
        for name, path in paths.items():
            seconds, size = [], 0
            for run in range(10 * runs):
                begun = time.perf_counter()
                answer = requests.get(address + path.format(500 + run), timeout=60)
                seconds.append(time.perf_counter() - begun)
                assert answer.ok, answer.text
                size = len(answer.content)
            row = {"work": name, "first_seconds": seconds[0], "median_seconds": median(seconds[1:])}
            print(
                f"| {name} | {seconds[0]:.3f} | {median(seconds[1:]):.3f} | {max(seconds[1:]):.3f} | {size / 1e3:.0f} |"
            )
            found.append(row)
    begun = time.perf_counter()
    drift(folder, "report", "--store", "m.db", "--html", "r.html")
    spent, megabytes = time.perf_counter() - begun, (folder / "r.html").stat().st_size / 1e6
    print(f"\nreport: {spent:.1f} s, {megabytes:.1f} MB; store {(folder / 'm.db').stat().st_size / 1e6:.0f} MB")
    return [*found, {"work": "report", "megabytes": megabytes}, {"work": "check", "wall_seconds": checked}]


def alarms(folder: Path, runs: int, seed: int) -> list[dict[str, Any]]:
    """What is made of batches that are like the reference, and of some that are not."""
    records = []
    print(
        "| batches | | flagged | the first | beyond limits | wall s | CPU s | peak MB |\n"
        "|---|---|---:|---|---:|---:|---:|---:|"
    )
    for name, moved in (("stationary", 0.0), ("moved from 100 on", 0.3)):
        inside = folder / str(moved)
        inside.mkdir()
        for at in range(REFERENCE + 200):
            frame = predictions(500, seed * 1_000 + at)
            if at >= REFERENCE + 100:
                frame["f3"] += moved
            frame.assign(key=frame["key"] + at * 500).to_parquet(inside / f"{at - REFERENCE:+04d}.parquet", index=False)
        for number, file in enumerate(sorted(inside.iterdir(), key=lambda file: int(file.stem))):
            file.rename(inside / f"b{number:03d}.parquet")
        for words, what, peer in (
            ("the monitor", "ours", None),
            ("Evidently", "", EVIDENTLY),
            ("Evidently, KS", "ks", EVIDENTLY),
        ):
            record = followed(inside, words, what, peer, runs)
            records.append({"batches": name} | vars(record))
            if record.failure:
                print(f"| {name} | {words} | {record.failure} | | | | | |")
                continue
            told = record.found
            costs = f"{record.wall_seconds:.3g} | {record.cpu_seconds:.3g} | {record.peak_mb:.0f}"
            print(f"| {name} | {words} | {told['alarms']} | {told['first']} | {told['bad_batches']} | {costs} |")
    return records


def followed(folder: Path, words: str, what: str, peer: Peer | None, runs: int) -> Record:
    """One of them on a folder of batches."""
    try:
        python = environment("evidently-batches", peer) if peer else Path(sys.executable)
    except NotInstalledError as error:
        return Record(words, failure=f"not installed: {error}")
    options = {"folder": str(folder), "what": what, "reference": REFERENCE}
    path = [] if peer else [ROOT]
    once = partial(call, python, SCRIPTS / "batches_followed.py", options, limits=Limits(), path=path)
    return repeated(words, once, runs=runs, limits=Limits(once_over=60))


COLUMNS = ("--prediction", "prediction", "--truth", "truth", "--key", "key", "--probability", "p")


def predictions(rows: int, seed: int, *, features: int = 8) -> pd.DataFrame:
    """Rows with normal features, one category among them, and answers that are right as often as they say."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, features))
    p = 1 / (1 + np.exp(-2 * values[:, 0]))
    truth = rng.uniform(size=rows) < p
    frame = pd.DataFrame(values, columns=[f"f{at}" for at in range(features)])
    frame[f"f{features - 1}"] = rng.choice(["north", "south", "east", "west"], size=rows, p=[0.4, 0.3, 0.2, 0.1])
    return frame.assign(
        key=np.arange(rows), prediction=np.where(p > 0.5, "UP", "DOWN"), p=np.maximum(p, 1 - p),
        truth=np.where(truth, "UP", "DOWN"),
    )  # fmt: skip


def drift(folder: Path, *words: str, codes: tuple[int, ...] = (0,)) -> None:
    """A command of the monitor."""
    line = [sys.executable, "-m", "drift", "monitor", *words]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=3_600, check=False)
    assert done.returncode in codes, done.stderr


@contextmanager
def served(folder: Path, store: str) -> Iterator[str]:
    """The page's address."""
    line = [sys.executable, "-m", "drift", "monitor", "serve", "--port", "0", "--store", store]
    process = subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        yield told.split(" at ")[1].split("/ ")[0]
    finally:
        process.terminate()
        process.wait(timeout=30)


PARTS: dict[str, Callable[[Path, int, int], list[dict[str, Any]]]] = {
    "profiles": profiles,
    "ingest": ingest,
    "page": page,
    "alarms": alarms,
}

if __name__ == "__main__":
    main()
