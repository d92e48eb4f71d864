"""What a replay found: one record that the page draws and `--json` has, advice on thresholds, and lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np

from drift.detect.sequential.intervals import RiskInterval, risk_intervals
from drift.loop.advice.threshold_advice import ThresholdAdvice, threshold_advice
from drift.policies.history import BlockRecord
from drift.policies.parser import parse_policy
from drift.policies.protocol import PolicySettings, threshold_of
from drift.replays.evaluation.known_drift import known_drift
from drift.replays.evaluation.label_proxies import LabelFreeEstimates, estimate_stream
from drift.replays.experiment import ReplayResults
from drift.replays.play import PolicyRun

RISK_BLOCKS = 5  # that an interval of the risk is about
SMOOTHED = 0.06  # share of the blocks that a point of an accuracy curve is the mean of


@dataclass(frozen=True)
class PolicySummary:
    """A policy, in the mean over seeds.

    Attributes:
        name: of the policy.
        retrains: that it made.
        accuracy: in [0, 1].
        spread: standard deviation of the accuracy over seeds; 0 for one seed.
        recovered: share of hindsight's gain with as many retrains; None where there is none.
        kappa: see `StreamMeasures`.
        kappa_m: the same.
        kappa_temporal: the same.
        alarms: blocks that it flagged.
        false_alarms: of them, where the concept is known.
        delay: median of the blocks from a change to the alarm; None where no alarm was due, or nothing is known.
        seconds: that the replay took.
    """

    name: str
    retrains: float
    accuracy: float
    spread: float
    recovered: float | None
    kappa: float
    kappa_m: float
    kappa_temporal: float
    alarms: float
    false_alarms: float | None
    delay: float | None
    seconds: float

    @property
    def hindsight(self) -> bool:
        """Whether it knew every label beforehand."""
        return parse_policy(self.name).needs_hindsight


@dataclass(frozen=True)
class RiskSeries:
    """The current risk of a policy by block, for the first seed, with intervals that hold at all blocks at once.

    Attributes:
        policy: the most accurate one that decides from past blocks, or of all where none does.
        window: blocks, up to the one named, that an interval is about.
        intervals: one for each block, at 95 % together.
    """

    policy: str
    window: int
    intervals: tuple[RiskInterval, ...]


@dataclass(frozen=True)
class AccuracyCurves:
    """Accuracy over time of every policy, for the first seed.

    Attributes:
        window: blocks, up to the one named, that a value is over; fewer at the beginning.
        by_policy: by policy, accuracy of the rows of these blocks, one value for each block, in [0, 1].
    """

    window: int
    by_policy: dict[str, list[float]]


@dataclass(frozen=True)
class KnownDisplacement:
    """How far the true concept has moved from what a policy's versions learned, where it is known.

    Attributes:
        policy: `never` if it was replayed, else the first one; for the first seed.
        by_block: share of labels turned, in [0, 1].
    """

    policy: str
    by_block: tuple[float, ...]


@dataclass(frozen=True)
class ReplaySummary:
    """What a comparison of policies found.

    Attributes:
        policies: the most accurate first.
        hindsight: mean accuracy of the best schedule of at most 0, 1, 2, ... retrains; empty without an oracle.
        curves: accuracy over time.
        risk: of the most accurate policy.
        displacement: of the concept; None where it is not known.
        estimates: of accuracy without labels, for the base model of the first seed; None for too few blocks.
    """

    policies: tuple[PolicySummary, ...]
    hindsight: tuple[float, ...]
    curves: AccuracyCurves
    risk: RiskSeries
    displacement: KnownDisplacement | None
    estimates: LabelFreeEstimates | None

    @property
    def best(self) -> PolicySummary:
        """The most accurate policy that decides without hindsight; of all where none does."""
        return max([line for line in self.policies if not line.hindsight] or self.policies, key=lambda p: p.accuracy)

    @property
    def record(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return vars(self) | {"estimates": self.estimates and self.estimates.record}


def summarise(results: ReplayResults) -> ReplaySummary:
    """Everything that is said of a comparison, computed once."""
    policies = policy_summaries(results)
    return ReplaySummary(
        policies=policies,
        hindsight=_hindsight(results, policies),
        curves=_curves(results),
        risk=_risk(results),
        displacement=_displacement(results),
        estimates=estimate_stream(results.stream, results.base),
    )


def policy_summaries(results: ReplayResults) -> tuple[PolicySummary, ...]:
    """One for each policy, the most accurate first."""
    summaries = []
    for name in results.names:
        outcomes = results.of(name)
        known = [worth for outcome in outcomes if (worth := known_drift(results.stream, outcome.run)) is not None]
        delays = [delay for worth in known for delay in worth.delays]
        accuracy, spread = results.accuracy(name)
        summaries.append(
            PolicySummary(
                name=name,
                retrains=mean(len(outcome.run.retrains) for outcome in outcomes),
                accuracy=accuracy,
                spread=spread,
                recovered=results.recovered(name),
                kappa=mean(outcome.measures.kappa for outcome in outcomes),
                kappa_m=mean(outcome.measures.kappa_m for outcome in outcomes),
                kappa_temporal=mean(outcome.measures.kappa_temporal for outcome in outcomes),
                alarms=mean(len(outcome.run.alarms) for outcome in outcomes),
                false_alarms=mean(worth.false_alarms for worth in known) if known else None,
                delay=float(np.median(delays)) if delays else None,
                seconds=mean(outcome.run.seconds for outcome in outcomes),
            )
        )
    return tuple(sorted(summaries, key=lambda line: -line.accuracy))


def _hindsight(results: ReplayResults, policies: Sequence[PolicySummary]) -> tuple[float, ...]:
    """Up to a few more retrains than any policy made."""
    schedules = list(results.oracles.values())
    if not schedules:
        return ()
    rows = len(results.outcomes[0].run.predictions)
    most = max(10, round(1.1 * max(line.retrains for line in policies)))
    return tuple(mean(best[min(at, len(best) - 1)].correct / rows for best in schedules) for at in range(most + 1))


def _curves(results: ReplayResults) -> AccuracyCurves:
    window = max(1, round(SMOOTHED * len(results.stream.blocks)))
    by_policy = {}
    for name in results.names:
        blocks = results.of(name)[0].run.blocks
        sums = np.cumsum([(0, 0), *((block.correct, block.rows) for block in blocks)], axis=0)
        ends = np.arange(1, len(sums))
        correct, rows = (sums[ends] - sums[np.maximum(0, ends - window)]).T
        by_policy[name] = (correct / rows).tolist()
    return AccuracyCurves(window, by_policy)


def _risk(results: ReplayResults) -> RiskSeries:
    from drift.detect.sequential.dependence import effective_rows

    deciding = [name for name in results.names if not parse_policy(name).needs_hindsight] or results.names
    best = max(deciding, key=lambda name: results.accuracy(name)[0])
    played = results.of(best)[0].run
    wrong = played.predictions != results.stream.table.labels[results.stream.start :]
    rows = effective_rows(wrong[: len(wrong) // 4], [block.rows for block in played.blocks])
    intervals = risk_intervals([1 - block.accuracy for block in played.blocks], rows, window=RISK_BLOCKS)
    return RiskSeries(best, RISK_BLOCKS, tuple(intervals))


def _displacement(results: ReplayResults) -> KnownDisplacement | None:
    never = next((name for name in results.names if name == "never"), results.names[0])
    known = known_drift(results.stream, results.of(never)[0].run)
    return None if known is None else KnownDisplacement(never, known.displacements)


def table_lines(results: ReplayResults, *, width: int | None = None) -> Iterator[str]:
    """A table, the most accurate policy first, and what needs no model.

    Args:
        results: of the policies.
        width: characters that a line may have; with less than the table takes, columns stand closer, and the last ones
            are left out.
    """
    header = ["policy", "retrains", "accuracy", "± seeds", "of hindsight", "kappa-t", "alarms", "seconds"]
    rows = [header]
    several = len(results.outcomes) > len(results.names)  # seeds
    for line in policy_summaries(results):
        spread = f"{line.spread:.4f}" if several else ""
        share = "" if line.recovered is None else f"{line.recovered:.0%}"
        numbers = f"{line.kappa_temporal:.3f}", f"{line.alarms:.3g}", f"{line.seconds:.1f}"
        rows.append([line.name, f"{line.retrains:.3g}", f"{line.accuracy:.4f}", spread, share, *numbers])
    yield from _fitted(rows, width)
    yield (
        f"without a model: majority {results.baselines.majority:.4f},"
        f" repeating the last label {results.baselines.no_change:.4f} (which needs every label at once)"
    )


def _fitted(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    gap = 2
    while width is not None and len(widths) > 2 and sum(widths) + gap * (len(widths) - 1) > width:
        if gap == 2:
            gap = 1
        else:
            widths.pop()
    for row in rows:
        cells = [text.rjust(wide) for text, wide in zip(row, widths, strict=False)]
        yield (" " * gap).join([row[0].ljust(widths[0]), *cells[1:]]).rstrip()


@dataclass(frozen=True)
class PolicyAdvice:
    """A policy with a threshold that is too high for versions that it trained.

    Attributes:
        policy: its name.
        versions: number of versions, over all seeds, for which the threshold is too high.
        of: number of versions that answered.
        first: the advice for the first of them; its accepted accuracy is that of the version's first block.
    """

    policy: str
    versions: int
    of: int
    first: ThresholdAdvice

    @property
    def words(self) -> str:
        """The same for people."""
        finding = self.first.finding("a threshold of")
        return f"warning: policy {self.policy}, {self.versions} of {self.of} versions: {finding}"


def policy_advice(results: ReplayResults) -> list[PolicyAdvice]:
    """One for each policy whose threshold is above, or close to, the accuracy that a version was accepted with."""
    advised = []
    for name in results.names:
        settings = PolicySettings(len(results.stream.blocks), hindsight=lambda retrains: ())
        threshold = threshold_of(parse_policy(name).policy(settings))
        if threshold is None:
            continue
        firsts = [block for outcome in results.of(name) for block in _accepted_on(outcome.run)]
        advice = [threshold_advice(threshold, block.accuracy, results.stream.block_size) for block in firsts]
        too_high = [each for each in advice if each is not None]
        if too_high:
            advised.append(PolicyAdvice(name, len(too_high), len(firsts), too_high[0]))
    return advised


def _accepted_on(played: PolicyRun) -> Iterator[BlockRecord]:
    """The first block of each version."""
    version = None
    for block in played.blocks:
        if block.version != version:
            version = block.version
            yield block
