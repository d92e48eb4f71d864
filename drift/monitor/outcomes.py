"""How right answers were: counts that merge. What is read off them is in `drift.monitor.measures`.

A batch may come in chunks, and its truth later: `count_outcomes` makes what is kept of some rows, `+` merges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError, DataError

CALIBRATION_BINS = 10  # of confidence, equally wide
LEAST = 1e-15  # probability that a logarithm is taken of, as scikit-learn has it
PER_OCTAVE = 64  # cells of a score for each halving of it, and of its distance from 1
OCTAVES = 64  # below 2 to the -64 all is one cell
GRID = 2 * PER_OCTAVE * OCTAVES


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What is kept of answers whose truth is known; `a + b` is that of all rows together.

    Scores are counted in cells whose width is about a hundredth of the distance to 0 or 1, whichever is nearer, so
    that an area under a curve is right to about 1e-3 also where a network is very sure.
    """

    classes: tuple[str, ...]  # k, in order
    confusion: NDArray[np.int64]  # (k, k): rows are the truth, columns the prediction
    log_loss: NDArray[np.float64] | None  # (2,): sum and sum of squares; None without all probabilities
    brier: NDArray[np.float64] | None  # the same; of two classes, of one of them
    calibration: NDArray[np.float64] | None  # (CALIBRATION_BINS, 3): rows, sum of confidence, right ones
    scores: NDArray[np.int32] | None  # (k, 2, GRID): rows not of a class, and of it, by its probability
    guessed: bool = False  # from the probability of the predicted class alone, of two

    @property
    def rows(self) -> int:
        """How many."""
        return int(self.confusion.sum())

    def require_common_classes(self) -> None:
        """Refuse truth and predictions that are of the same few classes but called otherwise, such as 1 and True.

        Raises:
            DataError: of 20 rows or more, with two classes or more each and 20 at most, none is called alike.
        """
        told, true = (np.flatnonzero(self.confusion.sum(axis=axis)) for axis in (0, 1))
        few = min(len(told), len(true)) >= 2 and len(told) + len(true) <= 20
        if few and self.rows >= 20 and not set(told) & set(true):
            names = [", ".join(self.classes[at] for at in codes) for codes in (told, true)]
            raise DataError(
                f"expected truth that is called as predictions are, got predictions {names[0]} and truth {names[1]}:"
                " call them alike, with CASE in a query for example"
            )

    def __add__(self, other: Outcomes) -> Outcomes:
        classes = tuple(sorted({*self.classes, *other.classes}))
        one, two = self._over(classes), other._over(classes)
        return Outcomes(
            classes,
            one.confusion + two.confusion,
            _sum(one.log_loss, two.log_loss),
            _sum(one.brier, two.brier),
            _sum(one.calibration, two.calibration),
            _sum(one.scores, two.scores),
            self.guessed or other.guessed,
        )

    def _over(self, classes: tuple[str, ...]) -> Outcomes:
        """The same with more classes."""
        if classes == self.classes:
            return self
        places = [classes.index(name) for name in self.classes]
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        confusion[np.ix_(places, places)] = self.confusion
        if self.guessed:  # the other class was taken to have the rest of the probability: there are more than two
            return Outcomes(classes, confusion, None, None, self.calibration, None)
        scores = None
        if self.scores is not None:
            scores = np.zeros((len(classes), 2, GRID), np.int32)
            scores[:, 0, 0] = self.rows  # a class that nobody knew had the probability 0
            scores[places] = self.scores
        brier = self.brier
        if brier is not None and len(self.classes) == 2:
            brier = brier * (2.0, 4.0)  # of two classes only one is counted
        return Outcomes(classes, confusion, self.log_loss, brier, self.calibration, scores)


