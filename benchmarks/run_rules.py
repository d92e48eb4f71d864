"""Do the monitor's run rules keep their promise, and what do flags of single batches do on the same streams?

    python -m benchmarks.run_rules [--streams 200] [--json FILE]

Streams without drift, each with a reference of its own: rows that do not hang together, rows in runs, and days that
differ. Promised are 100 batches between false alarms, of which run rules may use half: 5 false alarms in 1,000 batches.
Beside it, the share of batches that are flagged if each feature is tested against the reference by Kolmogorov-Smirnov
or chi-squared (SciPy) at .05, corrected by Bonferroni, and if a feature's PSI is above .2. Then one of three features
moves by half a standard deviation: batches to the alarm.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.detect import profile
from drift.detect.profiles.distances import jensen_shannon
from drift.monitor.drift.signals import inputs_of
from drift.monitor.pipeline.measure import bins_of
from drift.monitor.pipeline.reference import ReferenceLimits, make_reference
from drift.monitor.reference.limits import AlarmSpec, cells_of
from drift.monitor.sources.rows import PredictionRows

PROMISE = AlarmSpec(expected_run_length=100)
ALLOWED = 0.5 / PROMISE.expected_run_length  # false alarms per batch
MOVE = 0.5  # standard deviations


@dataclass(frozen=True)
class Stream:
    """A stationary stream of rows, cut into batches."""

    rows: int  # of a batch
    batches: int = 100
    reference_batches: int = 20
    memory: float = 0.0  # autocorrelation of one row with the next
    days: float = 0.0  # standard deviation of what moves all rows of a batch, in that of the rows

    @property
    def words(self) -> str:
        """What it is."""
        kind = f", in runs ({self.memory:g})" if self.memory else ""
        kind += f", days differ by {self.days:g}" if self.days else ""
        return f"{self.rows:,} rows{kind}; {self.reference_batches} batches in the reference"

    def draw(self, seed: int) -> tuple[PredictionRows, list[PredictionRows]]:
        """The reference's rows, and the batches after it."""
        rng = np.random.default_rng(seed)
        total = self.rows * (self.batches + self.reference_batches)
        noise = rng.normal(size=(total, 2))
        values = noise.copy()
        if self.memory:
            from scipy.signal import lfilter

            values = lfilter([np.sqrt(1 - self.memory**2)], [1, -self.memory], noise, axis=0)
        values = values + self.days * rng.normal(size=(total // self.rows, 2)).repeat(self.rows, axis=0)
        names = np.asarray(["a", "b", "c"], object)
        hidden = np.digitize(values[:, 1], [-0.5, 0.5])
        features = pd.DataFrame({"x": values[:, 0], "rounded": np.round(values[:, 0], 1), "kind": names[hidden]})
        told = np.where(values[:, 1] > 0, "UP", "DOWN").astype(object)
        whole = PredictionRows(np.arange(total).astype(str).astype(object), told, told, features)
        ends = np.arange(self.reference_batches, self.reference_batches + self.batches + 1) * self.rows
        parts = [whole.take(np.arange(*pair)) for pair in pairwise(ends)]
        return whole.take(np.arange(ends[0])), parts

    def calibration(self, reference: PredictionRows) -> ReferenceLimits:
        """Of a reference's rows."""
        sizes = [self.rows] * self.reference_batches
        return ReferenceLimits(make_reference(reference, chosen="", by="", why="", alarms=PROMISE, sizes=sizes))


STREAMS = (
    Stream(200),
    Stream(30),
    Stream(200, memory=0.9),
    Stream(200, days=0.1),
    Stream(200, days=0.2),
    Stream(500, days=0.3),
    Stream(200, days=0.1, reference_batches=10),
    Stream(200, days=0.2, reference_batches=10),
    Stream(200, days=0.1, reference_batches=6),
)


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200, help="of each kind")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    print(f"{machine_line()}; {given.streams} streams of 100 batches each; in 1,000 batches, ± a standard error\n")
    print("| stream | false alarms (promised: 5) | batches flagged by p-values | by PSI | batches to the alarm |")
    print("|---|---:|---:|---:|---:|")
    records: list[dict[str, Any]] = []
    for stream in STREAMS:
        found = [flags(stream, seed) for seed in range(given.streams)]
        error = 1_000 * np.std([one["alarms"] for one in found], ddof=1) / np.sqrt(len(found))
        means = {name: 1_000 * float(np.mean([one[name] for one in found])) for name in ("alarms", "p_values", "psi")}
        delay = float(np.median([one["delay"] for one in found]))
        shown = f"{delay:g}" if np.isfinite(delay) else "never"
        print(
            f"| {stream.words} | {means['alarms']:.1f} ± {error:.1f} | {means['p_values']:.0f} | {means['psi']:.0f}"
            f" | {shown} |",
            flush=True,
        )
        records.append({"stream": stream.words, **means, "error": error, "delay": delay})
    if given.json:
        write_json(given.json, vars(given), records)


def flags(stream: Stream, seed: int) -> dict[str, float]:
    """Of one stream: shares of its batches that alarm or are flagged, and batches to an alarm once `x` has moved."""
    reference, batches = stream.draw(seed)
    limits = stream.calibration(reference).limits(stream.rows)
    counted = cells(reference, batches)
    moved = distances(cells(reference, [shifted(batch) for batch in batches[:40]]))["feature:x"] > limits["feature:x"]
    after = np.flatnonzero(PROMISE.rule.alarms(moved))
    return {
        "alarms": run_rule_alarms(distances(counted), limits) / stream.batches,
        "p_values": float(flagged_by_p_values(reference, batches).mean()),
        "psi": float(np.any([psi(one) > 0.2 for one in counted.values()], axis=0).mean()),
        "delay": float(after[0] + 1) if len(after) else float("inf"),
    }


def shifted(rows: PredictionRows) -> PredictionRows:
    """The same with `x` moved."""
    return PredictionRows(rows.keys, rows.prediction, rows.labels, rows.features.assign(x=rows.features["x"] + MOVE))


def run_rule_alarms(found: dict[str, NDArray[np.float64]], limits: Any) -> int:
    """Alarms of the run rules of all signals, each batch counted at which one alarms."""
    return sum(int(PROMISE.rule.alarms(values > limits[signal]).sum()) for signal, values in found.items())


def cells(reference: PredictionRows, batches: list[PredictionRows]) -> dict[str, NDArray[np.float64]]:
    """Shares of the reference's cells in it and in each batch, by signal, (1 + batches, cells)."""
    inputs, _ = bins_of(reference)
    counted = [inputs, *(profile(inputs.binning, inputs_of(batch)) for batch in batches)]
    found = {}
    for signal, whole in inputs.columns.items():
        table = np.asarray([cells_of(one.columns[signal], whole) for one in counted], float)
        found[signal] = table / table.sum(axis=1, keepdims=True)
    return found


def distances(shares: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Jensen-Shannon divergence of each batch by signal, (batches,): plainly from shares."""
    return {signal: jensen_shannon(one[:1].T, one[1:].T) for signal, one in shares.items()}


def psi(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Population stability index of each batch, (batches,); empty cells count as one in ten thousand."""
    known, now = np.maximum(shares[:1], 1e-4), np.maximum(shares[1:], 1e-4)
    return np.asarray(((now - known) * np.log(now / known)).sum(axis=1))


def flagged_by_p_values(reference: PredictionRows, batches: list[PredictionRows]) -> NDArray[np.bool_]:
    """Whether any of three features differs at .05, (batches,)."""
    from scipy.stats import chi2_contingency, ks_2samp

    known = reference.features
    counts = known["kind"].value_counts().sort_index()
    flagged = []
    for batch in batches:
        p_values = [ks_2samp(known[name], batch.features[name]).pvalue for name in ("x", "rounded")]
        kinds = batch.features["kind"].value_counts().reindex(counts.index, fill_value=0)
        p_values.append(chi2_contingency(np.stack([counts, kinds])).pvalue)
        flagged.append(min(p_values) < 0.05 / len(p_values))
    return np.asarray(flagged)


if __name__ == "__main__":
    main()
