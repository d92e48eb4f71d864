"""Policies on the whole stream, from an empty cache, beside learners that never stop learning.

    python -m benchmarks.replay [--block_size 336] [--policies never,every:4,...] [--start_rows 1007]
        [--window_rows 4032] [--seed 0] [--json FILE]

ELEC with the features of each row alone. `together` is the time of `drift replay` without its page: all policies, one
seed, every version trained anew. Each policy's own seconds are of that policy alone, from an empty cache as well. Wall
seconds are what one waits; processor seconds hardly grow where other programs keep the cores busy.

Beside it River's adaptive random forest and Hoeffding adaptive tree, at their defaults, with the same delay of labels:
they learn the rows before the start, predict every row of a block before they learn any row of it, and learn the
block's labels when it ends. What differs:

- they are updated after every block; a policy decides after which blocks it pays for a retrain.
- they see each row once, in order, and forget by their own drift detectors; a retrain fits new networks, in several
  passes over a window of the newest rows that has to be kept.
- they are trees, on features as they come; networks get quantile ranks of them.
- they are written in Python and Rust and learn row by row; networks learn batches, in PyTorch. Seconds compare what is
  there to be used, not what the methods must cost.
- an oracle knows all labels beforehand. It is no policy that one could follow.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Protocol

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.data.blocks import Integers
from drift.datasets.elec import load_elec
from drift.metrics.stream import baselines, stream_measures
from drift.replays.experiment import ReplayResults, compare_policies
from drift.replays.options import POLICIES
from drift.replays.play import Stream
from drift.replays.versions import FAMILY, Fit, ReplayVersions, fit_member_of_family

FORMS = {"retrains": "d", "accuracy": ".4f", "kappa_temporal": ".3f", "seconds": ".1f", "cpu_seconds": ".1f"}
NONE = -1  # the prediction of a learner that has none: it is wrong


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = perf_counter(), process_time()

    def read(self) -> dict[str, float]:
        """Wall seconds, and those of all of this process' threads."""
        wall, processor = self._began
        return {"seconds": perf_counter() - wall, "cpu_seconds": process_time() - processor}


class Learner(Protocol):
    """What River calls a classifier."""

    def predict_one(self, x: dict[str, float]) -> int | None:
        """The class of a row."""
        ...

    def learn_one(self, x: dict[str, float], y: int) -> Any:
        """Learn from a row."""
        ...


def adaptive_random_forest(seed: int) -> Learner:
    """Gomes et al. 2017, at River's defaults: 10 trees."""
    from river.forest import ARFClassifier

    made: Learner = ARFClassifier(seed=seed)
    return made


def hoeffding_adaptive_tree(seed: int) -> Learner:
    """Bifet and Gavaldà 2009, at River's defaults."""
    from river.tree import HoeffdingAdaptiveTreeClassifier

    made: Learner = HoeffdingAdaptiveTreeClassifier(seed=seed)
    return made


LEARNERS: dict[str, Callable[[int], Learner]] = {
    "River's adaptive random forest": adaptive_random_forest,
    "River's Hoeffding adaptive tree": hoeffding_adaptive_tree,
}


def delayed(learner: Learner, stream: Stream) -> Integers:
    """Predictions of the scored rows, (n,), of a learner that gets a block's labels when the block has ended."""
    table = stream.table

    def rows(which: range) -> Iterator[dict[str, float]]:
        for row in table.features[which.start : which.stop].tolist():
            yield dict(zip(table.feature_names, row, strict=True))

    def learn(which: range) -> None:
        for x, y in zip(rows(which), table.labels[which.start : which.stop].tolist(), strict=True):
            learner.learn_one(x, y)

    learn(range(stream.start))
    found: list[int] = []
    for block in stream.blocks:
        answers = [learner.predict_one(x) for x in rows(block.rows)]
        found += [NONE if answer is None else answer for answer in answers]
        learn(block.rows)
    return np.array(found, np.int64)


def compared(
    stream: Stream, names: Sequence[str], *, seed: int, window_rows: int, fit: Fit = fit_member_of_family
) -> tuple[ReplayResults, dict[str, float]]:
    """A comparison as `drift replay` makes it, from an empty cache, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        found = compare_policies(
            stream,
            ReplayVersions(stream.table, fit, family=FAMILY, cache=Path(folder)),
            names,
            seeds=[seed],
            window_rows=window_rows,
        )
        return found, clock.read()


def records(
    stream: Stream,
    names: Sequence[str],
    *,
    seed: int,
    window_rows: int,
    fit: Fit = fit_member_of_family,
    learners: dict[str, Callable[[int], Learner]] = LEARNERS,
) -> Iterator[dict[str, Any]]:
    """All policies together, each policy alone, and each learner."""
    results, seconds = compared(stream, names, seed=seed, window_rows=window_rows, fit=fit)
    yield {"who": f"{len(names)} policies together", **seconds}
    for outcome in results.outcomes:
        _, alone = compared(stream, [outcome.name], seed=seed, window_rows=window_rows, fit=fit)
        yield {"who": outcome.name, **outcome.record, **alone}
    for name, made in learners.items():
        clock = Clock()
        found = delayed(made(seed), stream)
        took = clock.read()
        labels = stream.table.labels
        measured = stream_measures(labels[stream.start :], found, baselines(labels, stream.start))
        yield {"who": name, "seed": seed, **vars(measured), **took}


def row(record: dict[str, Any]) -> str:
    """A record as a row of the table."""
    cells = [f"{record[key]:{form}}" if key in record else "" for key, form in FORMS.items()]
    return "| " + " | ".join([record["who"], *cells]) + " |"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--block_size", type=int, default=336, help="rows")
    parser.add_argument("--start_rows", type=int, default=1_007, help="first rows, which all learn before the stream")
    parser.add_argument("--window_rows", type=int, default=4_032, help="newest rows that a retrain learns from")
    parser.add_argument("--policies", default=POLICIES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    stream = Stream(load_elec(), given.start_rows, given.block_size)
    used = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"ELEC, {len(stream.blocks)} blocks of {given.block_size:,} rows; on {used} of {machine_line()}\n")
    print("| policy or learner | retrains | accuracy | kappa-temporal | seconds | processor seconds |")
    print("|---|" + "---:|" * len(FORMS), flush=True)
    found = []
    for record in records(stream, given.policies.split(","), seed=given.seed, window_rows=given.window_rows):
        found.append(record)
        print(row(record), flush=True)
    if given.json:
        write_json(given.json, vars(given), found)


if __name__ == "__main__":
    main()
