"""Did inputs or predictions change? Kolmogorov-Smirnov per column, Bonferroni over columns; needs no labels.

Rows of a stream depend on one another (a block of ten hours holds no nights), so a small p-value here says that a
block is unlike the reference, not that accuracy fell. The loop shows these scores; it does not act on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drift.blocks import Floats, Reference, ScoredBlock
from drift.detect.protocol import Score
from drift.errors import BlockError


def ks_bonferroni(reference: Floats, current: Floats) -> tuple[float, float, int]:
    """Two-sample Kolmogorov-Smirnov in every column.

    Args:
        reference: (n, d).
        current: (m, d).

    Returns:
        The largest KS statistic in [0, 1]; the smallest p-value times d, at most 1, and never 0 (one that is too
        small for a float is told as the smallest normal one); and the column it came from.
    """
    from scipy.stats import ks_2samp

    if reference.shape[1] != current.shape[1]:
        raise BlockError(
            f"expected {reference.shape[1]} columns, as in the reference; got {current.shape=}."
            " Was the model retrained on other columns?"
        )
    results = [ks_2samp(reference[:, j], current[:, j]) for j in range(reference.shape[1])]
    p_values = np.maximum([result.pvalue for result in results], np.finfo(np.float64).tiny)  # never 0
    worst = int(p_values.argmin())
    return float(results[worst].statistic), float(min(1.0, p_values[worst] * len(results))), worst


class FeatureShift:
    """Alarms when some feature of the block is distributed unlike the reference's."""

    name = "features"

    def __init__(
        self, reference: Reference, *, feature_names: Sequence[str], ignore: Sequence[str] = (), level: float = 0.01
    ) -> None:
        """Watch every feature but those to `ignore` (the calendar differs between any two blocks)."""
        self.level = level
        self.columns = [column for column, name in enumerate(feature_names) if name not in ignore]
        self.feature_names = [feature_names[column] for column in self.columns]
        self.reset(reference)

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the largest KS distance of any feature."""
        statistic, p_value, worst = ks_bonferroni(self.features, scored.block.features[:, self.columns])
        return Score(self.name, statistic, p_value, self.level, self.feature_names[worst])

    def update(self, scored: ScoredBlock) -> None:
        """Nothing to learn: the reference is fixed."""

    def reset(self, reference: Reference) -> None:
        """Compare with another reference from now on."""
        self.features = reference.features[:, self.columns]


class PredictionShift:
    """Alarms when the model's probabilities are distributed unlike on the reference.

    Black-box shift detection on softmax outputs (BBSDs; Lipton et al. 2018, Rabanser et al. 2019).
    """

    name = "predictions"

    def __init__(self, reference: Reference, *, classes: Sequence[str], level: float = 0.01) -> None:
        self.level = level
        self.classes = tuple(classes)
        self.reset(reference)

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the largest KS distance of any class's probability."""
        statistic, p_value, worst = ks_bonferroni(self.probabilities, self._columns(scored.answer.probabilities))
        return Score(self.name, statistic, p_value, self.level, f"P({self.classes[worst]})")

    def update(self, scored: ScoredBlock) -> None:
        """Nothing to learn: the reference is fixed."""

    def reset(self, reference: Reference) -> None:
        """Compare with another reference from now on."""
        self.probabilities = self._columns(reference.probabilities)

    @staticmethod
    def _columns(probabilities: Floats) -> Floats:
        """With two classes the second column mirrors the first: testing both would only cost power."""
        return probabilities[:, :1] if probabilities.shape[1] == 2 else probabilities
