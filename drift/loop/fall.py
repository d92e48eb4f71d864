"""Date the fall of a version's accuracy: which rows are from after it. For the retrain that is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.loop.events import BlockRecord
from drift.loop.forecasts import serving_blocks

LEVEL = 0.01  # chance of dating a fall where accuracy did not change, if rows are independent


@dataclass(frozen=True)
class Fall:
    """A fall of the serving version's accuracy.

    Attributes:
        row: first row of the block in which accuracy was lower for the first time.
        block: index of that block.
        before: accuracy until then, in [0, 1].
        after: accuracy since, in [0, 1].
    """

    row: int
    block: int
    before: float
    after: float


def fall_of(blocks: Sequence[BlockRecord], reference: tuple[int, int], *, level: float = LEVEL) -> Fall | None:
    """The most likely fall of accuracy since the serving version was made; None where chance explains the counts.

    The series of right answers, with those on the reference as its first element, is cut where two rates make it the
    most likely (Hinkley 1970). The fall counts if the likelihood ratio test of two rates against one rejects at
    `level`, divided by the number of possible cuts (Bonferroni).

    Args:
        blocks: scored blocks in order, one or more; only those of the version that answered the last one are used.
        reference: right answers and rows of that version's reference.
        level: in (0, 1).
    """
    from scipy.stats import chi2

    own = serving_blocks(blocks)
    right = np.array([reference[0], *(block.correct for block in own)], np.float64)
    rows = np.array([reference[1], *(block.rows for block in own)], np.float64)
    at, ratio = change_point(right, rows)
    before, after = right[:at].sum() / rows[:at].sum(), right[at:].sum() / rows[at:].sum()
    if after >= before or chi2.sf(2 * ratio, 1) > level / len(own):
        return None
    first = own[at - 1]
    return Fall(first.start, first.index, float(before), float(after))


def change_point(right: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[int, float]:
    """The most likely change of a rate, by maximum likelihood of binomial counts.

    Args:
        right: right answers, shape (n,), n at least 2.
        rows: answers, shape (n,), each at least 1.

    Returns:
        The position, from 1 to n - 1, of the first count after the change, and the logarithm of the likelihood of two
        rates over that of one.
    """
    right, rows = np.cumsum(right), np.cumsum(rows)
    two = _log_likelihood(right[:-1], rows[:-1]) + _log_likelihood(right[-1] - right[:-1], rows[-1] - rows[:-1])
    at = int(np.argmax(two))
    return at + 1, float(two[at] - _log_likelihood(right[-1:], rows[-1:])[0])


def _log_likelihood(right: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of counts at the rate that makes them most likely."""
    from scipy.special import xlogy

    return np.asarray(xlogy(right, right / rows) + xlogy(rows - right, 1 - right / rows))
