"""How much errors of neighbouring rows hang together, measured on the reference. Losses in, one number out.

The *inflation* is by how much the variance of a block's mean loss exceeds that of independent rows (the design effect
of Kish 1965); a block of n rows says as much as `n / inflation` independent ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from drift.data.losses import checked_losses

LEAST_GROUPS = 10  # fewer say little about a variance
LEAST_ERRORS = 10  # and right answers: with fewer, errors that come together have not been seen
SUSPICION = 0.2  # level at which the test of independence is believed: missing dependence costs more than minding it
CONFIDENCE = 0.8  # of the bound on the inflation, once there is some


@dataclass(frozen=True)
class Dependence:
    """What the reference says about blocks of some number of rows.

    Attributes:
        inflation: of the variance of a block's mean loss, 1 or more; infinite if the reference cannot say.
        p_value: of independent rows, in (0, 1].
        rows: of the reference.
        longest: rows of the longest groups that were looked at.
        block_rows: rows of a block.
    """

    inflation: float
    p_value: float
    rows: int
    longest: int
    block_rows: int

    @property
    def effective_rows(self) -> float:
        """Of a block: its rows if they are independent, 1 if nothing is known."""
        return max(1.0, self.block_rows / self.inflation)

    @property
    def words(self) -> str:
        """What was found, in a few words."""
        if self.effective_rows == 1:
            return (
                f"only block means are believed: {self.rows:,} reference rows cannot say how blocks of"
                f" {self.block_rows:,} vary"
            )
        if self.inflation == 1:
            return f"rows taken as independent (p = {self.p_value:.2g} on {self.rows:,} reference rows)"
        counted = f"{self.block_rows:,} rows count as {self.effective_rows:,.0f}"
        if self.p_value <= SUSPICION:
            return f"{counted}: errors come in runs (p = {self.p_value:.2g})"
        return f"{counted}: the reference shows no more than groups of {self.longest:,}"


def measure_dependence(losses: ArrayLike, block_rows: int) -> Dependence:
    """The inflation for blocks of `block_rows` rows.

    Variances of the means of consecutive groups of 1, 2, 4, ... rows are compared with those of independent rows by a
    chi-squared test each (Bonferroni over the group sizes). If whole blocks were looked at and no size is suspicious at
    level 0.2, the inflation is 1. Else it is the largest of their upper 80 % bounds, and beyond the longest groups of
    which there are ten it is taken to grow in proportion to the rows, which is the worst that a variance can do. With
    fewer than ten errors (or right answers) nothing can be said.

    Args:
        losses: of the reference, (n,) in [0, 1], in the order of time; a shuffled reference shows no dependence.
        block_rows: 1 or more.

    Raises:
        BlockError: a loss that is missing or out of range, with its row.
    """
    from scipy.stats import chi2

    values = checked_losses(losses)
    rows = len(values)
    sizes = [size for size in _sizes(block_rows) if rows // size >= LEAST_GROUPS]
    variance = float(values.var())
    least = min(float(values.sum()), float((1 - values).sum()))  # of errors, or of right answers
    if len(sizes) < min(3, len(_sizes(block_rows))) or least < LEAST_ERRORS or variance == 0:
        return Dependence(float("inf"), 1.0, rows, 1, block_rows)
    p_values, bounds = [], []
    for size in sizes[1:] or sizes:
        groups = rows // size
        means = values[rows - groups * size :].reshape(groups, size).mean(axis=1)
        squares = size * float(means.var(ddof=1)) * (groups - 1) / variance
        p_values.append(float(chi2.sf(squares, groups - 1)))
        bounds.append(squares / float(chi2.ppf(1 - CONFIDENCE, groups - 1)))
    p_value = min(1.0, len(p_values) * min(p_values))
    if p_value > SUSPICION and sizes[-1] == block_rows:
        return Dependence(1.0, p_value, rows, sizes[-1], block_rows)
    inflation = max(1.0, *bounds) * max(1.0, block_rows / sizes[-1])
    return Dependence(inflation, p_value, rows, sizes[-1], block_rows)


def effective_rows(losses: ArrayLike, block_rows: Sequence[int]) -> list[float]:
    """Effective rows of each block, measured anew for every size: an inflation holds for blocks of one size only.

    Args:
        losses: of the reference, as for `measure_dependence`.
        block_rows: of each block, 1 or more.
    """
    by_size = {rows: measure_dependence(losses, rows).effective_rows for rows in set(block_rows)}
    return [by_size[rows] for rows in block_rows]


def _sizes(block_rows: int) -> list[int]:
    """1, 2, 4, ... up to and with `block_rows`."""
    return sorted({block_rows, *(2**power for power in range(block_rows.bit_length()) if 2**power <= block_rows)})
