"""Bets against "the risk is no more than this", block by block, and the evidence of a change that they add up to.

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

Of evidence of a change at an unknown time (an E-detector): without a change, the mean number of blocks to the first
alarm is at least the guaranteed one, for every law of the data within the null and at whatever times one looks. The
Shiryaev-Roberts sum of bets that began at each block grows by at most 1 in the mean per block, and the alarm waits
until it has reached that number (Shin, Ramdas and Rinaldo 2024, theorem 2.4; Pollak 1985 for the classic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.errors import BlockError

Form: TypeAlias = Literal["shiryaev-roberts", "cusum"]
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


@dataclass(frozen=True)
class Evidence:
    """What some blocks have shown, one row for each bet.

    Attributes:
        logs: (..., k) logarithms of the sums (or largest products) for each alternative.
        form: of the e-detector.
    """

    logs: NDArray[np.float64]
    form: Form = "shiryaev-roberts"

    @property
    def value(self) -> NDArray[np.float64]:
        """The evidence, (...): the mean over alternatives, in expected blocks without a change; 0 or more."""
        return np.asarray(np.exp(self.log_value))

    @property
    def log_value(self) -> NDArray[np.float64]:
        """Its logarithm, which does not overflow."""
        return np.asarray(np.logaddexp.reduce(self.logs, axis=-1) - np.log(self.logs.shape[-1]))


def nothing(bets: int, streams: tuple[int, ...] = (), *, form: Form = "shiryaev-roberts") -> Evidence:
    """Evidence before the first block, for `streams` at once."""
    return Evidence(np.full((*streams, bets), -np.inf), form)


def after(evidence: Evidence, log_bets: NDArray[np.float64]) -> Evidence:
    """Evidence with one more block.

    Shiryaev-Roberts adds up bets begun at every block: `R = (1 + R) e`. CUSUM keeps the best of them:
    `C = max(1, C) e`. It never exceeds the former, so that it keeps the same guarantee, alarming later.

    Args:
        evidence: before the block.
        log_bets: the block's, (..., k).
    """
    begun = np.logaddexp(0.0, evidence.logs) if evidence.form == "shiryaev-roberts" else np.maximum(0.0, evidence.logs)
    return Evidence(begun + log_bets, evidence.form)
