"""Counts of classified rows, which merge: what the metrics of classification are read off.

A batch may come in chunks, and its labels later: `count_classified` makes what is kept of some rows, `+` merges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError, DataError
from drift.metrics.classification.reliability import count_reliability
from drift.metrics.protocol import LEVEL, MetricDeclaration, Sums, counted_sums, merged_sums

DRAWS = 400  # of a bootstrap
LEAST = 1e-15  # probability that a logarithm is taken of, as scikit-learn has it
PER_OCTAVE = 64  # cells of a score for each halving of it, and of its distance from 1
OCTAVES = 64  # below 2 to the -64 all is one cell
GRID = 2 * PER_OCTAVE * OCTAVES


@dataclass(frozen=True, eq=False)
class ClassifiedRows:
    """Some rows whose labels are known, as a metric that counts sums of its own is given them.

    Attributes:
        classes: names of the k classes that occur in these rows or have probabilities, sorted.
        labels: (n,) positions in `classes`.
        predictions: (n,) positions.
        probabilities: (n, k); None where they are not all known.
        confidence: (n,) the probability of the predicted class; None where it is not known.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.intp]
    predictions: NDArray[np.intp]
    probabilities: NDArray[np.float64] | None
    confidence: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class ClassificationCounts:
    """What is kept of answers whose labels are known; `a + b` is that of all rows together.

    Scores are counted in cells whose width is about a hundredth of the distance to 0 or 1, whichever is nearer, so
    that an area under a curve is right to about 1e-3 also where a network is very sure.

    Attributes:
        classes: names of the k classes that occur in these rows or have probabilities, sorted.
        confusion: (k, k) rows by label, then by prediction.
        log_loss: (2,) sum and sum of squares; None without all probabilities.
        brier: (2,) the same; of two classes, of one of them.
        reliability: (10, 3) by bin of confidence: rows, sum of confidence, right answers.
        scores: (k, 2, GRID) rows not of a class, and of it, by its probability.
        guessed: whether probabilities come from that of the predicted class alone, of two.
        sums: of metrics that count some of their own, by the metric's name.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    log_loss: NDArray[np.float64] | None
    brier: NDArray[np.float64] | None
    reliability: NDArray[np.float64] | None
    scores: NDArray[np.int32] | None
    guessed: bool = False
    sums: dict[str, Sums] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many."""
        return int(self.confusion.sum())

    def require_common_classes(self) -> None:
        """Refuse truth and predictions that are of the same few classes but called otherwise, such as 1 and True.

        Raises:
            DataError: of 20 rows or more, with two classes or more each and 20 at most, none is called alike.
        """
        predicted, true = (np.flatnonzero(self.confusion.sum(axis=axis)) for axis in (0, 1))
        few = min(len(predicted), len(true)) >= 2 and len(predicted) + len(true) <= 20
        if few and self.rows >= 20 and not set(predicted) & set(true):
            names = [", ".join(self.classes[at] for at in codes) for codes in (predicted, true)]
            raise DataError(
                f"expected truth that is called as predictions are, got predictions {names[0]} and truth {names[1]}:"
                " call them alike, with CASE in a query for example"
            )

    def __add__(self, other: ClassificationCounts) -> ClassificationCounts:
        classes = tuple(sorted({*self.classes, *other.classes}))
        first, second = self._over(classes), other._over(classes)
        return ClassificationCounts(
            classes,
            first.confusion + second.confusion,
            _sum(first.log_loss, second.log_loss),
            _sum(first.brier, second.brier),
            _sum(first.reliability, second.reliability),
            _sum(first.scores, second.scores),
            self.guessed or other.guessed,
            merged_sums(self.sums, other.sums),
        )

    def _over(self, classes: tuple[str, ...]) -> ClassificationCounts:
        """The same with more classes."""
        if classes == self.classes:
            return self
        places = [classes.index(name) for name in self.classes]
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        confusion[np.ix_(places, places)] = self.confusion
        if self.guessed:  # the other class was taken to have the rest of the probability: there are more than two
            return ClassificationCounts(classes, confusion, None, None, self.reliability, None, sums=self.sums)
        scores = None
        if self.scores is not None:
            scores = np.zeros((len(classes), 2, GRID), np.int32)
            scores[:, 0, 0] = self.rows  # a class that nobody knew had the probability 0
            scores[places] = self.scores
        brier = self.brier
        if brier is not None and len(self.classes) == 2:
            brier = brier * (2.0, 4.0)  # of two classes only one is counted
        return ClassificationCounts(classes, confusion, self.log_loss, brier, self.reliability, scores, sums=self.sums)


