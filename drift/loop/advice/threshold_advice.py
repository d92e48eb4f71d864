"""Whether a threshold would flag most blocks of a model that is as good as accepted, and which one would not."""

from __future__ import annotations

from dataclasses import dataclass

from drift.detect.accuracy.block_tests import flag_probability, threshold_flagging

MOST_FLAGGED = 0.5  # share of blocks without drift: a threshold that flags more is warned of
PROPOSED_SHARE = 0.01  # of blocks without drift, that the proposed threshold flags


@dataclass(frozen=True)
class ThresholdAdvice:
    """A threshold that is too high for the model, with another one.

    Attributes:
        threshold: that was asked for, in [0, 1].
        accepted_accuracy: of the champion on its reference, in [0, 1].
        block_rows: of a block.
        flagged_share: of blocks that the threshold flags at the accepted accuracy, if rows are independent.
        proposed: the highest threshold that flags at most 1 block in 100 then; None if blocks are too small for any.
    """

    threshold: float
    accepted_accuracy: float
    block_rows: int
    flagged_share: float
    proposed: float | None

    @property
    def words(self) -> str:
        """The same for people, as a warning of a deployment."""
        return f"warning: {self.finding('--threshold_accuracy')}"

    def finding(self, option: str) -> str:
        """The same for people.

        Args:
            option: how the proposed threshold is introduced.
        """
        where = "above" if self.threshold > self.accepted_accuracy else "close to"
        text = (
            f"the threshold of {self.threshold:.10g} is {where} the accepted accuracy of {self.accepted_accuracy:.3f},"
            f" so {self.flagged_share:.0%} of blocks of {self.block_rows:,} rows are flagged without any drift"
        )
        if self.proposed is None:
            return f"{text}; blocks are too small for a threshold that flags 1 in 100: take a larger --block_size"
        return f"{text}; {option} {self.proposed:.10g} flags at most 1 block in 100 then (if rows are independent)"


def threshold_advice(threshold: float, accepted_accuracy: float, block_rows: int) -> ThresholdAdvice | None:
    """Advice where a threshold is above the accepted accuracy, or so near that it flags most blocks; else None.

    Args:
        threshold: in [0, 1].
        accepted_accuracy: in [0, 1].
        block_rows: of a block, 1 or more.
    """
    share = flag_probability(threshold, block_rows, accepted_accuracy)
    if threshold <= accepted_accuracy and share <= MOST_FLAGGED:
        return None
    proposed = threshold_flagging(PROPOSED_SHARE, block_rows, accepted_accuracy)
    return ThresholdAdvice(threshold, accepted_accuracy, block_rows, share, proposed)
