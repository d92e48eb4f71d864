"""E-detectors: evidence of a change at an unknown time, whose alarms keep an expected run length. Pure functions.

Without a change, the mean number of blocks to the first alarm is at least the guaranteed one, for every law of the data
within the null and at whatever times one looks: the Shiryaev-Roberts sum of bets that began at each block grows by at
most 1 in the mean per block, and the alarm waits until it has reached that number (Shin, Ramdas and Rinaldo
2024, theorem 2.4; Pollak 1985 for the classic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Form: TypeAlias = Literal["shiryaev-roberts", "cusum"]


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
