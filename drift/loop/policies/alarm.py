"""Retraining when a detector alarms: one policy for all of them."""

from __future__ import annotations

from drift.loop.forecasts import serving_blocks
from drift.loop.policies.protocol import Decision, History, evidence_of

STILL_LOW = 0.001  # chance of the newest blocks at the accepted accuracy, below which an alarm is repeated


class OnAlarm:
    """Retrain when a detector's score of the last block is an alarm, but not again within `cooldown` blocks.

    Detectors of changes begin anew after an alarm and take what comes then for usual. With `repeat`, an alarm about a
    version that still serves is repeated as long as its newest blocks are below the accepted accuracy beyond chance; it
    is over where they were not for more than `cooldown` blocks.
    """

    def __init__(self, detector: str, *, cooldown: int = 0, repeat: bool = False) -> None:
        self.name = detector
        self.cooldown = cooldown  # blocks after a retrain in which none is asked for
        self.repeat = repeat

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
        alarm, reason = score.alarm, f"{self.name}: {score.words}" + (f" ({score.detail})" if score.detail else "")
        first = self._first_alarm(history)
        if self.repeat and not alarm and first is not None and evidence["recent_chance"] < STILL_LOW:
            alarm = True
            reason = (
                f"{self.name}: alarm of block {first}, and accuracy is still {evidence['recent_accuracy']:.3f} in"
                f" the last {evidence['recent_blocks']:.0f} blocks, below {history.accepted_accuracy:.3f}"
            )
        if alarm and waiting:
            reason += f", but retrained within {self.cooldown} blocks"
        return Decision(alarm, alarm and not waiting, reason, evidence)

    def _first_alarm(self, history: History) -> int | None:
        """The first block of the alarm that has lasted until now; None if there is none."""
        first = None
        for block in reversed(serving_blocks(history.blocks)[:-1]):
            if (history.blocks[-1].index if first is None else first) - block.index > self.cooldown + 1:
                break
            first = block.index if block.flagged else first
        return first
