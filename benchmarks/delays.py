"""How long until an alarm? Blocks after a change, beside detectors tuned by simulation to the same run length.

    python -m benchmarks.delays [--promised 200] [--rows 48] [--streams 200] [--detectors adwin ddm ...] [--json FILE]

The error is .1 for 50 blocks, then .3, or .15, or it rises to .3 over 20 blocks. Every other detector is tuned twice,
by bisection of its main option on streams of error .1: to the mean run that ours shows there, and to the one that ours
promises. CUSUM, which has to be told the error after the change, is tuned in the same way, for each of three guesses.
Delays are means, and medians, over streams without an alarm before the change.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from benchmarks.run_lengths import by_row, ours
from benchmarks.streams import Draw, Law, Losses, independent
from drift.data.blocks import Reference
from drift.detect import STREAMING, ErrorDetector, Score

BEFORE = 50  # blocks until the change
MOST = 400  # blocks of a stream that changes
STEPS = 8  # of bisection
CUT = 4  # run lengths wanted, at which a run is cut short while tuning (its mean falls short by 2 %)
ERROR = 0.1


@dataclass(frozen=True)
class Option:
    """What is tuned: the larger `loose`, the sooner a detector alarms."""

    name: str
    strict: float
    loose: float


OPTIONS = {
    "adwin": Option("delta", 1e-14, 0.5),
    "ddm": Option("drift_threshold", 10.0, 1.0),
    "eddm": Option("beta", 0.3, 0.95),
    "fhddm": Option("confidence_level", 1e-14, 0.5),
    "hddm_a": Option("drift_confidence", 1e-14, 0.5),
    "hddm_w": Option("drift_confidence", 1e-14, 0.5),
    "page_hinkley": Option("threshold", 1_000.0, 2.0),
    "kswin": Option("alpha", 1e-14, 0.5),
}


@dataclass(eq=False)
class Cusum(ErrorDetector):
    """The classic, for errors that go from one known rate to another (Page 1954); judges whole blocks."""

    name: ClassVar[str] = "cusum"
    threshold: float = 5.0  # log likelihood ratio
    error: float = 0.3  # after the change

    def _begin(self, reference: Reference) -> float:
        return 0.0

    def _step(self, state: float, losses: NDArray[np.float64]) -> tuple[float, Score]:
        wrong = float(losses.sum())
        ratio = np.log(self.error / ERROR), np.log((1 - self.error) / (1 - ERROR))
        state = max(0.0, state + wrong * ratio[0] + (len(losses) - wrong) * ratio[1])
        return state, Score(self.name, state, threshold=self.threshold)


def rising(rows: int, to: float, over: int) -> Law:
    """An error that rises from `ERROR` in a straight line over some blocks, then stays."""

    def begin() -> Draw:
        seen = [0]

        def draw(rng: np.random.Generator, streams: int, blocks: int) -> Losses:
            at = seen[0] + np.arange(1, blocks + 1)
            seen[0] += blocks
            risk = ERROR + (to - ERROR) * np.minimum(1, at / over)
            return np.asarray(rng.random((streams, blocks, rows)) < risk[:, None], np.float64)

        return draw

    return Law(f"to {to:g} over {over} blocks", to, begin)


@dataclass
class Tuned:
    """A detector with its main option set for a run length."""

    name: str
    made: Callable[[], ErrorDetector]
    shown: float  # mean run, in blocks
    option: str = ""
    delays: dict[str, tuple[float, float]] = field(default_factory=dict)  # by change: mean and median, in blocks


def tuned(
    name: str, kind: Callable[..., ErrorDetector], option: Option, target: float, *, rows: int, streams: int, seed: int
) -> Tuned:
    """Bisect an option, on a logarithmic scale, until the mean run is about `target` blocks."""
    none = Reference.of_losses([0, 1])
    law, most = independent(ERROR, rows), round(CUT * target)
    strict, loose, shown, value = np.log(option.strict), np.log(option.loose), 0.0, 0.0
    for _ in range(STEPS):
        value = float(np.exp((strict + loose) / 2))
        made = partial(kind, none, **{option.name: value})
        shown = float(by_row(made, law, streams=streams, rows=rows, most=most, seed=seed).mean())
        strict, loose = (strict, np.log(value)) if shown < target else (np.log(value), loose)
    return Tuned(name, partial(kind, none, **{option.name: value}), shown, f"{option.name} {value:.3g}")


def waits(found: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and median delay of the streams without an alarm before the change."""
    delays = found[found > BEFORE] - BEFORE
    return float(delays.mean()), float(np.median(delays))


def main() -> None:
    """Print a table in Markdown for each run length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promised", type=float, default=200)
    parser.add_argument("--rows", type=int, default=48, help="of a block")
    parser.add_argument("--tolerated_loss", type=float, default=0.0)
    parser.add_argument("--streams", type=int, default=200, help="of the others")
    parser.add_argument("--our_streams", type=int, default=2_000)
    parser.add_argument(
        "--detectors", nargs="+", choices=OPTIONS, default=[name for name in OPTIONS if name != "kswin"]
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    rows, law = given.rows, independent(ERROR, given.rows)
    changes = {
        "to .3": independent(0.3, rows),
        "to .15": independent(0.15, rows),
        "to .3 over 20 blocks": rising(rows, 0.3, 20),
    }
    run = partial(ours, law, given.promised, streams=given.our_streams, rows=rows, tolerated_loss=given.tolerated_loss)
    shown = float(run(most=round(60 * given.promised), seed=given.seed).mean())
    harm = Tuned("ours", lambda: ErrorDetector, shown)  # type: ignore[arg-type,return-value]
    for change, changed in changes.items():
        harm.delays[change] = waits(run(most=MOST, seed=given.seed + 1, changed=changed, change=BEFORE))
    print(f"Blocks of {rows} rows; promised {given.promised:,.0f}, shown {shown:,.0f}; {machine_line()}\n")
    records: list[dict[str, Any]] = []
    common = {"rows": rows, "streams": given.streams, "seed": given.seed}
    for words, target in (("that ours shows", shown), ("that ours promises", given.promised)):
        print(f"Tuned to the run length {words}, {target:,.0f} blocks:\n")
        print("| | option | run length | " + " | ".join(changes) + " |\n|---|---|---:|" + "---:|" * len(changes))
        print(line(harm), flush=True)
        kinds: list[tuple[str, Callable[..., ErrorDetector], Option]] = [
            (name, STREAMING[name], OPTIONS[name]) for name in given.detectors
        ]
        for error in (0.15, 0.2, 0.3):
            kinds.append((f"CUSUM for {error:g}", partial(Cusum, error=error), Option("threshold", 50.0, 0.5)))
        for name, kind, option in kinds:
            one = tuned(name, kind, option, target, **common)
            for change, changed in changes.items():
                found = by_row(
                    one.made, law, streams=given.streams, rows=rows, most=MOST, seed=given.seed + 1,
                    changed=changed, change=BEFORE,
                )  # fmt: skip
                one.delays[change] = waits(found)
            print(line(one), flush=True)
            records.append({"tuned_to": target, "detector": name, "run_length": one.shown, "delays": one.delays})
        print()
    records.append({"tuned_to": None, "detector": "ours", "run_length": shown, "delays": harm.delays})
    if given.json:
        write_json(given.json, vars(given), records)


def line(one: Tuned) -> str:
    """A row of the table: mean delays, medians in brackets."""
    cells = [f"{mean:.1f} ({median:.0f})" for mean, median in one.delays.values()]
    return f"| {one.name} | {one.option} | {one.shown:,.0f} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
