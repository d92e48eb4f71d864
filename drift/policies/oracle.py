"""A schedule that is known beforehand: the best retrains in hindsight."""

from __future__ import annotations

from collections.abc import Collection

from drift.errors import UsageError
from drift.policies.history import History
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, PolicySettings


class Scheduled:
    """Retrain after the given blocks, and no others."""

    def __init__(self, after: Collection[int], name: str = "oracle") -> None:
        self.after = frozenset(after)  # block indices
        self.name = name

    def decide(self, history: History) -> Decision:
        """Look the block up."""
        return Decision(False, history.blocks[-1].index in self.after, "scheduled", {})


def _make(settings: PolicySettings, retrains: float) -> Scheduled:
    if settings.hindsight is None:
        raise UsageError("expected a policy that decides from past blocks, got oracle, which needs every label")
    return Scheduled(settings.hindsight(int(retrains)), f"oracle:{retrains:g}")


ORACLE = PolicyDeclaration(
    "oracle",
    "after the best R blocks in hindsight",
    _make,
    (PolicyParameter("R", "retrains", 10, whole=True, of_stream=True),),
    replay_only="it needs the labels of all blocks before the first is scored",
    hindsight=True,
)
