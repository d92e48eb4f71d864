"""In how many blocks accuracy will fall below a threshold: a forecast with an interval, from counts of right answers.

The loop makes one after each block, prints, logs and draws it; the policy `forecast` retrains by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError

LEVEL = 0.8  # probability content of the interval
HORIZON = 50  # blocks that are looked ahead
NEWEST = 100  # blocks that are looked back on: older ones hardly count, and each costs time
DRAWS = 1_000  # simulated futures
GRID = 400  # accuracies at which the probability of a block below the threshold is computed
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

    @property
    def metrics(self) -> dict[str, float]:
        """Finite numbers for a chart: blocks beyond the horizon are given as the horizon and 1.

        >>> ThresholdForecast(0.6, 7, 3, math.inf, level=0.8, horizon=50, probability_next=0.05).metrics
        {'blocks_to_threshold': 7.0, 'blocks_to_threshold_low': 3.0, 'blocks_to_threshold_high': 51.0, \
'probability_below_threshold': 0.05}
        """
        ends = {"": self.median, "_low": self.low, "_high": self.high}
        blocks = {f"blocks_to_threshold{end}": float(min(value, self.horizon + 1)) for end, value in ends.items()}
        return blocks | {"probability_below_threshold": self.probability_next}

    @property
    def record(self) -> dict[str, float | None]:
        """Plain values for a JSON file, which has no infinity: null is beyond the horizon."""
        return {name: None if math.isinf(value) else value for name, value in vars(self).items()}

    @property
    def sentence(self) -> str:
        """The forecast in words.

        >>> ThresholdForecast(0.6, 7, 3, math.inf, level=0.8, horizon=50, probability_next=0.05).sentence
        'accuracy is expected below 0.6 in 7 blocks (80 % interval: 3 to more than 50)'
        >>> ThresholdForecast(0.6, math.inf, math.inf, math.inf, level=0.8, horizon=50, probability_next=0.0).sentence
        'accuracy is not expected below 0.6 within 50 blocks (80 % interval: more than 50)'
        """
        low, median, high = (
            f"more than {self.horizon}" if math.isinf(end) else f"{end:.0f}"
            for end in (self.low, self.median, self.high)
        )
        expected = f"expected below {self.threshold:.4g} in {median} block{'' if median == '1' else 's'}"
        if math.isinf(self.median):
            expected = f"not expected below {self.threshold:.4g} within {self.horizon} blocks"
        interval = f"{self.level * 100:.3g} % interval: {low}" + ("" if low == high else f" to {high}")
        return f"accuracy is {expected} ({interval})"


def forecast_threshold(
    correct: Sequence[int],
    rows: Sequence[int],
    threshold: float,
    *,
    reference: tuple[int, int] | None = None,
    level: float = LEVEL,
    horizon: int = HORIZON,
    seed: int = 0,
) -> ThresholdForecast:
    """Forecast the first future block whose accuracy is below a threshold, from the blocks so far.

    Accuracy follows a structural time-series model (`structural`): a level that may step, a damped slope, and effects
    of blocks beyond sampling variance. Futures are simulated from it, with the sampling variance of the blocks to come,
    which have as many rows as the blocks so far (in the median). Quantiles of the first block below the threshold,
    each censored at the horizon, are the forecast. The same arguments give the same numbers.

    Args:
        correct: right answers of each block that one version of the model has answered, one or more, oldest first.
        rows: of each of these blocks, each 1 or more.
        threshold: accuracy in [0, 1].
        reference: right answers and rows of the rows that the version was accepted on, an observation before the first
            block; None if there are none.
        level: probability content of the interval, in (0, 1).
        horizon: blocks to look ahead, 1 or more.
        seed: of the simulation.

    Raises:
        BlockError: no blocks, counts that do not fit their rows, or a number outside its range.

    >>> steady, falling = [180] * 12, [190, 188, 185, 182, 178, 176, 171, 170, 166, 161]
    >>> forecast_threshold(steady, [200] * 12, 0.7).median
    inf
    >>> forecast_threshold(falling, [200] * 10, 0.7).median <= 12
    True
    """
    from scipy.special import bdtr

    from drift.detect.accuracy.structural import filtered, simulated

    counts = _checked(correct, rows, reference)
    if not (0 <= threshold <= 1 and 0 < level < 1 and horizon >= 1):
        raise BlockError(
            f"expected threshold in [0, 1], level in (0, 1), horizon >= 1; got {threshold=}, {level=}, {horizon=}"
        )
    state = filtered(*counts[-NEWEST:].T)
    paths = simulated(state, horizon, draws=DRAWS, rng=np.random.default_rng(seed))
    ahead = round(float(np.median(rows)))
    most = largest_below(threshold, ahead)
    scale = np.linspace(0, math.pi / 2, GRID)
    below = bdtr(most, ahead, np.sin(scale) ** 2) if most >= 0 else np.zeros(GRID)
    not_yet = np.cumprod(1 - np.interp(paths, scale, below), axis=0).mean(axis=1)  # (horizon,)
    low, median, high = (_quantile(not_yet, share) for share in ((1 - level) / 2, 0.5, (1 + level) / 2))
    return ThresholdForecast(threshold, median, low, high, level, horizon, float(1 - not_yet[0]))


def largest_below(threshold: float, rows: int) -> int:
    """The largest number of right answers in a block of `rows` whose accuracy is below `threshold`; -1 if none is.

    >>> [largest_below(threshold, 20) for threshold in (0.0, 0.55, 0.56)]
    [-1, 10, 11]
    """
    count = math.ceil(threshold * rows)
    while count >= 0 and not count / rows < threshold:  # as blocks are judged, to the last bit
        count -= 1
    return count


def _checked(correct: Sequence[int], rows: Sequence[int], reference: tuple[int, int] | None) -> NDArray[np.float64]:
    """Counts and rows, (n, 2), with the reference first."""
    if len(correct) != len(rows) or not len(rows):
        raise BlockError(
            f"expected right answers and rows of the same blocks, one or more; got {len(correct)} and {len(rows)}"
        )
    pairs = [*([reference] if reference else []), *zip(correct, rows, strict=True)]
    counts = np.asarray(pairs, np.float64)
    bad = ~((counts[:, 1] >= 1) & (counts[:, 0] >= 0) & (counts[:, 0] <= counts[:, 1]) & (counts[:, 1] < math.inf))
    if bad.any():
        raise BlockError(f"expected 0 to n right answers of n >= 1 rows, got {pairs[int(bad.argmax())]}")
    return counts


def _quantile(not_yet: NDArray[np.float64], share: float) -> float:
    """The first block by which a share of the probability has passed; infinity if that is beyond the horizon."""
    passed = np.flatnonzero(1 - not_yet >= share)
    return float(passed[0] + 1) if len(passed) else math.inf
