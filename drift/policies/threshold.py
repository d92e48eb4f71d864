"""Retraining when a block's accuracy is below a threshold."""

from __future__ import annotations

from drift.policies.history import History, evidence_of
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, flagged


class BelowThreshold:
    """Retrain when a block's accuracy is below a threshold, but not again within `cooldown` blocks.

    Attributes:
        threshold: accuracy in [0, 1].
        cooldown: blocks after a retrain in which none is asked for.
    """

    name = "threshold"

    def __init__(self, threshold: float, *, cooldown: int = 0) -> None:
        self.threshold = threshold
        self.cooldown = cooldown

    def decide(self, history: History) -> Decision:
        """Compare the last block with the threshold."""
        last = history.blocks[-1]
        evidence = evidence_of(history) | {"threshold": self.threshold}
        alarm = last.accuracy < self.threshold
        reason = f"accuracy {last.accuracy:.3f} {'<' if alarm else '>='} threshold {self.threshold:.3f}"
        return flagged(history, alarm, reason, evidence, cooldown=self.cooldown)


THRESHOLD = PolicyDeclaration(
    "threshold",
    "when a block's accuracy is below ACCURACY",
    lambda settings, accuracy: BelowThreshold(accuracy, cooldown=settings.cooldown),
    (PolicyParameter("ACCURACY", "accuracy", "threshold_accuracy", high=1),),
)