@dataclass(frozen=True, eq=False)
class ClassificationReading:
    """Counts of a batch, as the metrics are given them.

    Attributes:
        counts: of one row or more.
        level: intervals are at confidence 1 - level.
        seed: of bootstraps.
    """

    counts: ClassificationCounts
    level: float = LEVEL
    seed: int = 0

    @property
    def rows(self) -> int:
        """How many were counted."""
        return self.counts.rows

    @cached_property
    def margins(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Rows by label, by prediction, and right ones, (k,) each."""
        table = self.counts.confusion
        return table.sum(axis=1), table.sum(axis=0), np.diag(table)

    @cached_property
    def drawn(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The same, of a Bayesian bootstrap of the confusion matrix (Rubin 1981), (draws, k) each."""
        from scipy.sparse import csr_array

        table, rng = self.counts.confusion, np.random.default_rng(self.seed)
        true, predicted = np.nonzero(table)
        again = rng.standard_gamma(table[true, predicted], size=(DRAWS, len(true)))  # only of cells that have rows
        places, shape = np.arange(len(true)), (len(true), len(table))
        sums = [again @ csr_array((np.ones(len(true)), (places, codes)), shape) for codes in (true, predicted)]
        right = again @ csr_array(((true == predicted).astype(np.float64), (places, true)), shape)
        return np.asarray(sums[0]), np.asarray(sums[1]), np.asarray(right)


ClassificationMetric: TypeAlias = MetricDeclaration[ClassificationReading, ClassifiedRows]


def count_classified(
    labels: Sequence[str] | NDArray[Any],
    predictions: Sequence[str] | NDArray[Any],
    *,
    probabilities: NDArray[np.float64] | None = None,
    classes: Sequence[str] = (),
    confidence: NDArray[np.float64] | None = None,
    metrics: Iterable[ClassificationMetric] = (),
) -> ClassificationCounts:
    """Count the answers of some rows.

    Args:
        labels: (n,) names of classes, all known.
        predictions: (n,).
        probabilities: (n, k) of `classes`; a class of the labels that is not among them has the probability 0.
        classes: k names.
        confidence: (n,) the probability of the predicted class alone. With two classes that is all there is to know;
            with more there are no log-loss, Brier score and areas under curves.
        metrics: of which those that count sums of their own are asked.

    Raises:
        BlockError: arrays of unequal lengths.
    """
    import pandas as pd

    rows = len(labels)
    shapes = [len(predictions), *(len(part) for part in (probabilities, confidence) if part is not None)]
    if any(length != rows for length in shapes):
        raise BlockError(f"expected one prediction and probability for each of {rows} labels, got {shapes}")
    true_codes, true_names = pd.factorize(np.asarray(labels, object))
    predicted_codes, predicted_names = pd.factorize(np.asarray(predictions, object))
    names = tuple(sorted({*map(str, true_names), *map(str, predicted_names), *classes}))
    true = np.asarray([names.index(str(name)) for name in true_names], np.intp)[true_codes]
    predicted = np.asarray([names.index(str(name)) for name in predicted_names], np.intp)[predicted_codes]
    counts = confusion(true, predicted, len(names))
    spread = _spread(probabilities, classes, confidence, predicted, names)
    sure = confidence if spread is None else spread[np.arange(rows), predicted]
    reliability = None if sure is None else count_reliability(sure, true == predicted)
    sums = counted_sums(metrics, ClassifiedRows(names, true, predicted, spread, sure))
    if spread is None:
        return ClassificationCounts(names, counts, None, None, reliability, None, sums=sums)
    log_losses = -np.log(np.clip(spread[np.arange(rows), true], LEAST, 1 - LEAST))
    shown = spread[:, -1:] if len(names) == 2 else spread  # of two classes one is enough, as in scikit-learn
    is_class = true[:, None] == np.arange(len(names))[None, -shown.shape[1] :]
    briers = ((shown - is_class) ** 2).sum(axis=1)
    return ClassificationCounts(
        names,
        counts,
        _squares(log_losses),
        _squares(briers),
        reliability,
        _scores(spread, true),
        guessed=probabilities is None,
        sums=sums,
    )


def confusion(labels: NDArray[Any], predictions: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Rows by label and prediction, (classes, classes).

    Args:
        labels: (n,) class codes from 0.
        predictions: (n,).
        classes: their number.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    cells = np.asarray(labels, np.intp) * classes + np.asarray(predictions, np.intp)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def _spread(
    probabilities: NDArray[np.float64] | None,
    classes: Sequence[str],
    confidence: NDArray[np.float64] | None,
    predicted: NDArray[np.intp],
    names: tuple[str, ...],
) -> NDArray[np.float64] | None:
    """Probabilities (n, k) in the order of `names`, if they are all known."""
    if probabilities is not None:
        spread = np.zeros((len(predicted), len(names)))
        spread[:, [names.index(name) for name in classes]] = probabilities
        return spread
    if confidence is None or len(names) > 2:
        return None
    if len(names) == 1:
        return np.asarray(confidence, np.float64)[:, None]
    spread = np.repeat(1 - np.asarray(confidence, np.float64)[:, None], 2, axis=1)
    spread[np.arange(len(predicted)), predicted] = confidence
    return spread


def _squares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray([values.sum(), (values**2).sum()])


def _scores(spread: NDArray[np.float64], true: NDArray[np.intp]) -> NDArray[np.int32]:
    counts = np.zeros((spread.shape[1], 2, GRID), np.int32)
    for place in range(spread.shape[1]):
        cells = _cells(spread[:, place])
        for side in (0, 1):
            counts[place, side] = np.bincount(cells[(true == place) == bool(side)], minlength=GRID)
    return counts


def _cells(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """The cell of each score, rising with it: steps of the logarithm of its distance from 0 or 1."""
    low = scores <= 0.5
    nearer = np.maximum(np.where(low, scores, 1 - scores), 2.0 ** -(OCTAVES + 1))
    steps = np.minimum(-PER_OCTAVE * (np.log2(nearer) + 1), PER_OCTAVE * OCTAVES - 1).astype(np.intp)
    middle = PER_OCTAVE * OCTAVES
    return np.asarray(np.where(low, middle - 1 - steps, middle + steps), np.intp)


def _sum(first: NDArray[Any] | None, second: NDArray[Any] | None) -> Any:
    return None if first is None or second is None else first + second
