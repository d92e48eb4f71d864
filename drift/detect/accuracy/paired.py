"""Is the challenger better? Two models on the same rows: exact McNemar test, and the difference with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from drift.data.losses import checked_losses
from drift.errors import BlockError


@dataclass(frozen=True)
class PairedTest:
    """Champion against challenger, each row answered by both.

    Attributes:
        rows: on which both answered.
        champion_accuracy: in [0, 1].
        challenger_accuracy: in [0, 1].
        only_champion: rows that the champion alone has right.
        only_challenger: rows that the challenger alone has right.
        p_value: two-sided, in (0, 1].
        low: lower end of the difference's interval, in [-1, 1]; above 0 or `high` below 0 just if `p_value <= level`.
        high: its upper end, in [-1, 1].
        level: of the test; 1 minus the interval's confidence.
    """

    rows: int
    champion_accuracy: float
    challenger_accuracy: float
    only_champion: int
    only_challenger: int
    p_value: float
    low: float
    high: float
    level: float

    @property
    def difference(self) -> float:
        """Challenger's accuracy minus champion's, in [-1, 1]."""
        return (self.only_challenger - self.only_champion) / self.rows

    @property
    def better(self) -> bool:
        """Whether the challenger is better beyond what chance explains."""
        return self.difference > 0 and self.p_value <= self.level


def mcnemar_test(champion_correct: ArrayLike, challenger_correct: ArrayLike, *, level: float = 0.05) -> PairedTest:
    """Exact McNemar test: if neither is better, each row that only one has right is a fair coin.

    Two-sided binomial p-value (McNemar 1947, exact form), 1 when the two never disagree, with the interval that the
    same test gives (`difference_interval`). Both assume independent rows.

    Args:
        champion_correct: (n,) whether the champion had each row right, 0 and 1 or truth values.
        challenger_correct: (n,) the same for the challenger.
        level: 1 minus the interval's confidence, and the level of the test.

    Raises:
        BlockError: not the same rows, none, or one of which it is not known whether it is right.
    """
    champion, challenger = (
        checked_losses(right, binary=True, what="right answers").astype(bool)
        for right in (champion_correct, challenger_correct)
    )
    if champion.shape != challenger.shape or not len(champion):
        raise BlockError(
            f"expected two vectors over the same rows, got champion_correct.shape={champion.shape} and"
            f" challenger_correct.shape={challenger.shape}"
        )
    only_champion = int((champion & ~challenger).sum())
    only_challenger = int((challenger & ~champion).sum())
    rows = len(champion)
    low, high = difference_interval(only_challenger, only_champion, rows, level=level)
    return PairedTest(
        rows=rows,
        champion_accuracy=float(champion.mean()),
        challenger_accuracy=float(challenger.mean()),
        only_champion=only_champion,
        only_challenger=only_challenger,
        p_value=_p_value(only_challenger, only_champion),
        low=low,
        high=high,
        level=level,
    )


def difference_interval(wins: int, losses: int, rows: int, *, level: float = 0.05) -> tuple[float, float]:
    """The differences of accuracy that the exact McNemar test keeps; 0 is outside just if its p-value is <= level.

    A difference is (2 w - 1) d, with w the probability of a win where the two disagree and d that they do. Of w it
    takes those that the binomial test keeps (Clopper and Pearson 1934), the McNemar test being that of w = 1/2; of d
    its own Clopper-Pearson interval, whichever value makes the interval longer. It holds the difference with a
    probability of at least 1 - 2 level, and in simulations at least 1 - level.

    Args:
        wins: rows that the challenger alone has right.
        losses: rows that the champion alone has right.
        rows: 1 or more, at least `wins + losses`.
        level: in (0, 1).

    Returns:
        Low and high end, in [-1, 1].
    """
    differing = wins + losses
    least, most = _kept(differing, rows, level)
    if not differing:
        return -most, most
    low, high = (2 * share - 1 for share in _kept(wins, differing, level))
    ends = low * (most if low < 0 else least), high * (most if high > 0 else least)
    if _p_value(wins, losses) > level:
        return min(ends[0], 0.0), max(ends[1], 0.0)
    tiny = float(np.finfo(np.float64).tiny)  # a p-value of just the level
    return (max(ends[0], tiny), ends[1]) if wins > losses else (ends[0], min(ends[1], -tiny))


def _p_value(wins: int, losses: int) -> float:
    """Two-sided, of wins and losses as tosses of a fair coin."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5)))


def _kept(successes: int, trials: int, level: float) -> tuple[float, float]:
    """Clopper-Pearson interval of a probability."""
    from scipy.special import betaincinv

    low = float(betaincinv(successes, trials - successes + 1, level / 2)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - level / 2)) if successes < trials else 1.0
    return low, high
