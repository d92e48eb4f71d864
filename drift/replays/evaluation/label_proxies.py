"""Label-free accuracy estimates against the labels, for a fixed model.

The model is the base model, which every policy begins with, left alone (`never`). Its reference is the first blocks
that it answers: the one block that detectors take has too few rows, and density ratios, which need rows like the
block's, would be refused at nearly all blocks. Used by `drift.replays.summary` and `drift.report`.
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
class BlockEstimate:
    """An estimate of a block's accuracy, and what its labels said when they came.

    Attributes:
        block: index of the block.
        accuracy: estimated, in [0, 1].
        low: lower end of the interval.
        high: upper end of the interval.
        truth: share of right answers among the rows that were estimated.
    """

    block: int
    accuracy: float
    low: float
    high: float
    truth: float

    @property
    def error(self) -> float:
        """Estimate minus true accuracy, in [-1, 1]."""
        return self.accuracy - self.truth


@dataclass(frozen=True)
class MethodEstimates:
    """All estimates that one method made of a stream.

    Attributes:
        method: its name.
        fails_when: one sentence.
        estimates: of the blocks for which it had one.
        requested: number of blocks that it was asked about.
        refusal: why it had no estimate for the first block without one; empty if there is no such block.
    """

    method: str
    fails_when: str
    estimates: tuple[BlockEstimate, ...]
    requested: int
    refusal: str = ""

    @property
    def bias(self) -> float | None:
        """Mean of estimate minus true accuracy; None without estimates."""
        return float(np.mean([estimate.error for estimate in self.estimates])) if self.estimates else None

    @property
    def mean_absolute_error(self) -> float | None:
        """Mean distance of estimate and true accuracy; None without estimates."""
        return float(np.mean([abs(estimate.error) for estimate in self.estimates])) if self.estimates else None

    @property
    def coverage(self) -> float | None:
        """Share of the intervals that hold the true accuracy, in [0, 1]; None without estimates."""
        held = [estimate.low <= estimate.truth <= estimate.high for estimate in self.estimates]
        return float(np.mean(held)) if held else None

    @property
    def record(self) -> dict[str, object]:
        """Plain values, for a file."""
        return {
            "method": self.method,
            "fails_when": self.fails_when,
            "told": self.estimates,
            "asked": self.requested,
            "refusal": self.refusal,
            "bias": self.bias,
            "mean_absolute_error": self.mean_absolute_error,
            "coverage": self.coverage,
        }


@dataclass(frozen=True)
class LabelFreeEstimates:
    """Estimates of every method for one model on one stream.

    Attributes:
        reference_blocks: number of blocks of the reference.
        reference_rows: number of rows in those blocks.
        reference_accuracy: accuracy on the reference, in [0, 1].
        blocks: indices of the blocks after the reference.
        times: of the last row of each; None for a table without times.
        truths: accuracy of each, in [0, 1].
        tracks: one for each method.
    """

    reference_blocks: int
    reference_rows: int
    reference_accuracy: float
    blocks: tuple[int, ...]
    times: tuple[str | None, ...]
    truths: tuple[float, ...]
    tracks: tuple[MethodEstimates, ...]

    @property
    def record(self) -> dict[str, object]:
        """Plain values, for a file: the fields, and what is read off them."""
        unchanged = {"unchanged_bias": self.unchanged_bias, "unchanged_error": self.unchanged_error}
        return vars(self) | unchanged | {"tracks": [method.record for method in self.tracks]}

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
) -> LabelFreeEstimates | None:
    """Estimate the accuracy of the blocks after the reference, whose labels no estimator sees.

    Args:
        stream: what comes.
        version: answers all of it, trained on the rows before its start.
        estimators: all of `ESTIMATORS` by default, with fewer resamples.

    Returns:
        The estimates beside the accuracies; None when the stream has no block left after the reference.
    """
    if estimators is None:
        estimators = [estimator(resamples=RESAMPLES) for estimator in ESTIMATORS.values()]
    blocks = stream.blocks
    enough = max(REFERENCE_BLOCKS, ceil(REFERENCE_ROWS / stream.block_size))
    kept = max(1, min(enough, int(REFERENCE_SHARE * len(blocks))))
    if kept == len(blocks):
        return None
    rows, later = range(stream.start, blocks[kept - 1].rows.stop), blocks[kept:]
    answered = _answered(version, stream.table, rows)
    reference = Reference(answered.block.features, stream.table.labels[_places(rows)], answered.answer.probabilities)
    scored = [_answered(version, stream.table, block.rows, block.index) for block in later]
    return LabelFreeEstimates(
        reference_blocks=kept,
        reference_rows=len(rows),
        reference_accuracy=reference.accuracy,
        blocks=tuple(block.index for block in later),
        times=tuple(None if block.timestamps is None else str(block.timestamps[-1]) for block in later),
        truths=tuple(block.accuracy for block in scored),
        tracks=tuple(_estimates(estimator, reference, scored) for estimator in estimators),
    )


def _estimates(estimator: FromReference, reference: Reference, scored: Sequence[ScoredBlock]) -> MethodEstimates:
    """Ask about each block, or about blocks at even distances."""
    requested = scored[:: ceil(len(scored) / MOST_OF.get(estimator.name, MOST_BLOCKS))]
    estimates, refusals = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LittleOverlapWarning)
        for answered in requested:
            try:
                unlabelled = replace(answered, block=replace(answered.block, labels=None))  # as before they come
                estimate = estimator.accuracy(reference, unlabelled)
            except BlockError as error:
                refusals.append(str(error))
            else:
                estimates.append(
                    BlockEstimate(
                        answered.block.index, estimate.accuracy, estimate.low, estimate.high, answered.accuracy
                    )
                )
    return MethodEstimates(
        estimator.name, estimator.fails_when, tuple(estimates), len(requested), next(iter(refusals), "")
    )


def _answered(version: ReplayVersion, table: Table, rows: range, index: int = 0) -> ScoredBlock:
    """Rows of a table with a version's answers and their labels, thinned out if they are very many."""
    at = _places(rows)
    times = None if table.timestamps is None else table.timestamps[at]
    block = Block(index, rows[:: _step(rows)], table.features[at], table.labels[at], times)
    return ScoredBlock(block, Answer(version.probabilities[at - version.first], 1), 0.0)


def _places(rows: range) -> Integers:
    """Of the rows that are looked at, (n,)."""
    return np.asarray(rows[:: _step(rows)], np.int64)


def _step(rows: range) -> int:
    return ceil(len(rows) / MOST_ROWS)
