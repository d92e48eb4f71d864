"""An interval of the current risk that holds at all blocks at once. Numbers in, numbers out.

Bets on the mean losses of the blocks in a sliding window are turned around: a risk is in the interval as long as no
mixture of bets against it has earned `1 / level`. The bets are fixed before the data, so that the risk may move inside
the window, even in answer to what came before; what is covered is its mean over the window's rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.data.losses import checked_losses
from drift.errors import BlockError

TILTS = np.geomspace(0.02, 4.0, 24)  # of the bets, in units of log odds
ROUNDING = 1e-9  # relative, of sums of losses
STEPS = 40  # of bisection: far below what a plot or a decision can see


@dataclass(frozen=True)
class RiskInterval:
    """A mean risk over the newest blocks.

    Attributes:
        low: in [0, 1].
        high: in [0, 1].
        mean: of the losses, in [0, 1].
        blocks: in the window.
    """

    low: float
    high: float
    mean: float
    blocks: int


def risk_intervals(
    mean_losses: ArrayLike, effective_rows: ArrayLike, *, window: int = 10, level: float = 0.05
) -> list[RiskInterval]:
    """For each block, an interval of the mean risk over it and those before it, up to `window` blocks.

    With probability at least `1 - level`, all of them hold, however many there are: the interval of block t, from 1, is
    given the share `level / (t (t + 1))` of what may go wrong. Needs the assumption of `effective_rows` (`bets`).

    Args:
        mean_losses: of each block, (t,) in [0, 1].
        effective_rows: of each block, (t,), at least 1.
        window: blocks.
        level: in (0, 1).

    Raises:
        BlockError: a mean loss that is missing or out of range, with its block; or numbers out of their range.

    >>> [round(one.low, 2) for one in risk_intervals([0.1, 0.5, 0.5], [100, 100, 100])]
    [0.03, 0.19, 0.26]
    """
    means = checked_losses(mean_losses, what="mean losses", unit="block")
    all_rows = np.asarray(effective_rows, np.float64)
    if all_rows.shape != means.shape or not bool(((all_rows >= 1) & (all_rows < np.inf)).all()):
        raise BlockError(f"expected effective rows of {len(means)} blocks, each at least 1, got {all_rows.tolist()}")
    if window < 1 or not 0 < level < 1:
        raise BlockError(f"expected a window of 1 block or more and a level in (0, 1), got {window} and {level:g}")
    all_losses = all_rows * means
    intervals = []
    for at in range(len(all_rows)):
        rows, losses = (part[max(0, at + 1 - window) : at + 1] for part in (all_rows, all_losses))
        share = level / ((at + 1) * (at + 2))
        low, high = mean_interval(float(losses.sum()), float(rows.sum()), level=share)
        intervals.append(RiskInterval(low, high, float(losses.sum() / rows.sum()), len(rows)))
    return intervals


def mean_interval(total_loss: float, rows: float, *, level: float) -> tuple[float, float]:
    """Low and high end of the mean risk of `rows` (effective) rows with losses that add up to `total_loss`.

    Raises:
        BlockError: a total that is NaN, below 0 or above the rows.
    """
    if not -ROUNDING * rows <= total_loss <= rows * (1 + ROUNDING) or not 0 < rows < np.inf:
        raise BlockError(f"expected losses that add up to 0 to {rows:g}, of more than 0 rows, got {total_loss:g}")
    return 1 - _high(rows - total_loss, rows, level / 2), _high(total_loss, rows, level / 2)


def _high(total: float, rows: float, level: float) -> float:
    """The largest mean in [0, 1] against which bets that it is smaller have not earned 1 / level."""
    holds, excluded = min(1.0, max(0.0, total / rows)), 1.0
    for _ in range(STEPS):
        middle = (holds + excluded) / 2
        logs: NDArray[np.float64] = TILTS * (rows - total) - rows * np.log1p((1 - middle) * np.expm1(TILTS))
        earned = np.logaddexp.reduce(logs) - np.log(len(TILTS))
        holds, excluded = (middle, excluded) if earned < -np.log(level) else (holds, middle)
    return excluded
