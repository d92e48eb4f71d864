"""Retraining at even distances over a stream of known length."""

from __future__ import annotations

from drift.errors import UsageError
from drift.policies.history import History
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, PolicySettings, require_within_stream


class Spaced:
    """Make a number of retrains at even distances over so many blocks."""

    def __init__(self, retrains: int, blocks: int) -> None:
        if retrains < 0:
            raise UsageError(f"expected 0 retrains or more, got {retrains}")
        self.name = f"spaced:{retrains}"
        self.after = {round(step * blocks / (retrains + 1)) - 1 for step in range(1, retrains + 1)}

    def decide(self, history: History) -> Decision:
        """Whether the block ends one of the distances."""
        return Decision(False, history.blocks[-1].index in self.after, "evenly spaced", {})


def _make(settings: PolicySettings, retrains: float) -> Spaced:
    require_within_stream(retrains, settings, "spaced:R")
    return Spaced(int(retrains), settings.blocks)


SPACED = PolicyDeclaration(
    "spaced",
    "R times, at even distances over the blocks that are scored",
    _make,
    (PolicyParameter("R", "retrains", 10, whole=True, of_stream=True),),
)
