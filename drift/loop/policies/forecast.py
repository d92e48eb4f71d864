"""Retraining before a block's accuracy is below a threshold, by forecast."""

from __future__ import annotations

import math

from drift.detect.forecast import HORIZON
from drift.errors import UsageError
from drift.loop.forecasts import forecast_after
from drift.loop.policies.protocol import Decision, History, evidence_of

FORECAST = "forecast"
BLOCKS = 3  # that are looked ahead by default


class ForecastBelow:
    """Retrain when accuracy is expected below a threshold within some blocks, but not again within `cooldown` blocks.

    Expected means that it is more likely than not: the median of the forecast is at most `blocks`. The lower end of the
    interval would retrain at nearly every block where blocks are small, since a single one of few rows is soon below
    any threshold by chance. A block that is below the threshold is flagged whatever the forecast says.
    """

    def __init__(self, threshold: float, blocks: int = BLOCKS, *, cooldown: int = 0) -> None:
        self.name = f"{FORECAST}:{blocks}"
        self.threshold = threshold  # accuracy in [0, 1]
        self.blocks = blocks  # that are looked ahead, 1 or more
        self.cooldown = cooldown  # blocks after a retrain in which none is asked for

    def decide(self, history: History) -> Decision:
        """Compare the median of the forecast with `blocks`."""
        last = history.blocks[-1]
        forecast = forecast_after(history.blocks, self.threshold, reference=history.reference)
        below = last.accuracy < self.threshold
        alarm = below or forecast.median <= self.blocks
        waiting = any(last.index - at <= self.cooldown for at in history.retrained_at)
        reason = f"accuracy {last.accuracy:.3f} < threshold {self.threshold:.3f}" if below else forecast.sentence
        if alarm and waiting:
            reason += f", but retrained within {self.cooldown} blocks"
        evidence = evidence_of(history) | {"threshold": self.threshold, "probability_next": forecast.probability_next}
        if not math.isinf(forecast.median):
            evidence["blocks_to_threshold"] = forecast.median
        return Decision(alarm, alarm and not waiting, reason, evidence)


def blocks_ahead(value: str) -> int:
    """The BLOCKS of `forecast:BLOCKS`; the default where there is none.

    Raises:
        UsageError: not a whole number from 1 to the horizon.
    """
    if not value:
        return BLOCKS
    if not value.isdecimal() or not 1 <= int(value) <= HORIZON:
        raise UsageError(f"expected {FORECAST}:BLOCKS, a whole number from 1 to {HORIZON}; got {FORECAST}:{value}")
    return int(value)
