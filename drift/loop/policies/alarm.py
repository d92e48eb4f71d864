"""Retraining when a detector alarms: one policy for all of them."""

from __future__ import annotations

from drift.loop.policies.protocol import Decision, History, evidence_of


class OnAlarm:
    """Retrain when a detector's score of the last block is an alarm, but not again within `cooldown` blocks."""

    def __init__(self, detector: str, *, cooldown: int = 0) -> None:
        self.name = detector
        self.cooldown = cooldown  # blocks after a retrain in which none is asked for

    def decide(self, history: History) -> Decision:
        """Read the score that the loop has put down."""
        last = history.blocks[-1]
        score = next((score for score in last.scores if score.detector == self.name), None)
        if score is None:
            return Decision(False, False, f"{self.name} has not scored this block", {})
        waiting = any(last.index - at <= self.cooldown for at in history.retrained_at)
        evidence = evidence_of(history) | {"statistic": score.statistic}
        if score.threshold is not None:
            evidence["statistic_threshold"] = score.threshold
        if score.p_value is not None:
            evidence["p_value"] = score.p_value
        reason = f"{self.name}: {score.words}" + (f" ({score.detail})" if score.detail else "")
        if score.alarm and waiting:
            reason += f", but retrained within {self.cooldown} blocks"
        return Decision(score.alarm, score.alarm and not waiting, reason, evidence)
