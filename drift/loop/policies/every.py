"""Retraining by the calendar, whatever the model does."""

from __future__ import annotations

from drift.errors import UsageError
from drift.loop.policies.protocol import Decision, History


class Every:
    """Retrain after every `blocks` blocks."""

    def __init__(self, blocks: int = 1) -> None:
        if blocks < 1:
            raise UsageError(f"expected to retrain every 1 block or more, got {blocks}")
        self.blocks = blocks
        self.name = f"every:{blocks}"

    def decide(self, history: History) -> Decision:
        """Count blocks from the first one."""
        due = (history.blocks[-1].index + 1) % self.blocks == 0
        return Decision(False, due, f"every {self.blocks} blocks", {})


class Spaced:
    """Spend a number of retrains at even distances over a stream of known length."""

    def __init__(self, retrains: int, blocks: int) -> None:
        if retrains < 0:
            raise UsageError(f"expected 0 retrains or more, got {retrains}")
        self.name = f"spaced:{retrains}"
        self.after = {round(step * blocks / (retrains + 1)) - 1 for step in range(1, retrains + 1)}

    def decide(self, history: History) -> Decision:
        """Whether one of the distances is full."""
        return Decision(False, history.blocks[-1].index in self.after, "evenly spaced", {})
