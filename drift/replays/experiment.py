"""Policies compared: each on the whole stream, with every seed, beside what needs no model and what hindsight knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean, stdev

import numpy as np

from drift.data.blocks import Integers
from drift.errors import BlockError, TrainingError
from drift.metrics.stream import Baselines, StreamMeasures, baselines, stream_measures
from drift.policies.parser import parse_policy
from drift.policies.protocol import PolicySettings
from drift.replays.combiners import COMBINERS
from drift.replays.play import PolicyRun, Stream, play
from drift.replays.served_replay import ServedReplay
from drift.replays.versions import ReplayVersion, ReplayVersions


@dataclass(frozen=True)
class CandidateModel:
    """A model that could have been trained.

    Attributes:
        block: the first one that it may answer: it was trained after the one before; 0 for the base model.
        correct: (blocks,) right answers on each block; those before `block` are not looked at.
        window_rows: that it was trained on.
    """

    block: int
    correct: Integers
    window_rows: int = 0


@dataclass(frozen=True)
class Schedule:
    """Candidates, one after another.

    Attributes:
        chosen: the base model first.
        correct: right answers on all blocks.
    """

    chosen: tuple[CandidateModel, ...]
    correct: int

    @property
    def retrains(self) -> int:
        """Models trained after the base model."""
        return len(self.chosen) - 1


def best_schedules(candidates: Sequence[CandidateModel], blocks: int, most_retrains: int) -> list[Schedule]:
    """The best schedule with at most 0, 1, ... `most_retrains` retrains, by dynamic programming.

    A schedule begins with a candidate of block 0, and changes at the candidates' own blocks: none is kept for later.
    Costs about `retrains * blocks * candidates` additions.

    Raises:
        BlockError: no candidate can answer block 0.
    """
    if not any(candidate.block == 0 for candidate in candidates):
        raise BlockError("expected a base model, a candidate of block 0, got none")
    sums = [np.concatenate([[0], np.cumsum(candidate.correct[:blocks])]) for candidate in candidates]
    best = np.full((most_retrains + 1, blocks + 1), -1, np.int64)  # right answers before a block, with some retrains
    last = np.full((most_retrains + 1, blocks + 1), -1, np.int64)  # the candidate that answered the block before it
    for used in range(most_retrains + 1):
        for which, candidate in enumerate(candidates):
            begin = candidate.block
            if used == 0 and begin > 0:
                continue
            before = 0 if begin == 0 else (best[used - 1, begin] if used else -1)
            if before < 0 or (begin == 0 and used > 0):
                continue
            reached = before + sums[which][begin + 1 :] - sums[which][begin]
            better = reached > best[used, begin + 1 :]
            best[used, begin + 1 :][better] = reached[better]
            last[used, begin + 1 :][better] = which
    schedules: list[Schedule] = []
    for most in range(most_retrains + 1):
        used = int(best[: most + 1, blocks].argmax())
        chosen, at, left = [], blocks, used
        while at > 0:
            candidate = candidates[last[left, at]]
            chosen.append(candidate)
            at, left = candidate.block, left - 1
        schedules.append(Schedule(tuple(reversed(chosen)), int(best[used, blocks])))
    return schedules


@dataclass(frozen=True)
class Step:
    """How far a comparison has come.

    Attributes:
        words: what is being done.
        done: number of blocks so far.
        total: number of blocks in all.
    """

    words: str
    done: int
    total: int


@dataclass(frozen=True)
class PolicyOutcome:
    """A policy with one seed.

    Attributes:
        name: of the policy.
        run: its replay.
        measures: accuracy, kappas and the like.
    """

    name: str
    run: PolicyRun
    measures: StreamMeasures

    @property
    def record(self) -> dict[str, object]:
        """Plain values, for a file."""
        return {
            "policy": self.name,
            "seed": self.run.seed,
            "retrains": len(self.run.retrains),
            **vars(self.measures),
            "alarms": len(self.run.alarms),
            "seconds": self.run.seconds,
        }


@dataclass(frozen=True)
class ReplayResults:
    """What a comparison found.

    Attributes:
        stream: that was replayed.
        baselines: accuracies that need no model.
        outcomes: by seed, and for each seed by policy.
        base: the base model of the first seed, which every policy begins with.
        oracles: best schedules by seed; for each seed by number of retrains, from 0.
    """

    stream: Stream
    baselines: Baselines
    outcomes: tuple[PolicyOutcome, ...]
    base: ReplayVersion
    oracles: dict[int, list[Schedule]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The policies, in the order they were asked for."""
        return list(dict.fromkeys(outcome.name for outcome in self.outcomes))

    def of(self, name: str) -> list[PolicyOutcome]:
        """A policy's outcomes, one for each seed."""
        return [outcome for outcome in self.outcomes if outcome.name == name]

    def accuracy(self, name: str) -> tuple[float, float]:
        """Mean and standard deviation over seeds (0 for one seed), each in [0, 1]."""
        accuracies = [outcome.measures.accuracy for outcome in self.of(name)]
        return mean(accuracies), stdev(accuracies) if len(accuracies) > 1 else 0.0

    def recovered(self, name: str) -> float | None:
        """Share of hindsight's gain over never retraining that a policy has, with as many retrains as it made.

        None if there is nothing to compare with, or nothing to be gained.
        """
        shares = []
        for outcome in self.of(name):
            schedules = self.oracles.get(outcome.run.seed)
            if not schedules:
                return None
            rows = len(outcome.run.predictions)
            never = schedules[0].correct / rows
            best = schedules[min(len(outcome.run.retrains), len(schedules) - 1)].correct / rows
            if best > never:
                shares.append((outcome.measures.accuracy - never) / (best - never))
        return mean(shares) if shares else None


