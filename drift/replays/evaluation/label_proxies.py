"""What could have been told of accuracy before the labels came, beside what they said: a model that stays as it is.

The model is the base model, which every policy begins with, left alone (`never`). Its reference is the first blocks
that it answers: the one block that detectors take would make most of the page's lines the luck of 336 rows, and density
ratios, which need rows like the block's, would be refused at nearly all blocks. Used by `drift.report`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from drift.data.blocks import Answer, Block, Integers, Reference, ScoredBlock, Table
from drift.detect.label_free import ESTIMATORS, FromReference
from drift.errors import BlockError, LittleOverlapWarning
from drift.replays.play import Stream
from drift.replays.versions import ReplayVersion

REFERENCE_BLOCKS = 3  # at least these, and more of them
REFERENCE_ROWS = 1_000  # until there are as many rows,
REFERENCE_SHARE = 1 / 3  # but no more than this share of the blocks
RESAMPLES = 50  # a quarter of the default: the ends of an interval of so many blocks need not be sharp
MOST_ROWS = 4_000  # of a block or the reference, evenly spaced; all others are left out
MOST_BLOCKS = 200  # that an estimator is asked about, evenly spaced
MOST_OF = {"pape": 20}  # the same, of one that fits five classifiers for each


@dataclass(frozen=True)
class ProxyEstimates:
    """An estimate of a block's accuracy, and what its labels said when they came."""

    block: int
    accuracy: float  # estimated, in [0, 1]
    low: float  # of the interval
    high: float
    truth: float  # share of right answers among the rows that were estimated

    @property
    def off(self) -> float:
        """Estimate minus truth, in [-1, 1]."""
        return self.accuracy - self.truth


@dataclass(frozen=True)
class Track:
    """All that one method told of a stream."""

    method: str
    fails_when: str  # one sentence
    told: tuple[ProxyEstimates, ...]  # of the blocks that it answered
    asked: int  # blocks
    refusal: str = ""  # why it did not answer the first block that it refused

    @property
    def bias(self) -> float | None:
        """Mean of estimate minus truth over the blocks that it answered; None if there is none."""
        return float(np.mean([one.off for one in self.told])) if self.told else None

    @property
    def mean_absolute_error(self) -> float | None:
        """Mean distance from the truth over the blocks that it answered; None if there is none."""
        return float(np.mean([abs(one.off) for one in self.told])) if self.told else None

    @property
    def coverage(self) -> float | None:
        """Share of the intervals that hold the truth, in [0, 1]; None if there is none."""
        return float(np.mean([one.low <= one.truth <= one.high for one in self.told])) if self.told else None


@dataclass(frozen=True)
class Estimates:
    """What every method told of one model on one stream."""

    reference_blocks: int
    reference_rows: int  # in those blocks
    reference_accuracy: float  # in [0, 1]
    blocks: tuple[int, ...]  # after the reference
    times: tuple[str | None, ...]  # of the last row of each
    truths: tuple[float, ...]  # accuracy of each, in [0, 1]
    tracks: tuple[Track, ...]

    @property
    def record(self) -> dict[str, object]:
        """Plain values, for a file: the fields, and what is read off them."""
        tracks = [
            vars(track)
            | {"bias": track.bias, "mean_absolute_error": track.mean_absolute_error, "coverage": track.coverage}
            for track in self.tracks
        ]
        unchanged = {"unchanged_bias": self.unchanged_bias, "unchanged_error": self.unchanged_error}
        return vars(self) | unchanged | {"tracks": tracks}

    @property
    def unchanged_bias(self) -> float:
        """Of saying that every block is like the reference."""
        return self.reference_accuracy - float(np.mean(self.truths))

    @property
    def unchanged_error(self) -> float:
        """Mean absolute error of saying so: what a method has to beat."""
        return float(np.mean(np.abs(self.reference_accuracy - np.array(self.truths))))


def estimate_stream(
    stream: Stream, version: ReplayVersion, *, estimators: Sequence[FromReference] | None = None
) -> Estimates | None:
    """Let every estimator speak of the blocks after the reference, at which no label of theirs is looked.

    Args:
        stream: what comes.
        version: answers all of it, trained on the rows before its start.
        estimators: all of `ESTIMATORS` by default, with fewer resamples.

    Returns:
        what they told beside the truth; None when the stream has no block left after the reference.
    """
    if estimators is None:
        estimators = [made(resamples=RESAMPLES) for made in ESTIMATORS.values()]
    blocks = stream.blocks
    enough = max(REFERENCE_BLOCKS, ceil(REFERENCE_ROWS / stream.block_size))
    kept = max(1, min(enough, int(REFERENCE_SHARE * len(blocks))))
    if kept == len(blocks):
        return None
    rows, later = range(stream.start, blocks[kept - 1].rows.stop), blocks[kept:]
    answered = _answered(version, stream.table, rows)
    reference = Reference(answered.block.features, stream.table.labels[_places(rows)], answered.answer.probabilities)
    scored = [_answered(version, stream.table, block.rows, block.index) for block in later]
    return Estimates(
        reference_blocks=kept,
        reference_rows=len(rows),
        reference_accuracy=reference.accuracy,
        blocks=tuple(block.index for block in later),
        times=tuple(None if block.timestamps is None else str(block.timestamps[-1]) for block in later),
        truths=tuple(one.accuracy for one in scored),
        tracks=tuple(_track(estimator, reference, scored) for estimator in estimators),
    )


def _track(estimator: FromReference, reference: Reference, scored: Sequence[ScoredBlock]) -> Track:
    """Ask about each block, or about blocks at even distances."""
    asked = scored[:: ceil(len(scored) / MOST_OF.get(estimator.name, MOST_BLOCKS))]
    told, refusals = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LittleOverlapWarning)
        for one in asked:
            try:
                found = estimator.accuracy(reference, _unlabelled(one))
            except BlockError as error:
                refusals.append(str(error))
            else:
                told.append(ProxyEstimates(one.block.index, found.accuracy, found.low, found.high, one.accuracy))
    return Track(estimator.name, estimator.fails_when, tuple(told), len(asked), next(iter(refusals), ""))


def _answered(version: ReplayVersion, table: Table, rows: range, index: int = 0) -> ScoredBlock:
    """Rows of a table with a version's answers and their labels, thinned out if they are very many."""
    at = _places(rows)
    times = None if table.timestamps is None else table.timestamps[at]
    block = Block(index, rows[:: _step(rows)], table.features[at], table.labels[at], times)
    return ScoredBlock(block, Answer(version.probabilities[at - version.first], 1), 0.0)


def _unlabelled(scored: ScoredBlock) -> ScoredBlock:
    """The same without labels, as it is before they come."""
    return replace(scored, block=replace(scored.block, labels=None))


def _places(rows: range) -> Integers:
    """Of the rows that are looked at, (n,)."""
    return np.asarray(rows[:: _step(rows)], np.int64)


def _step(rows: range) -> int:
    return ceil(len(rows) / MOST_ROWS)
