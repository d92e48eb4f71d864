"""Retraining by count of blocks, whatever the model does: never, every so many, at even distances, in hindsight."""

from __future__ import annotations

from collections.abc import Collection

from drift.errors import UsageError
from drift.policies.history import History
from drift.policies.protocol import Decision, PolicyDeclaration, PolicyParameter, PolicySettings, require_within_stream


class Never:
    """Never retrain."""

    name = "never"

    def decide(self, history: History) -> Decision:
        """No."""
        return Decision(False, False, "never", {})


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


def _make_every(settings: PolicySettings, blocks: float) -> Every:
    require_within_stream(blocks, settings, "every:K")
    return Every(int(blocks))


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


def _make_spaced(settings: PolicySettings, retrains: float) -> Spaced:
    require_within_stream(retrains, settings, "spaced:R")
    return Spaced(int(retrains), settings.blocks)


class Scheduled:
    """Retrain after the given blocks, and no others."""

    def __init__(self, after: Collection[int], name: str = "oracle") -> None:
        self.after = frozenset(after)  # block indices
        self.name = name

    def decide(self, history: History) -> Decision:
        """Look the block up."""
        return Decision(False, history.blocks[-1].index in self.after, "scheduled", {})


def _make_oracle(settings: PolicySettings, retrains: float) -> Scheduled:
    if settings.hindsight is None:
        raise UsageError("expected a policy that decides from past blocks, got oracle, which needs every label")
    return Scheduled(settings.hindsight(int(retrains)), f"oracle:{retrains:g}")


NEVER = PolicyDeclaration("never", "never", lambda settings: Never())
EVERY = PolicyDeclaration(
    "every",
    "after every K blocks",
    _make_every,
    (PolicyParameter("K", "blocks", 1, whole=True, low=1, of_stream=True),),
)
SPACED = PolicyDeclaration(
    "spaced",
    "R times, at even distances over the blocks that are scored",
    _make_spaced,
    (PolicyParameter("R", "retrains", 10, whole=True, of_stream=True),),
)
ORACLE = PolicyDeclaration(
    "oracle",
    "after the best R blocks in hindsight",
    _make_oracle,
    (PolicyParameter("R", "retrains", 10, whole=True, of_stream=True),),
    replay_only="it needs the labels of all blocks before the first is scored",
    hindsight=True,
)
