"""Which signals moved together with the errors, over a history of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEAST_BATCHES = 5


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
