"""In how many blocks accuracy will fall below a threshold: the result that the loop prints, logs and draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

SHORT_LENGTH = 9  # characters of `ThresholdForecast.short`, a column of the table at a terminal


@dataclass(frozen=True)
class ThresholdForecast:
    """Forecast of the first future block whose accuracy is below a threshold.

    Blocks are counted from now: 1 is the next one. `math.inf` means beyond the horizon: no statement is made about
    blocks later than that.

    Attributes:
        threshold: accuracy in [0, 1]; a block below it is the event that is forecast.
        median: blocks until then, 1 to `horizon`, or `math.inf`; half of the probability lies at or before it.
        low: lower end of the interval, in blocks, 1 to `horizon`, or `math.inf`.
        high: upper end of the interval, in blocks, `low` to `horizon`, or `math.inf`.
        level: probability content that the interval is made for, in (0, 1); its ends are the quantiles
            (1 - level) / 2 and (1 + level) / 2.
        horizon: blocks that are looked ahead, 1 or more.
        probability_next: probability that the next block is below the threshold, in [0, 1].

    >>> ThresholdForecast(0.6, 7, 3, 20, level=0.8, horizon=50, probability_next=0.05).short
    '7 [3,20]'
    """

    threshold: float
    median: float
    low: float
    high: float
    level: float
    horizon: int
    probability_next: float

    @property
    def short(self) -> str:
        """Median and interval in at most 9 characters; `>50` is beyond a horizon of 50, as is the end `-`.

        Examples: `7 [3,20]`, `12[10,30]`, `12 [5,-]`, `>50 [9,-]`, `>50`.
        """
        median = f">{self.horizon}" if math.isinf(self.median) else f"{self.median:.0f}"
        if math.isinf(self.low):
            return median
        interval = f"[{self.low:.0f},{'-' if math.isinf(self.high) else f'{self.high:.0f}'}]"
        whole = f"{median} {interval}"
        if len(whole) > SHORT_LENGTH:
            whole = median + interval
        return whole if len(whole) <= SHORT_LENGTH else median
