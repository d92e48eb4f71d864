"""Retraining when a block's accuracy is below a threshold."""

from __future__ import annotations

from drift.detect import chance_of_at_most
from drift.loop.policies.protocol import Decision, History

RECENT = 5  # blocks that the question looks back on


class BelowThreshold:
    """Retrain when a block's accuracy is below a threshold, but not again within `cooldown` blocks.

    On 20 rows, a model of accuracy .68 falls below .55 by chance alone once in 14 blocks: the evidence says how
    likely each block was, so that a person can tell bad luck from drift.
    """

    name = "threshold"

    def __init__(self, threshold: float, *, cooldown: int = 0) -> None:
        self.threshold = threshold  # accuracy in [0, 1]
        self.cooldown = cooldown  # blocks after a retrain in which none is asked for

    def decide(self, history: History) -> Decision:
        """Compare the last block with the threshold."""
        last = history.blocks[-1]
        same_version = [block for block in history.blocks if block.version == last.version][-RECENT:]
        rows, correct = sum(b.rows for b in same_version), sum(b.correct for b in same_version)
        evidence = {
            "block": last.index,
            "accuracy": last.accuracy,
            "threshold": self.threshold,
            "accepted_accuracy": history.accepted_accuracy,
            "chance": chance_of_at_most(last.correct, last.rows, history.accepted_accuracy),
            "recent_blocks": len(same_version),
            "recent_rows": rows,
            "recent_accuracy": correct / rows,
            "recent_chance": chance_of_at_most(correct, rows, history.accepted_accuracy),
        }
        alarm = last.accuracy < self.threshold
        waiting = any(last.index - at <= self.cooldown for at in history.retrained_at)
        reason = f"accuracy {last.accuracy:.3f} {'<' if alarm else '>='} threshold {self.threshold:.3f}"
        if alarm and waiting:
            reason += f", but retrained within {self.cooldown} blocks"
        return Decision(alarm, alarm and not waiting, reason, evidence)
