"""Forecasts of the first block below a threshold, beside the last value and a linear trend.

    python -m benchmarks.forecast [--wheel scikit_multiflow-0.4.1-...whl] [--streams 400] [--seed 0] [--json FILE]

Every forecast is of the number of blocks until one is below a threshold, censored at a horizon of 20: what comes later
counts as 21. An interval of 80 % is judged by its coverage, its width in blocks, and its score (Gneiting and Raftery
2007, eq. 43): width + 10 x the distance by which the censored number lies outside. Only blocks with 20 blocks after
them are forecast from, so that every forecast is judged on as many. Thresholds lie .03, .06 and .12 below the accuracy
on the reference.

- last value: accuracy stays what it was in the last block, and blocks are independent.
- linear trend: least squares over the last 10 blocks, with the uncertainty of both coefficients and of blocks.

Streams of fixed networks (`accuracy_paths`): on those of River's generators the model's grid and prior were chosen; on
ELEC, the rainfall of NOAA and moving squares (both in the wheel of scikit-multiflow 0.4.1) nothing was. Forecasts of a
path overlap, so the bounds of its coverage are of a bootstrap over paths. RampResult streams are forecast once each, at
a block between 1 and 40: their bounds are binomial (Clopper and Pearson 1934, 95 %).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr
from scipy.stats import beta

from benchmarks.accuracy_paths import GENERATORS, PROCESSES, AccuracyPath, elec, of_wheel, simulated
from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.detect import ThresholdForecast, forecast_threshold
from drift.detect.accuracy.forecast import LEVEL, largest_below

HORIZON = 20
BELOW = (0.03, 0.06, 0.12)  # the reference's accuracy: thresholds
WINDOW = 10  # blocks of the linear trend
DRAWS = 1_000
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """What is forecast, from what, and what came.

    Attributes:
        path: that it is of; forecasts of one path overlap.
        correct: right answers of each block so far.
        rows: of each block.
        reference: right answers and rows before the first block.
        threshold: accuracy.
        first: blocks until one was below the threshold, 1 to 21; 21 is beyond the horizon.
    """

    path: int
    correct: list[int]
    rows: int
    reference: tuple[int, int]
    threshold: float
    first: int


def cases(paths: Iterable[AccuracyPath], rows: int, *, stride: int) -> Iterator[Case]:
    """Of blocks of so many rows, from every `stride`-th block on that has enough blocks after it."""
    for number, path in enumerate(paths):
        counts = path.blocks(rows)
        accepted = path.reference[0] / path.reference[1]
        for last in range(0, len(counts) - HORIZON, stride):
            for below in BELOW:
                yield case(number, counts, last, rows, path.reference, accepted - below)


def drawn(process: str, rows: int, streams: int, seed: int) -> Iterator[Case]:
    """One forecast of each of some simulated streams."""
    rng = np.random.default_rng(seed)
    for number in range(streams):
        seen = int(rng.integers(1, 41))
        accuracies = np.clip(PROCESSES[process](rng, seen + HORIZON), 0.01, 0.99)
        counts = rng.binomial(rows, accuracies)
        reference = int(rng.binomial(200, accuracies[0])), 200
        threshold = float(accuracies[0] - rng.uniform(0.02, 0.12))
        yield case(number, counts, seen - 1, rows, reference, threshold)


def case(path: int, counts: Counts, last: int, rows: int, reference: tuple[int, int], threshold: float) -> Case:
    """The forecast after block `last`."""
    below = np.flatnonzero(counts[last + 1 : last + 1 + HORIZON] <= largest_below(threshold, rows))
    first = int(below[0]) + 1 if len(below) else HORIZON + 1
    return Case(path, counts[: last + 1].tolist(), rows, reference, threshold, first)


def ours(given: Case) -> ThresholdForecast:
    """As `drift deploy` makes it, but for the horizon."""
    return forecast_threshold(
        given.correct, [given.rows] * len(given.correct), given.threshold, reference=given.reference, horizon=HORIZON
    )


def last_value(given: Case) -> ThresholdForecast:
    """Accuracy stays what it was: a geometric law."""
    below = float(bdtr(largest_below(given.threshold, given.rows), given.rows, given.correct[-1] / given.rows))
    return _of(given, np.asarray((1 - below) ** np.arange(1, HORIZON + 1), np.float64))


def linear_trend(given: Case) -> ThresholdForecast:
    """Least squares; before the third block, the last value."""
    values = np.asarray(given.correct[-WINDOW:], np.float64) / given.rows
    if len(values) < 3:
        return last_value(given)
    design = np.column_stack([np.ones(len(values)), np.arange(len(values)) - len(values) + 1])
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ values
    mean = float(np.clip(values.mean(), 0.02, 0.98))
    residuals = values - design @ fitted
    variance = max(float(residuals @ residuals) / (len(values) - 2), mean * (1 - mean) / given.rows)
    rng = np.random.default_rng(0)
    lines = fitted + rng.standard_normal((DRAWS, 2)) @ np.linalg.cholesky(inverse * variance).T
    ahead = lines[:, :1] + lines[:, 1:] * np.arange(1, HORIZON + 1)
    half = (largest_below(given.threshold, given.rows) + 0.5) / given.rows  # continuity
    return _of(given, np.cumprod(1 - ndtr((half - ahead) / math.sqrt(variance)), axis=1).mean(axis=0))


METHODS: dict[str, Callable[[Case], ThresholdForecast]] = {
    "ours": ours,
    "last value": last_value,
    "linear trend": linear_trend,
}


def _of(given: Case, not_yet: NDArray[np.float64]) -> ThresholdForecast:
    """Quantiles of the probabilities (20,) that no block has been below yet."""
    ends = []
    for share in ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2):
        passed = np.flatnonzero(1 - not_yet >= share)
        ends.append(float(passed[0]) + 1 if len(passed) else math.inf)
    low, median, high = ends
    return ThresholdForecast(given.threshold, median, low, high, LEVEL, HORIZON, float(1 - not_yet[0]))


def judged(given: Case, made: ThresholdForecast) -> tuple[float, float, float, float]:
    """Covered or not, width, interval score and absolute error of the median, with the censored number of blocks."""
    low, median, high = (min(end, HORIZON + 1) for end in (made.low, made.median, made.high))
    outside = max(0.0, low - given.first, given.first - high)
    width = high - low
    return float(outside == 0), width, width + 2 / (1 - LEVEL) * outside, abs(median - given.first)


def records(stream: str, rows: int, given: Sequence[Case], *, independent: bool) -> Iterator[dict[str, Any]]:
    """One record for each method."""
    number = np.asarray([each.path for each in given])
    passed = float(np.mean([each.first <= HORIZON for each in given]))
    for name, method in METHODS.items():
        scores = np.asarray([judged(each, method(each)) for each in given])
        inside = scores[:, 0]
        low, high = binomial_bounds(inside) if independent else bootstrap_bounds(inside, number)
        yield {
            "stream": stream,
            "rows": rows,
            "method": name,
            "paths": len(np.unique(number)),
            "forecasts": len(given),
            "passed": passed,
            "coverage": float(inside.mean()),
            "low": low,
            "high": high,
            "median_width": float(np.median(scores[:, 1])),
            "mean_width": float(scores[:, 1].mean()),
            "interval_score": float(scores[:, 2].mean()),
            "median_error": float(scores[:, 3].mean()),
        }


def binomial_bounds(inside: NDArray[np.float64]) -> tuple[float, float]:
    """Clopper and Pearson's, 95 %."""
    hits, n = int(inside.sum()), len(inside)
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0


