"""Errors of a batch: the worst rows, the slices where errors concentrate, and the signals that moved with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.metrics.classification.counts import LEAST
from drift.monitor.sources.rows import PredictionRows
from drift.monitor.sources.slices import Condition

if TYPE_CHECKING:
    import pandas as pd

CUTS = 8  # cells that a number is cut into
MOST_CATEGORIES = 20
BEST = 12  # conditions that are also tried in pairs
LEAST_ROWS = 20
OVERLAP = 0.5  # Jaccard index beyond which two slices are the same one
MOST_ROWS = 50_000
LEAST_BATCHES = 5


@dataclass(frozen=True)
class ErrorSlice:
    """Rows with more errors than the rest.

    Attributes:
        conditions: that its rows satisfy, all of them.
        rows: how many there are.
        wrong: rows with an error.
        error_rate: share of these rows that are wrong.
        rest_error_rate: share of all other rows that are wrong.
        p_value: chance of so many errors in so many rows.
        adjusted_p_value: by Bonferroni's method, over all slices that might have been tried.
    """

    conditions: tuple[Condition, ...]
    rows: int
    wrong: int
    error_rate: float
    rest_error_rate: float
    p_value: float
    adjusted_p_value: float

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))


def find_error_slices(
    features: pd.DataFrame, wrong: NDArray[np.float64], *, level: float = 0.05, most: int = 5, seed: int = 0
) -> tuple[ErrorSlice, ...]:
    """Slices with more errors than chance puts there, the surest first.

    Conditions are runs of a number's quantile cells, its being missing, and single categories; the best of them are
    also tried in pairs. P-values are exact (hypergeometric, one-sided) and multiplied by the number of conditions and
    of all their pairs, tried or not: so the chance of any slice where errors do not depend on features is at most
    `level`, whichever pairs looked promising. Rows are taken as independent.

    Args:
        features: (n, d); beyond 50,000 rows some are drawn.
        wrong: (n,) of 0 and 1.
        level: in (0, 1).
        most: slices.
        seed: of the draw.
    """
    if len(features) > MOST_ROWS:
        drawn = np.sort(np.random.default_rng(seed).permutation(len(features))[:MOST_ROWS])
        features, wrong = features.iloc[drawn].reset_index(drop=True), wrong[drawn]
    bad = wrong > 0
    singles = [
        (conditions, rows)
        for name in features
        for conditions, rows in _conditions(str(name), features[name])
        if LEAST_ROWS <= rows.sum() <= len(rows) - LEAST_ROWS
    ]
    if not singles or not bad.any():
        return ()
    tests = len(singles) * (len(singles) + 1) // 2
    tried = _tried(singles, bad, tests)
    best = sorted(tried, key=lambda pair: pair[0].p_value)[:BEST]
    pairs = []
    for (first, rows), (second, others) in combinations(best, 2):
        if {c.column for c in first.conditions} & {c.column for c in second.conditions}:
            continue
        both = rows & others
        if both.sum() >= LEAST_ROWS:
            pairs.append(((*first.conditions, *second.conditions), both))
    chosen: list[tuple[ErrorSlice, NDArray[np.bool_]]] = []
    for each, rows in sorted(
        [*tried, *_tried(pairs, bad, tests)], key=lambda pair: (pair[0].p_value, len(pair[0].conditions))
    ):
        if each.p_value * tests > level or len(chosen) == most:
            break
        if all((rows & others).sum() <= OVERLAP * (rows | others).sum() for _, others in chosen):
            chosen.append((each, rows))
    return tuple(each for each, _ in chosen)


def _tried(
    conditions: list[tuple[tuple[Condition, ...], NDArray[np.bool_]]], bad: NDArray[np.bool_], tests: int
) -> list[tuple[ErrorSlice, NDArray[np.bool_]]]:
    """The slice of each of some conditions, with its rows."""
    from scipy.stats import hypergeom

    if not conditions:
        return []
    sizes = np.asarray([rows.sum() for _, rows in conditions])
    inside = np.asarray([(rows & bad).sum() for _, rows in conditions])
    wrong = int(bad.sum())
    p_values = np.minimum(hypergeom.sf(inside - 1, len(bad), wrong, sizes), 1.0)
    return [
        (ErrorSlice(part, n, k, k / n, (wrong - k) / max(1, len(bad) - n), p, min(1.0, p * tests)), rows)
        for (part, rows), n, k, p in zip(conditions, sizes.tolist(), inside.tolist(), p_values.tolist(), strict=True)
    ]


def _conditions(name: str, column: pd.Series) -> list[tuple[tuple[Condition, ...], NDArray[np.bool_]]]:
    """Conditions on a feature, with the rows where they hold."""
    missing = column.isna().to_numpy()
    conditions: list[tuple[tuple[Condition, ...], NDArray[np.bool_]]] = [((Condition(name, "==", None),), missing)]
    if column.dtype.kind != "f":
        for value in column.value_counts().index[:MOST_CATEGORIES]:
            conditions.append(((Condition(name, "==", str(value)),), np.asarray(column == value, bool)))
        return conditions
    values = column.to_numpy()
    finite = values[~missing]
    if not len(finite):
        return conditions
    cuts = np.unique(np.quantile(finite, np.arange(1, CUTS) / CUTS, method="lower"))
    ends = [None, *map(float, cuts), None]
    for low, high in combinations(range(len(ends)), 2):
        start, stop = ends[low], ends[high]
        inside, limits = ~missing, []
        if start is not None:
            inside = inside & (values >= start)
            limits.append(Condition(name, ">=", start))
        if stop is not None:
            inside = inside & (values < stop)
            limits.append(Condition(name, "<", stop))
        if limits:
            conditions.append((tuple(limits), inside))
    return conditions


def row_losses(rows: PredictionRows) -> NDArray[np.float64]:
    """The loss of each row, (n,): -ln of the label's probability, or 0 and 1 without probabilities, or absolute error.

    NaN where there is no label. With the probability of the predicted class alone, that of the label is what it
    leaves over, which is exact for two classes and the most that it can be for more.
    """
    known = rows.labelled
    losses = np.full(len(rows), np.nan)
    labels, prediction = rows.labels[known], rows.prediction[known]
    if rows.prediction.dtype == np.float64:
        losses[known] = np.abs(prediction - labels)
        return losses
    right = np.asarray(labels == prediction, bool)
    if rows.probabilities is not None:
        places = {name: at for at, name in enumerate(rows.classes)}
        codes = np.asarray([places.get(name, -1) for name in labels])
        probable = rows.probabilities[known]
        of_truth = np.where(codes >= 0, probable[np.arange(len(codes)), np.maximum(codes, 0)], 0.0)
    elif rows.confidence is not None:
        of_truth = np.where(right, rows.confidence[known], 1 - rows.confidence[known])
    else:
        losses[known] = 1.0 - right
        return losses
    losses[known] = -np.log(np.clip(of_truth, LEAST, 1.0))
    return losses


def largest(losses: NDArray[np.float64], *, most: int) -> NDArray[np.intp]:
    """Positions of the rows with the largest losses, worst first; of equal ones the first; none without a loss."""
    positive = np.flatnonzero(~np.isnan(losses) & (losses > 0))
    return positive[np.argsort(-losses[positive], kind="stable")[:most]]


@dataclass(frozen=True)
class Moved:
    """A signal whose distance from the reference rises and falls with the errors, or against them.

    Attributes:
        signal: a feature, the prediction or its confidence.
        correlation: Spearman's, from -1 to 1.
        batches: that both are known of.
    """

    signal: str
    correlation: float
    batches: int


def moved_together(distances: Mapping[str, Sequence[float]], losses: Sequence[float]) -> tuple[Moved, ...]:
    """Rank correlation of each signal's distance with the loss, the strongest first.

    Batches are not independent, so there is no p-value: this is where to look, and no proof.

    Args:
        distances: by signal, of each batch; NaN where not known.
        losses: of each batch; NaN where not known.
    """
    from scipy.stats import spearmanr

    lost = np.asarray(losses, np.float64)
    moved = []
    for signal, values in distances.items():
        apart = np.asarray(values, np.float64)
        both = ~np.isnan(apart) & ~np.isnan(lost)
        if both.sum() >= LEAST_BATCHES and np.ptp(apart[both]) > 0 and np.ptp(lost[both]) > 0:
            moved.append(Moved(signal, float(spearmanr(apart[both], lost[both]).statistic), int(both.sum())))
    return tuple(sorted(moved, key=lambda signal: -abs(signal.correlation)))
