"""How stored versions answer a block: from what they answered to earlier blocks, whose labels are known by now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Block, Floats, Integers, Table
from drift.replays.versions import ReplayVersion

RECENT_ROWS = 2_500  # on which versions are compared
HALF_LIFE = 336.0  # rows: a week of half-hours
SMALLEST = 1e-3  # a probability below this counts as this much


class Combiner(Protocol):
    """One protocol for every way to answer from the versions trained so far."""

    name: str

    def answer(self, block: Block, versions: Sequence[ReplayVersion], table: Table) -> Floats:
        """Class probabilities of a block, (n, classes).

        Args:
            block: to answer; its own labels are not to be looked at, nor later rows.
            versions: trained so far, in order, on rows before the block.
            table: the stream; labels of the rows before the block are known.
        """
        ...


@runtime_checkable
class SingleVersionCombiner(Combiner, Protocol):
    """A combiner by which one version answers a block alone: it can be served."""

    def select(self, block: Block, versions: Sequence[ReplayVersion]) -> ReplayVersion:
        """The version that answers a block; arguments as those of `answer`."""
        ...

    def answer(self, block: Block, versions: Sequence[ReplayVersion], table: Table) -> Floats:
        """Look the selected version's answers up."""
        return self.select(block, versions).answers(block.rows)


class Newest(SingleVersionCombiner):
    """The newest version answers alone."""

    name = "newest"

    def select(self, block: Block, versions: Sequence[ReplayVersion]) -> ReplayVersion:
        """The last one trained."""
        return versions[-1]


class Recall(SingleVersionCombiner):
    """The stored version that was right most often on the newest rows answers alone: an old one may come back.

    Rows that a version was trained on count, too: that is what lets a new one in before it has answered anything.
    """

    name = "recall"

    def select(self, block: Block, versions: Sequence[ReplayVersion]) -> ReplayVersion:
        """The best one; the newest of equals."""
        scores = recent_accuracies(versions, block.rows.start)
        return versions[len(scores) - 1 - int(np.argmax(scores[::-1]))]


class Mix:
    """All stored versions answer together, those that were better lately more heavily, on the newest labels' level.

    Log-probabilities are averaged with weights that fall with recent errors (exponential weights, Littlestone and
    Warmuth 1994). Then one offset for each class is fitted to the newest labels, so that what has become more frequent
    is answered more often; no weight of a network changes. The constants are within .001 of the best on simulated
    streams whose threshold moves (docs/decisions/0011).
    """

    name = "mix"
    sharpness = 30.0  # of the weights: a version that was right .1 more often weighs 20 times as much
    half_life = 100.0  # rows, of the labels that offsets are fitted to
    most_rows = 1_008  # that offsets are fitted to
    ridge = 20.0  # on the squares of the offsets, against the summed log losses
    steps = 5  # of Newton's method

    def answer(self, block: Block, versions: Sequence[ReplayVersion], table: Table) -> Floats:
        """Mix, fit the offsets, add them."""
        start = block.rows.start
        weights = np.exp(self.sharpness * recent_accuracies(versions, start))
        rows = range(max(versions[0].first, start - self.most_rows), block.rows.stop)
        logs = np.zeros((len(rows), len(table.classes)))
        total = np.zeros((len(rows), 1))
        for weight, version in zip(weights, versions, strict=True):
            skip = max(0, version.first - rows.start)
            logs[skip:] += weight * np.log(np.maximum(version.answers(rows[skip:]), SMALLEST))
            total[skip:] += weight
        logs /= total
        known = start - rows.start
        age = np.arange(known, 0, -1)
        offsets = self._offsets(logs[:known], table.labels[rows.start : start], 0.5 ** (age / self.half_life))
        return np.asarray(_softmax(logs[known:] + offsets), np.float32)

    def _offsets(
        self, logs: NDArray[np.float64], labels: Integers, weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(classes,) that minimise the weighted log loss with a ridge."""
        classes = logs.shape[1]
        offsets, truth = np.zeros(classes), np.eye(classes)[labels]
        for _ in range(self.steps):
            probabilities = _softmax(logs + offsets)
            slope = weights @ (probabilities - truth) + self.ridge * offsets
            curve = (
                np.diag(weights @ probabilities)
                - (probabilities * weights[:, None]).T @ probabilities
                + self.ridge * np.eye(classes)
            )
            offsets = offsets - np.linalg.solve(curve, slope)
        return offsets


COMBINERS: dict[str, Combiner] = {combiner.name: combiner for combiner in (Newest(), Recall(), Mix())}


def recent_accuracies(versions: Sequence[ReplayVersion], start: int) -> NDArray[np.float64]:
    """How often each version was right on the rows before `start`, newer ones counting more, (versions,) in [0, 1]."""
    accuracies = []
    for version in versions:
        rows = range(max(version.first, start - RECENT_ROWS), start)
        weights = 0.5 ** (np.arange(len(rows), 0, -1) / HALF_LIFE)
        accuracies.append(
            float(weights @ version.right[rows.start - version.first : start - version.first] / weights.sum())
        )
    return np.array(accuracies)


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
