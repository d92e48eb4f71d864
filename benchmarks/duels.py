"""Promotion by betting: wrong promotions when nothing is gained, and rows until a true gain is found.

    python -m benchmarks.duels [--simulations 2000] [--rows 48] [--blocks 200] [--disagree .15] [--json FILE]

Champion and challenger disagree on a share of the rows; after every block, the duel is looked at. Beside it, the
exact McNemar test looked at as often, at the same level, which promises nothing of the kind. Rows are independent, or
come in runs of eight equal ones, with the inflation told as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, binomtest

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.detect.sequential.paired_test import GainSums, TestState, duel

LEVEL, LEAST_GAIN = 0.05, 0.01
RUN = 8  # equal rows, where they come in runs


def simulate(
    gain: float, run: int, *, simulations: int, rows: int, blocks: int, disagree: float, seed: int
) -> dict[str, Any]:
    """How duels end, and how soon; and how often McNemar's test, looked at after every block, says better."""
    rng = np.random.default_rng(seed)
    chances = [(disagree + gain) / 2, (disagree - gain) / 2, 1 - disagree]
    ended, needed, peeked = [], [], 0
    for _ in range(simulations):
        counts = run * rng.multinomial(rows // run, chances, size=blocks)
        found, verdict, better = GainSums(), TestState.OPEN, False
        for plus, minus, rest in counts:
            found = GainSums(found.gained + plus, found.lost + minus, found.rows + plus + minus + rest)
            verdict = duel({run: found}, level=LEVEL, least_gain=LEAST_GAIN).verdict
            if verdict is not TestState.OPEN:
                break
        sums = np.cumsum(counts[:, :2], axis=0)
        wins, losses = sums[:, 0], sums[:, 1]
        both = binom.cdf(np.minimum(wins, losses), wins + losses, 0.5) * 2  # exact, two-sided
        better = bool(((both <= LEVEL) & (wins > losses)).any())
        peeked += better
        ended.append(verdict)
        needed.append(found.rows)
    promoted = ended.count(TestState.BETTER)
    interval = binomtest(promoted, simulations).proportion_ci()
    decided = [count for count, verdict in zip(needed, ended, strict=True) if verdict is TestState.BETTER]
    return {
        "gain": gain,
        "run": run,
        "promoted": promoted / simulations,
        "promoted_low": interval.low,
        "promoted_high": interval.high,
        "given_up": ended.count(TestState.NOT_BETTER) / simulations,
        "median_rows_to_promotion": float(np.median(decided)) if decided else None,
        "mcnemar_at_every_look": peeked / simulations,
    }


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=48, help="of a block")
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--disagree", type=float, default=0.15, help="share of rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    print(f"Duels at level {LEVEL:g} over {given.blocks} blocks of {given.rows} rows; {machine_line()}\n")
    print("| true gain | rows | promoted | given up | median rows to promotion | McNemar at every look |")
    print("|---:|---|---:|---:|---:|---:|")
    options = {name: getattr(given, name) for name in ("simulations", "rows", "blocks", "disagree", "seed")}
    records = []
    for run in (1, RUN):
        for gain in (0.0, 0.03, 0.05, -0.03):
            found = simulate(gain, run, **options)
            records.append(found)
            median = found["median_rows_to_promotion"]
            print(
                f"| {gain:+.2f} | {'independent' if run == 1 else f'in runs of {run}'} | {found['promoted']:.3f}"
                f" [{found['promoted_low']:.3f}, {found['promoted_high']:.3f}] | {found['given_up']:.3f}"
                f" | {'' if median is None else f'{median:,.0f}'} | {found['mcnemar_at_every_look']:.3f} |",
                flush=True,
            )
    if given.json:
        write_json(given.json, vars(given), records)


if __name__ == "__main__":
    main()
