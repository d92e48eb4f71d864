"""A schedule that is known beforehand: what hindsight would have done."""

from __future__ import annotations

from collections.abc import Collection

from drift.loop.policies.protocol import Decision, History


class Scheduled:
    """Retrain after the given blocks, and no others."""

    def __init__(self, after: Collection[int], name: str = "oracle") -> None:
        self.after = frozenset(after)  # block indices
        self.name = name

    def decide(self, history: History) -> Decision:
        """Look the block up."""
        return Decision(False, history.blocks[-1].index in self.after, "scheduled", {})
