"""One policy on one stream with one seed: for each block score it, get its labels, and decide whether to retrain."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from drift.data.blocks import Answer, Block, Integers, Reference, ScoredBlock, Table, cut
from drift.detect import Detector, Score
from drift.errors import DataError, SmallReferenceWarning, TrainingError
from drift.policies.history import BlockRecord, History
from drift.policies.protocol import MakeDetector, Policy
from drift.replays.combiners import Combiner, Newest
from drift.replays.versions import ReplayVersion, ReplayVersions

MIN_START = 100  # rows to train the base model on


@dataclass(frozen=True)
class Stream:
    """A table to be replayed: its first rows train the base model, the others come block by block.

    Attributes:
        table: with labels.
        start: first row that is scored.
        block_size: rows.
    """

    table: Table
    start: int
    block_size: int

    def __post_init__(self) -> None:
        most = len(self.table) - self.block_size
        if not MIN_START <= self.start <= most:
            raise DataError(
                f"expected --start_rows from {MIN_START} to {most}, so that a block is left of the {len(self.table)}"
                f" rows of {self.table.name}, got {self.start}"
            )

    @classmethod
    def of_first(cls, table: Table, start: int, block_size: int, rows: int | None) -> Stream:
        """Of only the first `rows` rows after the start, or of all; later ones are as if they had not come.

        Raises:
            DataError: there are not so many rows, or they make no block.
        """
        whole = cls(table, start, block_size)
        if rows is None:
            return whole
        if not block_size <= rows <= len(whole.rows):
            raise DataError(
                f"expected --test_data_rows from {block_size} (one block) to {len(whole.rows)}, which {table.name} has"
                f" after row {start}, got {rows}"
            )
        return cls(table.upto(start + rows), start, block_size)

    @property
    def rows(self) -> range:
        """That are scored."""
        return range(self.start, len(self.table))

    @property
    def blocks(self) -> list[Block]:
        """In order."""
        return [self.table.block(index, rows) for index, rows in enumerate(cut(self.rows, self.block_size))]


@dataclass(frozen=True)
class Retrain:
    """A version trained in the course of a replay.

    Attributes:
        block: index of the block after which it was trained.
        rows: that it was trained on.
        reason: of the policy.
    """

    block: int
    rows: range
    reason: str


@dataclass(frozen=True)
class PolicyRun:
    """What came of a policy.

    Attributes:
        policy: its name.
        seed: of the training.
        blocks: that were scored.
        retrains: in order.
        failed: retrains that made no version, with the reason.
        predictions: (n,) of the scored rows.
        seconds: the replay took, with the training that the cache did not save.
    """

    policy: str
    seed: int
    blocks: tuple[BlockRecord, ...]
    retrains: tuple[Retrain, ...]
    failed: tuple[str, ...]
    predictions: Integers
    seconds: float

    @property
    def alarms(self) -> list[int]:
        """Blocks that were flagged."""
        return [block.index for block in self.blocks if block.flagged]

    @property
    def accuracy(self) -> float:
        """Share of right answers, in [0, 1]."""
        return sum(block.correct for block in self.blocks) / sum(block.rows for block in self.blocks)


def play(
    stream: Stream,
    versions: ReplayVersions,
    policy: Policy,
    *,
    seed: int,
    window_rows: int,
    answering: Combiner | None = None,
    detector: MakeDetector | None = None,
    tell: Callable[[int], None] = lambda block: None,
) -> PolicyRun:
    """Replay a stream.

    A version is accepted on the first block that it answers: detectors take that block as reference and score the ones
    after it, until the next version.

    Args:
        stream: what comes.
        versions: trains, or looks up.
        policy: decides after each block, when its labels are known.
        seed: of the training.
        window_rows: the newest rows that a retrain learns from, where the policy does not say how many; the base model
            learns from all before the start.
        answering: how the versions trained so far answer; the newest one alone by default.
        detector: made anew from each reference; its scores are there for the policy.
        tell: is called after every block.
    """
    began = perf_counter()
    answering = answering or Newest()
    trained: list[ReplayVersion] = [versions.get(range(stream.start), seed)]
    records: list[BlockRecord] = []
    retrains: list[Retrain] = []
    failed: list[str] = []
    predictions: list[Integers] = []
    watching: Detector | None = None
    accepted = 0.0
    for block in stream.blocks:
        scored = ScoredBlock(block, Answer(answering.answer(block, trained, stream.table), len(trained)), 0.0)
        scores: tuple[Score, ...] = ()
        if not records or records[-1].version != len(trained):
            accepted = scored.accuracy
            watching = None if detector is None else detector(_reference(scored, stream.table))
        elif watching is not None:
            scores = (_score(watching, scored),)
        record = BlockRecord.of(scored, scores, first_champion_correct=scored.correct, scored_at="")
        decision = policy.decide(History([*records, record], accepted, [retrain.block for retrain in retrains]))
        records.append(replace(record, flagged=decision.alarm))
        predictions.append(scored.predictions)
        seen = block.rows.stop
        if decision.retrain and seen < len(stream.table):  # after the last block there is nothing left to answer
            rows = range(max(0, seen - (decision.window_rows or window_rows)), seen)
            try:
                trained.append(versions.get(rows, seed))
                retrains.append(Retrain(block.index, rows, decision.reason))
            except TrainingError as error:
                failed.append(f"after block {block.index}: {error}")
        tell(block.index)
    return PolicyRun(
        policy.name,
        seed,
        tuple(records),
        tuple(retrains),
        tuple(failed),
        np.concatenate(predictions),
        perf_counter() - began,
    )


def _reference(scored: ScoredBlock, table: Table) -> Reference:
    labels = scored.block.labels
    assert labels is not None  # noqa: S101  # a stream is cut from a table, which has labels
    return Reference(scored.block.features, labels, scored.answer.probabilities, table.feature_names, table.classes)


def _score(detector: Detector, scored: ScoredBlock) -> Score:
    """Score a block, then update the detector with it."""
    with warnings.catch_warnings():  # the reference is a block: what that does to alarms is in the report
        warnings.simplefilter("ignore", SmallReferenceWarning)
        score = detector.score(scored)
    detector.update(scored)
    return score
