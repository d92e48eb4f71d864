"""Do alarms keep their promise? Mean blocks to a false alarm of streams on which nothing becomes worse.

    python -m benchmarks.promises [--streams 2000] [--promised 50 200 1000] [--rows 48] [--river_streams 50]
        [--json FILE]

Ours with the accepted risk at the streams' own, no tolerance and the dependence measured on a reference of 60 blocks
for each stream, so that the null has no room: anything that is tolerated makes runs longer. Runs are cut short at ten
times the promise, which makes their mean smaller than it is. Beside it, on the same laws, the detectors that judge rows
at their defaults, which promise nothing; their runs are cut short at `--most` blocks.
"""

from __future__ import annotations

import argparse
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from benchmarks.run_lengths import by_row, ours
from benchmarks.streams import Law, independent, moving, runs, shuffled
from drift.data.blocks import Reference
from drift.detect import STREAMING
from drift.detect.streaming.protocol import RowwiseDetector

CUT = 10  # promises, at which a run is cut short
SLOW = {"kswin": 5}  # whose rows cost a millisecond: streams


@cache
def elec_losses(train_rows: int = 1_007) -> NDArray[np.float64]:
    """Losses of a network fitted to the first rows of ELEC, on the rows after them."""
    from drift.datasets.elec import load_elec
    from drift.models.fit import FitOptions, fit
    from drift.models.network import Shape, TableNet
    from drift.models.predict import LocalPredictor
    from drift.models.quantiles import fit_quantile_ranks

    table = load_elec()
    train = table.part(range(train_rows))
    net = TableNet(fit_quantile_ranks(train.features), Shape(32, 2, 0.2), 2)
    fit(net, train, train, FitOptions(0.01, 0.01, 128, 20, seed=0))
    later = slice(train_rows, None)
    answers = LocalPredictor(net.eval()).predict(table.features[later]).probabilities.argmax(axis=1)
    return np.asarray(answers != table.labels[later], np.float64)


def laws(rows: int) -> list[Law]:
    """Stationary laws, in blocks of `rows`."""
    losses = elec_losses()
    pool = losses[: len(losses) // rows * rows].reshape(-1, rows)
    return [
        *(independent(risk, rows) for risk in (0.1, 0.25, 0.4)),
        shuffled(pool, "blocks of ELEC, shuffled"),
        moving(0.25, rows),
        runs(0.25, rows),
    ]


def record(law: Law, detector: str, found: NDArray[np.float64], most: int, promised: float | None) -> dict[str, Any]:
    """What the runs of one detector on one law came to."""
    return {
        "law": law.name,
        "detector": detector,
        "promised": promised,
        "streams": len(found),
        "mean_run_length": float(found.mean()),
        "standard_error": float(found.std(ddof=1) / np.sqrt(len(found))),
        "cut_short": float((found >= most).mean()),
    }


def cell(one: dict[str, Any]) -> str:
    """A mean run, and whether it was cut short."""
    return f"{'> ' if one['cut_short'] > 0.02 else ''}{one['mean_run_length']:,.0f}"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--promised", type=float, nargs="+", default=[50, 200, 1_000], help="blocks")
    parser.add_argument("--rows", type=int, default=48, help="of a block")
    parser.add_argument("--river_streams", type=int, default=50, help="0: only ours")
    parser.add_argument("--most", type=int, default=1_000, help="blocks of the others' runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    print(f"Mean blocks of {given.rows} rows to a false alarm, {given.streams:,} streams; {machine_line()}\n")
    others = (
        [name for name, made in STREAMING.items() if issubclass(made, RowwiseDetector)] if given.river_streams else []
    )
    headings = [f"ours, promised {promised:,.0f}" for promised in given.promised] + others
    print("| law | " + " | ".join(headings) + " |\n|---|" + "---:|" * len(headings), flush=True)
    records = []
    for law in laws(given.rows):
        row = []
        for promised in given.promised:
            most = round(CUT * promised)
            found = ours(law, promised, streams=given.streams, rows=given.rows, most=most, seed=given.seed)
            row.append(record(law, "harm", found, most, promised))
        for name in others:
            made = partial(STREAMING[name], Reference.of_losses([0, 1]))
            streams = min(given.river_streams, SLOW.get(name, given.river_streams))
            found = by_row(made, law, streams=streams, rows=given.rows, most=given.most, seed=given.seed)
            row.append(record(law, name, found, given.most, None))
        records += row
        print(f"| {law.name} | " + " | ".join(map(cell, row)) + " |", flush=True)
    if given.json:
        write_json(given.json, vars(given), records)


if __name__ == "__main__":
    main()