def compare_policies(
    stream: Stream,
    versions: ReplayVersions,
    names: Sequence[str],
    *,
    seeds: Sequence[int],
    window_rows: int,
    serving: ServedReplay | None = None,
    tell: Callable[[Step], None] = lambda step: None,
) -> ReplayResults:
    """Replay every policy with every seed.

    Args:
        stream: what comes.
        versions: trains, or looks up.
        names: of policies, see `drift.policies.parser`.
        seeds: of the training.
        window_rows: that retrains learn from.
        serving: answers the blocks over HTTP; by default what the versions answered in this process is looked up.
        tell: is called after every block, and when something is loaded into a server.

    Raises:
        UsageError: no such policy, or one that cannot be served.
    """
    blocks = stream.blocks
    labels = stream.table.labels
    beside = baselines(labels, stream.start)
    parsed = {name: parse_policy(name) for name in names}
    for name, policy in parsed.items():  # refused now, not when its turn comes
        policy.policy(PolicySettings(len(blocks), hindsight=lambda retrains: ()))
        if serving is not None:
            serving.require_one_at_a_time(name, COMBINERS[policy.answering])
    hindsight = any(policy.needs_hindsight for policy in parsed.values())
    outcomes: list[PolicyOutcome] = []
    oracles: dict[int, list[Schedule]] = {}
    for seed in seeds:
        if hindsight:
            oracles[seed] = _oracles(stream, versions, seed, window_rows, tell)
        settings = PolicySettings(len(blocks), hindsight=partial(_best_moments, oracles.get(seed, ())))
        for name, policy in parsed.items():
            words = f"{name}, seed {seed}"
            answering = COMBINERS[policy.answering]
            if serving is not None:
                answering = serving.answering(name, answering, _news_of(words, tell, len(blocks)))
            played = play(
                stream,
                versions,
                policy.policy(settings),
                seed=seed,
                window_rows=window_rows,
                answering=answering,
                detector=policy.detector(settings),
                tell=_blocks_of(words, tell, len(blocks)),
            )
            scored = labels[stream.start :]
            outcomes.append(PolicyOutcome(name, played, stream_measures(scored, played.predictions, beside)))
    return ReplayResults(stream, beside, tuple(outcomes), versions.get(range(stream.start), seeds[0]), oracles)


def _best_moments(schedules: Sequence[Schedule], retrains: int) -> list[int]:
    """The blocks after which the best so many retrains are, or as many as there are blocks."""
    schedule = schedules[min(retrains, len(schedules) - 1)]
    return [chosen.block - 1 for chosen in schedule.chosen[1:]]


def _blocks_of(words: str, tell: Callable[[Step], None], total: int) -> Callable[[int], None]:
    """Tells each block of one replay."""
    return lambda block: tell(Step(words, block + 1, total))


def _news_of(words: str, tell: Callable[[Step], None], total: int) -> Callable[[str, int], None]:
    """Tells what else is being done at a block of one replay."""
    return lambda news, block: tell(Step(f"{words}: {news}", block, total))


def _oracles(
    stream: Stream, versions: ReplayVersions, seed: int, window_rows: int, tell: Callable[[Step], None]
) -> list[Schedule]:
    """The best schedules of 0, 1, ... retrains, each version answering alone."""
    blocks = stream.blocks
    starts = np.array([block.rows.start - stream.start for block in blocks])
    candidates = []
    for index, block in enumerate(blocks):
        rows = range(stream.start) if index == 0 else range(max(0, block.rows.start - window_rows), block.rows.start)
        try:
            version = versions.get(rows, seed)
        except TrainingError:
            if index == 0:
                raise
            continue  # a window that nothing can be learned from is no candidate
        right = version.right[block.rows.start - version.first :]
        sums = np.add.reduceat(right.astype(np.int64), starts[index:] - starts[index])
        candidates.append(CandidateModel(index, np.concatenate([np.zeros(index, np.int64), sums])))
        tell(Step(f"training for hindsight, seed {seed}", index + 1, len(blocks)))
    return best_schedules(candidates, len(blocks), len(blocks) - 1)
