"""Did inputs or predictions change? Kolmogorov-Smirnov per column, Bonferroni over columns; needs no labels.

Rows of a stream depend on one another (a block of ten hours holds no nights), so a small p-value here says that a
block is unlike the reference, not that accuracy fell. The loop shows these scores; it does not act on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from drift.blocks import Floats, Reference, ScoredBlock
from drift.detect.protocol import Score
from drift.detect.univariate import informative, ks_tests


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
        """The statistic is the KS distance of the feature that moved most."""
        current = scored.block.features[:, self.columns]
        found = ks_tests(self.features, current, self.feature_names, level=self.level)
        return Score(self.name, found.statistic, found.p_value, self.level, found.worst.feature)

    def update(self, scored: ScoredBlock) -> None:
        """Nothing to learn: the reference is fixed."""

    def reset(self, reference: Reference) -> None:
        """Compare with another reference from now on."""
        self.features = reference.features[:, self.columns]


class PredictionShift:
    """Alarms when the model's probabilities are distributed unlike on the reference.

    Black-box shift detection on softmax outputs, as `bbsds_test`, for blocks of any size.
    """

    name = "predictions"

    def __init__(self, reference: Reference, *, classes: Sequence[str], level: float = 0.01) -> None:
        self.level = level
        self.classes = tuple(classes)
        self.reset(reference)

    def score(self, scored: ScoredBlock) -> Score:
        """The statistic is the KS distance of the class whose probability moved most."""
        current = self._columns(scored.answer.probabilities)
        found = ks_tests(self.probabilities, current, self.classes[: current.shape[1]], level=self.level)
        return Score(self.name, found.statistic, found.p_value, self.level, f"P({found.worst.feature})")

    def update(self, scored: ScoredBlock) -> None:
        """Nothing to learn: the reference is fixed."""

    def reset(self, reference: Reference) -> None:
        """Compare with another reference from now on."""
        self.probabilities = self._columns(reference.probabilities)

    @staticmethod
    def _columns(probabilities: Floats) -> Floats:
        return probabilities[:, : informative(probabilities.shape[1])]
