"""Champion against challenger on rows that both answer, until the evidence says which. Pure functions on counts.

Both answer the same new rows. A row's *gain* is the champion's loss less the challenger's. Two bets run side by side:
that the mean gain is above 0, and that it is below a least gain worth having. Each wealth starts at 1 and has a mean of
at most 1 as long as the opposite is true, so that it ever reaches 1 / level with probability at most `level`, however
often one looks (Ville 1939; Waudby-Smith and Ramdas 2024; for 0/1 losses it is McNemar's test by betting).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.data.losses import checked_losses
from drift.errors import BlockError

BETS = 24
STEPS = 40  # of bisection


class TestState(StrEnum):
    """Where a duel stands."""

    BETTER = "better"
    NOT_BETTER = "not better"
    OPEN = "open"


@dataclass(frozen=True)
class GainSums:
    """Row by row gains of the challenger, added up.

    Attributes:
        gained: sum of positive gains; for 0/1 losses the rows that only the challenger has right.
        lost: sum of negative gains, as a positive number.
        rows: on which both answered.
    """

    gained: float = 0.0
    lost: float = 0.0
    rows: int = 0

    @property
    def mean_gain(self) -> float:
        """In [-1, 1]."""
        return (self.gained - self.lost) / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class SequentialPairedTest:
    """What the rows so far have shown.

    Attributes:
        tally: gains and losses of all rows so far.
        log_wealth: of the bet that the challenger is better.
        log_wealth_against: of the bet that it gains less than the least gain.
        level: of the test, in (0, 1).
    """

    tally: GainSums
    log_wealth: float
    log_wealth_against: float
    level: float

    @property
    def verdict(self) -> TestState:
        """Whether one of the bets has earned enough; the better challenger wins a tie."""
        enough = -np.log(self.level)
        if self.log_wealth >= enough:
            return TestState.BETTER
        return TestState.NOT_BETTER if self.log_wealth_against >= enough else TestState.OPEN


def tally(champion_losses: ArrayLike, challenger_losses: ArrayLike, before: GainSums | None = None) -> GainSums:
    """Add rows to a tally; losses are (n,) in [0, 1], of the same rows in the same order."""
    champion, challenger = checked_losses(champion_losses), checked_losses(challenger_losses)
    if champion.shape != challenger.shape:
        raise BlockError(f"expected losses of the same rows, got shapes {champion.shape} and {challenger.shape}")
    gains, before = champion - challenger, before or GainSums()
    return GainSums(
        before.gained + float(gains.clip(0, None).sum()),
        before.lost - float(gains.clip(None, 0).sum()),
        before.rows + len(gains),
    )


def duel(
    gains: GainSums | Mapping[float, GainSums], *, level: float = 0.05, least_gain: float = 0.0
) -> SequentialPairedTest:
    """Judge a tally.

    Args:
        gains: all rows on which both answered since the challenger was made; or those of blocks of different sizes, by
            the inflation of the variance of a mean by errors that come in runs, 1 or more (see `dependence`).
        level: of a wrong promotion, and of a wrong end, over all looks; in (0, 1).
        least_gain: in accuracy, in [0, 1): a challenger that gains less is given up. With 0, one that is neither
            better nor worse is never given up.
    """
    if not 0 < level < 1 or not 0 <= least_gain < 1:
        raise BlockError(f"expected a level in (0, 1) and a least gain in [0, 1), got {level:g} and {least_gain:g}")
    up, down = _log_wealth(gains, 0.0), _log_wealth(gains, -least_gain, of_losses=True)
    return SequentialPairedTest(total(gains), up, down, level)


def gain_bound(gains: GainSums | Mapping[float, GainSums], *, level: float = 0.05) -> float:
    """Lower bound of the mean gain, in [-1, 1]; holds at all looks at once with probability `1 - level`.

    It inverts the bet of `duel`, so that it is above 0 where, and only where, the verdict is better.
    """
    excluded, holds = -1.0, total(gains).mean_gain
    for _ in range(STEPS):
        middle = (excluded + holds) / 2
        earned = _log_wealth(gains, middle)
        excluded, holds = (middle, holds) if earned >= -np.log(level) else (excluded, middle)
    return excluded


def total(gains: GainSums | Mapping[float, GainSums]) -> GainSums:
    """All rows together."""
    parts = _by_inflation(gains).values()
    return GainSums(sum(part.gained for part in parts), sum(part.lost for part in parts), sum(p.rows for p in parts))


def _by_inflation(gains: GainSums | Mapping[float, GainSums]) -> Mapping[float, GainSums]:
    return {1.0: gains} if isinstance(gains, GainSums) else gains


def _log_wealth(gains: GainSums | Mapping[float, GainSums], at_most: float, *, of_losses: bool = False) -> float:
    """Logarithm of a mixture of bets that the mean gain, or the mean loss, in [-1, 1], is above `at_most`."""
    share = np.geomspace(0.01, 0.95, BETS) / (1 + at_most)  # of the wealth that is put at risk
    logs: NDArray[np.float64] = np.zeros(BETS)
    for inflation, part in _by_inflation(gains).items():
        plus, minus = (part.lost, part.gained) if of_losses else (part.gained, part.lost)
        rest = part.rows - part.gained - part.lost
        bets = plus * np.log1p(share * (1 - at_most)) + minus * np.log1p(share * (-1 - at_most))
        logs = logs + (bets + rest * np.log1p(-share * at_most)) / inflation
    return float(np.logaddexp.reduce(logs) - np.log(BETS))
