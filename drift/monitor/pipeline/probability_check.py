"""Probabilities that look as if they were of one class instead of the predicted one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drift.monitor.sources.rows import PredictionRows

UNLIKELY_SHARE, ENOUGH_ROWS = 0.01, 100  # rows with too small a probability are an error from these on
ROUNDING = 1e-6  # of a probability


class ProbabilityCheck:
    """Counts rows whose probability no predicted class can have."""

    def __init__(self, column: str) -> None:
        """Begin; `column` is the name of the column with the probabilities."""
        self._column = column
        self._rows = self._small = 0
        self._classes: tuple[str, ...] = ()

    def add(self, rows: PredictionRows) -> str:
        """Take rows into account; a message about all so far, empty where too few of them are wrong."""
        small, classes = unlikely(rows)
        if not {*classes} <= {*self._classes}:  # of more classes, smaller probabilities are right
            self._rows = self._small = 0
            self._classes = tuple(sorted({*classes, *self._classes}))
        if classes == self._classes:
            self._rows += len(rows)
            self._small += int(small.sum())
        if self._rows < ENOUGH_ROWS or self._small <= UNLIKELY_SHARE * self._rows:
            return ""
        count = len(self._classes)
        return (
            f"probability of the predicted class in column {self._column!r}, {1 / count:.2g} or more of {count} classes"
            f" ({', '.join(self._classes[:9])}); got less in {self._small:,} of {self._rows:,} rows"
        )


def unlikely(rows: PredictionRows) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Rows whose confidence no most probable class has, (n,), and the classes that rows predict or truly have.

    Of two classes the more probable one has half or more, of k classes 1/k.
    """
    classes = tuple(sorted({*rows.prediction.tolist(), *rows.labels.tolist()} - {None}))
    if rows.confidence is None or len(classes) < 2:
        return np.zeros(len(rows), bool), classes
    return np.asarray(rows.confidence < 1 / len(classes) - ROUNDING), classes
