"""Retraining after every so many blocks, whatever the model does."""

from __future__ import annotations

from drift.errors import UsageError
from drift.policies.history import History
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, PolicySettings, require_within_stream


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


def _make(settings: PolicySettings, blocks: float) -> Every:
    require_within_stream(blocks, settings, "every:K")
    return Every(int(blocks))


EVERY = PolicyDeclaration(
    "every",
    "after every K blocks",
    _make,
    (PolicyParameter("K", "blocks", 1, whole=True, low=1, of_stream=True),),
)
