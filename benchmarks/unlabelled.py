"""Accuracy without labels beside the truth, where its assumptions hold and where they do not.

    python -m benchmarks.unlabelled [--repetitions 100] [--models 3] [--seed 0] [--json FILE]

Each method estimates the accuracy of blocks whose labels it does not see: of ELEC's stream, of rows that were drawn
from one period of ELEC by their features alone, and of simulated rows. `unchanged` says for every block that its
accuracy is the reference's: what any method has to beat. Bias is estimate minus truth, in accuracy; effective
rows are a median; coverage is that of 95 % intervals. Blocks that a method refuses are counted, and are in none of
its other figures.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from benchmarks.shifts import Case, elec_blocks, elec_resampled, linear, remapped, simulated, three, uneven
from drift.detect import ESTIMATORS
from drift.errors import BlockError, LittleOverlapWarning

REPEATED: dict[str, Callable[[int], Case]] = {
    "ELEC, one period, drawn by features": elec_resampled,
    "simulated, no shift": partial(simulated, linear),
    "simulated covariate shift": partial(simulated, linear, shift=1.0),
    "the same, three classes": partial(simulated, three, shift=1.0),
    "the same, calibration differs by region": partial(simulated, uneven, shift=1.0),
    "the same, twice as far": partial(simulated, uneven, shift=2.0),
    "simulated concept drift": partial(simulated, linear, later=remapped),
}
COLUMNS = {
    "reference_accuracy": "reference",
    "true_accuracy": "truth",
    "estimated_accuracy": "estimate",
    "bias": "bias",
    "mean_absolute_error": "mean absolute error",
    "effective_rows": "effective rows",
    "coverage": "coverage",
}
FORMS = {"bias": "+.3f", "effective_rows": ",.0f", "coverage": ".2f"}
Found = dict[str, list[tuple[float, ...]]]  # by method: reference, truth, estimate, inside or not, effective rows


def measured(cases: Iterable[Case]) -> Found:
    """What each method says of each case; `unchanged` speaks of all."""
    found: Found = {"unchanged": [], **{name: [] for name in ESTIMATORS}}
    for reference, scored in cases:
        accepted, truth = reference.accuracy, scored.accuracy
        found["unchanged"].append((accepted, truth, accepted, np.nan, len(reference)))
        for name, estimator in ESTIMATORS.items():
            try:
                estimate = estimator().accuracy(reference, scored)
            except BlockError:
                continue
            inside = float(estimate.low <= truth <= estimate.high)
            found[name].append((accepted, truth, estimate.accuracy, inside, estimate.effective_rows))
    return found


def records(scene: str, cases: Iterable[Case]) -> Iterator[dict[str, Any]]:
    """One record for each method: means over the blocks that it answered."""
    found = measured(cases)
    for method, rows in found.items():
        record: dict[str, Any] = {
            "scene": scene,
            "method": method,
            "blocks": len(found["unchanged"]),
            "answered": len(rows),
        }
        if rows:
            accepted, truth, estimate, inside, effective = np.asarray(rows).T
            off = estimate - truth
            record |= {
                "reference_accuracy": float(accepted.mean()),
                "true_accuracy": float(truth.mean()),
                "estimated_accuracy": float(estimate.mean()),
                "bias": float(off.mean()),
                "mean_absolute_error": float(np.abs(off).mean()),
                "effective_rows": float(np.median(effective)),
                "coverage": None if np.isnan(inside).any() else float(inside.mean()),
            }
        yield record


def row(record: dict[str, Any]) -> str:
    """A record as a row of the table."""
    cells = [record["scene"], record["method"], f"{record['answered']} of {record['blocks']}"]
    for key in COLUMNS:
        value = record.get(key)
        cells.append("" if value is None else f"{value:{FORMS.get(key, '.3f')}}")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=100, help="of everything but ELEC's stream")
    parser.add_argument("--models", type=int, default=3, help="trained for ELEC's stream, from as many seeds")
    parser.add_argument("--seed", type=int, default=0, help="of the first repetition and model")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", LittleOverlapWarning)
    stream = (case for at in range(arguments.models) for case in elec_blocks(arguments.seed + at))
    scenes: dict[str, Iterable[Case]] = {"ELEC's stream": stream}
    for name, draw in REPEATED.items():
        scenes[name] = map(draw, range(arguments.seed, arguments.seed + arguments.repetitions))
    print(f"{machine_line()}\n")
    print("| " + " | ".join(["blocks", "method", "answered", *COLUMNS.values()]) + " |")
    print("|---|---" + "|---:" * (1 + len(COLUMNS)) + "|")
    found = []
    for name, cases in scenes.items():
        for record in records(name, cases):
            found.append(record)
            print(row(record), flush=True)
    if arguments.json:
        write_json(arguments.json, vars(arguments), found)


if __name__ == "__main__":
    main()