def bootstrap_bounds(inside: NDArray[np.float64], path: NDArray[np.int64]) -> tuple[float, float]:
    """Of the mean, 95 %, over 2,000 draws of whole paths."""
    sums = np.asarray([(inside[path == each].sum(), (path == each).sum()) for each in np.unique(path)])
    chosen = np.random.default_rng(0).integers(len(sums), size=(2_000, len(sums)))
    totals = sums[chosen].sum(axis=1)
    low, high = np.quantile(totals[:, 0] / totals[:, 1], [0.025, 0.975])
    return float(low), float(high)


def row(record: dict[str, Any]) -> str:
    """A record as a row of the table."""
    return (
        f"| {record['stream']}, {record['rows']} rows | {record['method']} | {record['forecasts']} of {record['paths']}"
        f" | {record['passed']:.2f} | {record['coverage']:.3f} [{record['low']:.3f}, {record['high']:.3f}]"
        f" | {record['median_width']:.0f} ({record['mean_width']:.1f}) | {record['interval_score']:.1f}"
        f" | {record['median_error']:.1f} |"
    )


def streams(wheel: Path | None, seed: int) -> Iterator[tuple[str, int, list[Case], bool]]:
    """Name, rows of a block, forecasts, and whether these are independent."""
    electricity = list(elec(every=2_016, most_rows=30_000))
    for rows, stride in ((336, 3), (1_007, 1)):
        yield "ELEC", rows, list(cases(electricity, rows, stride=stride)), False
    if wheel is not None:
        rainfall = of_wheel(wheel, "NOAA", "weather", 18_159, every=1_000, most_rows=9_000)
        yield "NOAA", 100, list(cases(rainfall, 100, stride=4)), False
        squares = of_wheel(wheel, "moving squares", "moving_squares", 40_000, every=2_000, most_rows=9_000)
        yield "moving squares", 100, list(cases(squares, 100, stride=5)), False
    for name in GENERATORS:
        drifting = simulated(name, seed + 10, rows=20_000, every=2_500, most_rows=12_000)
        yield f"{name} (chosen on)", 300, list(cases(drifting, 300, stride=3)), False


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="of scikit-multiflow 0.4.1, for two more streams")
    parser.add_argument("--streams", type=int, default=400, help="simulated, of each process and size of blocks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    print(f"Horizon {HORIZON} blocks, level {LEVEL:.0%}; on {machine_line()}\n")
    print(
        "| stream | method | forecasts of paths | below within 20 | coverage | width, median (mean) | score | error |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|", flush=True)
    made: list[dict[str, Any]] = []
    of_processes = (
        (name, rows, list(drawn(name, rows, given.streams, given.seed)), True)
        for name in PROCESSES
        for rows in (20, 336)
    )
    for source in (streams(given.wheel, given.seed), of_processes):
        for stream, rows, forecasts, independent in source:
            for record in records(stream, rows, forecasts, independent=independent):
                made.append(record)
                print(row(record), flush=True)
    if given.json:
        write_json(given.json, vars(given), made)


if __name__ == "__main__":
    main()