def count_outcomes(
    truth: Sequence[str] | NDArray[Any],
    prediction: Sequence[str] | NDArray[Any],
    *,
    probabilities: NDArray[np.float64] | None = None,
    classes: Sequence[str] = (),
    confidence: NDArray[np.float64] | None = None,
) -> Outcomes:
    """Count the answers of some rows.

    Args:
        truth: (n,) names of classes, all known.
        prediction: (n,).
        probabilities: (n, k) of `classes`; a class of the truth that is not among them has the probability 0.
        classes: k names.
        confidence: (n,) the probability of the predicted class alone. With two classes that is all there is to know;
            with more there are no log-loss, Brier score and areas under curves.

    Raises:
        BlockError: arrays of unequal lengths.
    """
    import pandas as pd

    rows = len(truth)
    shapes = [len(prediction), *(len(part) for part in (probabilities, confidence) if part is not None)]
    if any(length != rows for length in shapes):
        raise BlockError(f"expected one prediction and probability for each of {rows} truths, got {shapes}")
    true_codes, true_names = pd.factorize(np.asarray(truth, object))
    told_codes, told_names = pd.factorize(np.asarray(prediction, object))
    names = tuple(sorted({*map(str, true_names), *map(str, told_names), *classes}))
    true = np.asarray([names.index(str(name)) for name in true_names], np.intp)[true_codes]
    told = np.asarray([names.index(str(name)) for name in told_names], np.intp)[told_codes]
    confusion = np.bincount(true * len(names) + told, minlength=len(names) ** 2).reshape(len(names), len(names))
    spread = _spread(probabilities, classes, confidence, told, names)
    sure = confidence if spread is None else spread[np.arange(rows), told]
    calibration = None if sure is None else _calibration(sure, true == told)
    if spread is None:
        return Outcomes(names, confusion, None, None, calibration, None)
    log_losses = -np.log(np.clip(spread[np.arange(rows), true], LEAST, 1 - LEAST))
    shown = spread[:, -1:] if len(names) == 2 else spread  # of two classes one is enough, as in scikit-learn
    is_class = true[:, None] == np.arange(len(names))[None, -shown.shape[1] :]
    briers = ((shown - is_class) ** 2).sum(axis=1)
    return Outcomes(
        names,
        confusion,
        _squares(log_losses),
        _squares(briers),
        calibration,
        _scores(spread, true),
        guessed=probabilities is None,
    )


def _spread(
    probabilities: NDArray[np.float64] | None,
    classes: Sequence[str],
    confidence: NDArray[np.float64] | None,
    told: NDArray[np.intp],
    names: tuple[str, ...],
) -> NDArray[np.float64] | None:
    """Probabilities (n, k) in the order of `names`, if they are all known."""
    if probabilities is not None:
        found = np.zeros((len(told), len(names)))
        found[:, [names.index(name) for name in classes]] = probabilities
        return found
    if confidence is None or len(names) > 2:
        return None
    if len(names) == 1:
        return np.asarray(confidence, np.float64)[:, None]
    found = np.repeat(1 - np.asarray(confidence, np.float64)[:, None], 2, axis=1)
    found[np.arange(len(told)), told] = confidence
    return found


def _squares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray([values.sum(), (values**2).sum()])


def _calibration(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    parts = (None, confidence, right.astype(np.float64))
    return np.column_stack([np.bincount(bins, weights, minlength=CALIBRATION_BINS) for weights in parts])


def _scores(spread: NDArray[np.float64], true: NDArray[np.intp]) -> NDArray[np.int32]:
    found = np.zeros((spread.shape[1], 2, GRID), np.int32)
    for place in range(spread.shape[1]):
        cells = _cells(spread[:, place])
        for side in (0, 1):
            found[place, side] = np.bincount(cells[(true == place) == bool(side)], minlength=GRID)
    return found


def _cells(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """The cell of each score, rising with it: steps of the logarithm of its distance from 0 or 1."""
    low = scores <= 0.5
    nearer = np.maximum(np.where(low, scores, 1 - scores), 2.0 ** -(OCTAVES + 1))
    steps = np.minimum(-PER_OCTAVE * (np.log2(nearer) + 1), PER_OCTAVE * OCTAVES - 1).astype(np.intp)
    middle = PER_OCTAVE * OCTAVES
    return np.asarray(np.where(low, middle - 1 - steps, middle + steps), np.intp)


def _sum(one: NDArray[Any] | None, two: NDArray[Any] | None) -> Any:
    return None if one is None or two is None else one + two
