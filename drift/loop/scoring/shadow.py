"""A challenger in the shadow: it answers the champion's new rows, too, unheard, until a bet says which is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Predictor, Reference, ScoredBlock
from drift.detect.permutation.p_values import p_text
from drift.detect.sequential.dependence import measure_dependence
from drift.detect.sequential.paired_test import (
    GainSums,
    SequentialPairedTest,
    TestState,
    duel,
    gain_bound,
    tally,
    total,
)

SHADOW = "shadow"  # outcome of a decision whose challenger is being watched
LEAST_GAIN = 0.01  # in accuracy: a challenger that gains less is given up


@dataclass
class Shadow:
    """One challenger beside the champion, on the blocks since it was trained."""

    version: int
    predictor: Predictor
    level: float  # of a wrong promotion, over all looks
    held_out_gains: NDArray[np.float64]  # of rows in the order of time, from 0 to 1: how their means vary
    tallies: dict[float, GainSums] = field(default_factory=dict)  # of blocks of each size, by the inflation there
    champion_right: int = 0  # answers

    def observe(self, scored: ScoredBlock) -> None:
        """Answer a block and add up the gains."""
        assert scored.block.labels is not None  # noqa: S101  # the loop scores blocks whose labels are known
        answers = self.predictor.predict(scored.block.features).predictions
        rows = len(answers)  # where the held-out rows cannot say it, a block counts as one row
        inflation = min(measure_dependence(self.held_out_gains, rows).inflation, float(rows))
        self.tallies[inflation] = tally(scored.losses, answers != scored.block.labels, self.tallies.get(inflation))
        self.champion_right += scored.correct

    @property
    def tally(self) -> GainSums:
        """All rows together."""
        return total(self.tallies)

    @property
    def paired_test(self) -> SequentialPairedTest:
        """Where it stands."""
        return duel(self.tallies, level=self.level, least_gain=LEAST_GAIN)

    @property
    def decided(self) -> bool:
        """Whether one of the bets has earned enough."""
        return self.paired_test.verdict is not TestState.OPEN

    @property
    def words(self) -> str:
        """What the rows so far have shown."""
        comparison = self.comparison
        verdict = self.paired_test.verdict
        word = {TestState.BETTER: "better", TestState.NOT_BETTER: "not worth it"}.get(verdict, "undecided")
        return (
            f"challenger {word}: {comparison['difference']:+.3f} (at least {comparison['low']:+.3f}) on"
            f" {self.tally.rows} new rows, p {p_text(comparison['p_value'])} at any look"
        )

    @property
    def comparison(self) -> Mapping[str, float]:
        """The same fields as those of a comparison on held-out rows.

        The p-value is one-sided, and so is the interval, of the same bet: from its lower bound to 1.
        """
        tally, rows = self.tally, max(1, self.tally.rows)
        return {
            "rows": tally.rows,
            "champion_accuracy": self.champion_right / rows,
            "challenger_accuracy": self.champion_right / rows + tally.mean_gain,
            "only_champion": round(tally.lost),
            "only_challenger": round(tally.gained),
            "difference": tally.mean_gain,
            "low": gain_bound(self.tallies, level=self.level),
            "high": 1.0,
            "p_value": min(1.0, exp(-self.paired_test.log_wealth)),
        }


def shadow_of(version: int, predictor: Predictor, champion: Predictor, held_out: Reference, *, level: float) -> Shadow:
    """A shadow that has seen nothing yet.

    Args:
        version: of the challenger.
        predictor: answers as it would.
        champion: answers as the one that serves.
        held_out: rows in the order of time that neither has learned from; how gains depend on one another there says
            how much the rows of a block count.
        level: of a promotion of an equal.
    """
    wrong = [model.predict(held_out.features).predictions != held_out.labels for model in (champion, predictor)]
    return Shadow(version, predictor, level, (wrong[0].astype(np.float64) - wrong[1] + 1) / 2)
