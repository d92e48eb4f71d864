"""E-values of one block: bets against "the risk is no more than this". Numbers in, logarithms out; no state.

A *risk* is a mean loss, and losses lie in [0, 1] (1 for a wrong answer). Under the null, the conditional mean of the
losses is at most `risk`, whatever happened before. A bet on an alternative `a > risk` pays `a / risk` for a wrong row
and `(1 - a) / (1 - risk)` for a right one; its mean is at most 1 under the null (Waudby-Smith and Ramdas 2024).

What may be multiplied within a block depends on the dependence of a block's errors, given as `effective_rows`:

- all rows: each row's loss has a conditional mean of at most `risk` given the rows before it;
- 1: only the block's mean loss has one given the blocks before it, and rows may depend on each other in any way;
- between them, v: a block is v groups of rows, with anything at all inside a group, and each group's mean loss has a
  conditional mean of at most `risk` given the groups before it. A group's mean pays the geometric mean of what its rows
  would pay, which is never more than the bet on the group's mean (the logarithm is concave), so that the product is an
  e-value. A variance like that of v groups does not imply this: a world in which one block in fifty goes wrong as a
  whole has the variance of some groups, and rarer, longer tails.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.errors import BlockError

ALTERNATIVES = 12
ROUNDING = 1e-9  # of means of losses
NEAREST = 0.01  # of an alternative to the null, in risk; a harm smaller than this is found late
FARTHEST = 0.9  # of the way from the null to a risk of 1


def alternatives(risk: float, count: int = ALTERNATIVES) -> NDArray[np.float64]:
    """Risks to bet on, (count,): in geometric steps from `risk`, between it and 1.

    Raises:
        BlockError: a risk that leaves nothing to bet against.
    """
    room = FARTHEST * (1 - risk)
    if not 0 < risk < 1 or room <= 0:
        raise BlockError(
            f"expected an accepted risk with tolerance between 0 and 1, got {risk:g}: tolerate a loss of more than 0"
        )
    return risk + np.geomspace(min(NEAREST, room / 2), room, count)


def log_bets(
    mean_loss: ArrayLike, risk: float, against: NDArray[np.float64], effective_rows: ArrayLike
) -> NDArray[np.float64]:
    """Logarithms of the e-values of blocks, (..., k) for `against` (k,).

    Args:
        mean_loss: of each block, in [0, 1], shape (...).
        risk: of the null, in (0, 1).
        against: alternatives, each in (0, 1); above `risk` to find a harm, below it to find a gain.
        effective_rows: of each block, at least 1, shape (...); at 1 the bet is the best that is safe against any
            dependence within a block, `1 + (against - risk) (mean - risk) / (risk (1 - risk))`.

    Raises:
        BlockError: a mean loss or a number of rows that is NaN or out of range.
    """
    mean = np.asarray(mean_loss, np.float64)[..., None]
    rows = np.asarray(effective_rows, np.float64)[..., None]
    if not bool(((mean >= -ROUNDING) & (mean <= 1 + ROUNDING)).all()) or not bool((rows >= 1).all()):
        raise BlockError(
            f"expected mean losses from 0 to 1 of at least 1 effective row each, got {mean[..., 0].tolist()} of"
            f" {rows[..., 0].tolist()}: leave out blocks without labels"
        )
    wrong, right = np.log(against / risk), np.log((1 - against) / (1 - risk))
    product = rows * (mean * wrong + (1 - mean) * right)
    safe = np.log1p((against - risk) * (mean - risk) / (risk * (1 - risk)))
    return np.asarray(np.where(rows > 1, product, safe))
