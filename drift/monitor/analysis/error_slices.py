"""Where do errors concentrate? A search over conditions on one or two features, corrected for everything it tried."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.monitor.sources.slices import Condition

if TYPE_CHECKING:
    import pandas as pd

CUTS = 8  # cells that a number is cut into
MOST_CATEGORIES = 20
BEST = 12  # conditions that are also tried in pairs
LEAST_ROWS = 20
OVERLAP = 0.5  # Jaccard index beyond which two slices are the same one
MOST_ROWS = 50_000


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


@dataclass(frozen=True, eq=False)
class _Tried:
    conditions: tuple[Condition, ...]
    rows: NDArray[np.bool_]
    p_value: float


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
        chosen = np.sort(np.random.default_rng(seed).permutation(len(features))[:MOST_ROWS])
        features, wrong = features.iloc[chosen].reset_index(drop=True), wrong[chosen]
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
    tried = _judged(singles, bad)
    best = sorted(tried, key=lambda condition: condition.p_value)[:BEST]
    pairs = []
    for first, second in combinations(best, 2):
        if {c.column for c in first.conditions} & {c.column for c in second.conditions}:
            continue
        both = first.rows & second.rows
        if both.sum() >= LEAST_ROWS:
            pairs.append(((*first.conditions, *second.conditions), both))
    slices: list[_Tried] = []
    for condition in sorted(
        [*tried, *_judged(pairs, bad)], key=lambda condition: (condition.p_value, len(condition.conditions))
    ):
        if condition.p_value * tests > level or len(slices) == most:
            break
        if all(
            (condition.rows & other.rows).sum() <= OVERLAP * (condition.rows | other.rows).sum() for other in slices
        ):
            slices.append(condition)
    return tuple(_slice(condition, bad, tests) for condition in slices)


def _slice(condition: _Tried, bad: NDArray[np.bool_], tests: int) -> ErrorSlice:
    rows, inside = int(condition.rows.sum()), int((condition.rows & bad).sum())
    rest = max(1, len(bad) - rows)
    return ErrorSlice(
        condition.conditions, rows, inside, inside / rows, (int(bad.sum()) - inside) / rest, condition.p_value,
        min(1.0, condition.p_value * tests),
    )  # fmt: skip


def _judged(conditions: list[tuple[tuple[Condition, ...], NDArray[np.bool_]]], bad: NDArray[np.bool_]) -> list[_Tried]:
    from scipy.stats import hypergeom

    if not conditions:
        return []
    rows = np.asarray([part.sum() for _, part in conditions])
    inside = np.asarray([(part & bad).sum() for _, part in conditions])
    p_values = hypergeom.sf(inside - 1, len(bad), bad.sum(), rows)
    return [_Tried(*pair, float(p)) for pair, p in zip(conditions, np.minimum(p_values, 1.0), strict=True)]


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
