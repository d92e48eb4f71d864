"""How far numbers were from the truth: sums that merge. What is read off them is in `drift.monitor.measures`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.detect.binned.counts import Moments, moments_of


@dataclass(frozen=True)
class Residuals:
    """What is kept of errors, prediction less truth; `a + b` is that of all rows together."""

    error: Moments
    absolute: Moments
    square: Moments

    @property
    def rows(self) -> int:
        """How many."""
        return self.error.count

    def __add__(self, other: Residuals) -> Residuals:
        return Residuals(
            self.error.merge(other.error), self.absolute.merge(other.absolute), self.square.merge(other.square)
        )


def count_residuals(truth: NDArray[np.float64], prediction: NDArray[np.float64]) -> Residuals:
    """Sum up the errors of some rows, (n,) each, finite."""
    errors = np.asarray(prediction, np.float64) - np.asarray(truth, np.float64)
    return Residuals(moments_of(errors), moments_of(np.abs(errors)), moments_of(errors**2))
