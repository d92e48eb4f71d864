"""Retraining when a block's accuracy is below a threshold, or before it is, by forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence

from drift.detect import ThresholdForecast, forecast_threshold
from drift.detect.accuracy.forecast import HORIZON
from drift.policies.history import BlockRecord, History, evidence_of, serving_blocks
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, flagged

BLOCKS = 3  # default number of blocks that are looked ahead


class BelowThreshold:
    """Retrain when a block's accuracy is below a threshold, but not again within `cooldown` blocks.

    Attributes:
        threshold: accuracy in [0, 1].
        cooldown: blocks after a retrain in which none is asked for.
    """

    name = "threshold"

    def __init__(self, threshold: float, *, cooldown: int = 0) -> None:
        self.threshold = threshold
        self.cooldown = cooldown

    def decide(self, history: History) -> Decision:
        """Compare the last block with the threshold."""
        last = history.blocks[-1]
        evidence = evidence_of(history) | {"threshold": self.threshold}
        alarm = last.accuracy < self.threshold
        reason = f"accuracy {last.accuracy:.3f} {'<' if alarm else '>='} threshold {self.threshold:.3f}"
        return flagged(history, alarm, reason, evidence, cooldown=self.cooldown)


def forecast_after(
    blocks: Sequence[BlockRecord], threshold: float, *, reference: tuple[int, int] | None
) -> ThresholdForecast:
    """Forecast from the blocks of the serving version, up to and including the last one.

    Blocks of earlier versions say nothing about how this one ages, so the series begins anew with every version.

    Args:
        blocks: scored blocks in order, one or more.
        threshold: accuracy in [0, 1].
        reference: right answers and rows of the serving version's reference, an observation before its first block;
            None if it has none.
    """
    own = serving_blocks(blocks)
    return forecast_threshold(
        [block.correct for block in own], [block.rows for block in own], threshold, reference=reference
    )


class ForecastBelow:
    """Retrain when accuracy is expected below a threshold within some blocks, but not again within `cooldown` blocks.

    Expected means that it is more likely than not: the median of the forecast is at most `blocks`. The lower end of the
    interval would retrain at nearly every block where blocks are small, since a single one of few rows is soon below
    any threshold by chance. A block that is below the threshold is flagged whatever the forecast says.

    Attributes:
        threshold: accuracy in [0, 1].
        blocks: that are looked ahead, 1 or more.
        cooldown: blocks after a retrain in which none is asked for.
    """

    def __init__(self, threshold: float, blocks: int = BLOCKS, *, cooldown: int = 0) -> None:
        self.name = f"forecast:{blocks}"
        self.threshold = threshold
        self.blocks = blocks
        self.cooldown = cooldown

    def decide(self, history: History) -> Decision:
        """Compare the median of the forecast with `blocks`."""
        last = history.blocks[-1]
        forecast = forecast_after(history.blocks, self.threshold, reference=history.reference)
        below = last.accuracy < self.threshold
        reason = f"accuracy {last.accuracy:.3f} < threshold {self.threshold:.3f}" if below else forecast.sentence
        evidence = evidence_of(history) | {"threshold": self.threshold, "probability_next": forecast.probability_next}
        if not math.isinf(forecast.median):
            evidence["blocks_to_threshold"] = forecast.median
        alarm = below or forecast.median <= self.blocks
        return flagged(history, alarm, reason, evidence, cooldown=self.cooldown)


THRESHOLD = PolicyDeclaration(
    "threshold",
    "when a block's accuracy is below ACCURACY",
    lambda settings, accuracy: BelowThreshold(accuracy, cooldown=settings.cooldown),
    (PolicyParameter("ACCURACY", "accuracy", "threshold_accuracy", high=1),),
)
FORECAST = PolicyDeclaration(
    "forecast",
    "when accuracy is expected below ACCURACY within BLOCKS blocks",
    lambda settings, blocks, accuracy: ForecastBelow(accuracy, int(blocks), cooldown=settings.cooldown),
    (
        PolicyParameter("BLOCKS", "blocks", BLOCKS, whole=True, low=1, high=HORIZON),
        PolicyParameter("ACCURACY", "accuracy", "threshold_accuracy", high=1),
    ),
)
