"""Retraining when a block's accuracy is below a threshold."""

from __future__ import annotations

from drift.loop.policies.protocol import Decision, History, evidence_of


class BelowThreshold:
    """Retrain when a block's accuracy is below a threshold, but not again within `cooldown` blocks."""

    name = "threshold"

    def __init__(self, threshold: float, *, cooldown: int = 0) -> None:
        self.threshold = threshold  # accuracy in [0, 1]
        self.cooldown = cooldown  # blocks after a retrain in which none is asked for

    def decide(self, history: History) -> Decision:
        """Compare the last block with the threshold."""
        last = history.blocks[-1]
        evidence = evidence_of(history) | {"threshold": self.threshold}
        alarm = last.accuracy < self.threshold
        waiting = any(last.index - at <= self.cooldown for at in history.retrained_at)
        reason = f"accuracy {last.accuracy:.3f} {'<' if alarm else '>='} threshold {self.threshold:.3f}"
        if alarm and waiting:
            reason += f", but retrained within {self.cooldown} blocks"
        return Decision(alarm, alarm and not waiting, reason, evidence)
