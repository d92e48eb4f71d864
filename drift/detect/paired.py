"""Is the challenger better? Two models on the same rows: exact McNemar test, and the difference with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from drift.errors import BlockError


@dataclass(frozen=True)
class PairedTest:
    """Champion against challenger, each row answered by both."""

    rows: int
    champion_accuracy: float  # in [0, 1]
    challenger_accuracy: float  # in [0, 1]
    only_champion: int  # rows that the champion alone has right
    only_challenger: int  # rows that the challenger alone has right
    p_value: float  # two-sided, in (0, 1]
    low: float  # interval of the difference, in [-1, 1]
    high: float
    level: float  # the interval covers with probability 1 - level; better means p_value <= level

    @property
    def difference(self) -> float:
        """Challenger's accuracy minus champion's, in [-1, 1]."""
        return (self.only_challenger - self.only_champion) / self.rows

    @property
    def better(self) -> bool:
        """Whether the challenger is better beyond what chance explains."""
        return self.difference > 0 and self.p_value <= self.level


def mcnemar_test(
    champion_correct: NDArray[np.bool_], challenger_correct: NDArray[np.bool_], *, level: float = 0.05
) -> PairedTest:
    """Exact McNemar test: if neither is better, each row that only one has right is a fair coin.

    Two-sided binomial p-value (McNemar 1947, exact form), 1 when the two never disagree. The interval is Tango's score
    interval for a paired difference (Tango 1998, Statistics in Medicine 17, 891-908). Both assume independent rows.

    Args:
        champion_correct: (n,) whether the champion had each row right.
        challenger_correct: (n,) the same for the challenger.
        level: 1 minus the interval's confidence, and the level of the test.
    """
    from scipy.stats import binomtest

    if champion_correct.shape != challenger_correct.shape or champion_correct.ndim != 1 or not len(champion_correct):
        raise BlockError(
            f"expected two vectors over the same rows, got {champion_correct.shape=} and {challenger_correct.shape=}"
        )
    only_champion = int((champion_correct & ~challenger_correct).sum())
    only_challenger = int((challenger_correct & ~champion_correct).sum())
    differing = only_champion + only_challenger
    p_value = float(binomtest(only_challenger, differing).pvalue) if differing else 1.0
    rows = len(champion_correct)
    low, high = tango_interval(only_challenger, only_champion, rows, level=level)
    return PairedTest(
        rows=rows,
        champion_accuracy=float(champion_correct.mean()),
        challenger_accuracy=float(challenger_correct.mean()),
        only_champion=only_champion,
        only_challenger=only_challenger,
        p_value=p_value,
        low=low,
        high=high,
        level=level,
    )


def tango_interval(wins: int, losses: int, rows: int, *, level: float = 0.05) -> tuple[float, float]:
    """Score interval for (wins - losses) / rows of paired answers: the differences that the score test keeps.

    The probability of a loss is its maximum likelihood estimate under each difference (Tango 1998, eq. 4).
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    z = float(norm.ppf(1 - level / 2))

    def score(difference: float) -> float:
        b = -wins - losses + (2 * rows - wins + losses) * difference
        c = -losses * difference * (1 - difference)
        loss = (sqrt(max(b * b - 8 * rows * c, 0.0)) - b) / (4 * rows)
        variance = rows * (2 * loss + difference * (1 - difference))
        deviation = wins - losses - rows * difference
        return deviation / sqrt(variance) if variance > 1e-12 else float(np.sign(deviation)) * 1e6

    edge = 1 - 1e-9
    low = float(brentq(lambda d: score(d) - z, -edge, edge)) if score(-edge) > z else -1.0
    high = float(brentq(lambda d: score(d) + z, -edge, edge)) if score(edge) < -z else 1.0
    return low, high
