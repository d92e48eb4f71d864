"""Leakage: features that copy or average earlier rows, or predict the label alone, are refused in a replay.

With history in the features, a stream's labels can leak: one line on ELEC's past prices is right in every row, and no
model that sees them has anything to say about drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Table
from drift.errors import DataError

LAGS = (*range(1, 49), 96, 144, 336)  # rows; also the lengths of the means that are tried
LEAK_CORRELATION = 0.999  # with the past, beyond what present columns explain, of a feature that is made of it
LEAK_ACCURACY = 0.99  # accuracy of one split on one feature from which on it is suspected of knowing the label
ROWS = 4_000  # looked at
LEAST_ROWS = 500  # of fewer, nothing can be said
PERIOD = 12  # rows; a feature that repeats itself sooner is smooth, not periodic


@dataclass(frozen=True)
class LeakedFeature:
    """A feature that is made of earlier rows.

    Attributes:
        feature: its name.
        of: the column whose past is in it.
        how: such as "a value 48 rows earlier".
        agreement: correlation, in (0.999, 1].
    """

    feature: str
    of: str
    how: str
    agreement: float

    def __str__(self) -> str:
        return f"{self.feature} holds {self.how} of {self.of}"


def history_leaks(table: Table) -> list[LeakedFeature]:
    """Features with the past of the label or of another feature in them: late copies, means of earlier rows.

    What the other features of the same row explain is taken off both first, so that a difference from the past is found
    like the past itself; the other part of such a difference is then found as well. Periodic features (a time of day)
    are no suspects: their past is their present.
    """
    rows = min(len(table), ROWS)
    lags = [lag for lag in LAGS if lag <= rows // 4 and rows >= LEAST_ROWS]
    first = max(lags, default=0)  # every row from here on has all pasts
    features = table.features[:rows].astype(np.float64)
    columns = {"the label": table.labels[:rows].astype(np.float64)}
    columns |= dict(zip(table.feature_names, features.T, strict=True))
    pasts = [(of, how, past[first:]) for of, values in columns.items() for how, past in _pasts(values, lags)]
    leaks = []
    for at, name in enumerate(table.feature_names):
        values, present = features[first:, at], np.delete(features[first:], at, axis=1)
        if np.ptp(values) == 0 or any(
            _agreement(values[lag:], values[:-lag]) > LEAK_CORRELATION for lag in lags if lag >= PERIOD
        ):
            continue
        basis = np.linalg.qr(np.column_stack([np.ones(len(values)), present[:, np.ptp(present, axis=0) > 0]]))[0]
        left = _residual(values, basis)
        if left.std() < 1e-6 * values.std():  # other features say all of it
            continue
        suspects = [
            LeakedFeature(name, of, how, _agreement(left, _residual(past, basis)))
            for of, how, past in pasts
            if of != name
        ]
        likely = max(suspects, key=lambda suspect: suspect.agreement, default=None)
        if likely is not None and likely.agreement > LEAK_CORRELATION:
            leaks.append(likely)
    return leaks


def label_leaks(table: Table) -> list[str]:
    """Features by which one split is right in nearly every row of a long stretch: what leaks looks like this."""
    leaks = []
    starts = range(0, max(1, len(table) - ROWS + 1), max(1, (len(table) - ROWS) // 4 or 1))
    for at, name in enumerate(table.feature_names):
        parts = [slice(start, start + ROWS) for start in starts]
        if any(_one_split(table.features[part, at], table.labels[part]) >= LEAK_ACCURACY for part in parts):
            leaks.append(f"{name} alone tells the label of nearly every row")
    return leaks


def _one_split(values: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Accuracy of the best rule "above a value this class, else the other"; 0 where it would say nothing."""
    if len(labels) < LEAST_ROWS or len(np.unique(labels)) != 2:
        return 0.0
    order = np.argsort(values, kind="stable")
    upper = labels[order] == labels.max()
    ends = np.flatnonzero(np.append(np.diff(values[order]) > 0, True)) + 1  # a split lies between different values
    below = np.cumsum(upper)[ends - 1]
    right = (ends - below) + (upper.sum() - below)
    best = max(int(right.max()), len(labels) - int(right.min()))
    share = upper.mean()
    return float(best / len(labels)) if max(share, 1 - share) < LEAK_ACCURACY - 0.05 else 0.0


def require_row_wise(table: Table) -> None:
    """Raise `DataError` if a feature holds earlier rows, or the label."""
    leaks = [*history_leaks(table), *label_leaks(table)]
    if leaks:
        raise DataError(
            f"expected features of each row alone, got some with history: {'; '.join(map(str, leaks[:5]))}."
            " Leave them out with --ignore: labels leak through history, and a score says nothing about drift then"
        )


def _pasts(values: NDArray[np.float64], lags: Sequence[int]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """What may be taken of a column's past, for every row (zeros where there is none)."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    for lag in lags:
        none = np.zeros(lag)
        yield f"a value {lag} rows earlier", np.concatenate([none, values[:-lag]])
        if lag > 1:
            yield f"the mean of {lag} earlier rows", np.concatenate([none, (sums[lag:-1] - sums[: -lag - 1]) / lag])


def _residual(values: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the columns of an orthonormal basis do not explain."""
    return np.asarray(values - basis @ (basis.T @ values))


def _agreement(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Absolute correlation, in [0, 1]; 0 if one of them hardly varies."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return abs(float(a @ b)) / size if size > 1e-9 * len(a) else 0.0
