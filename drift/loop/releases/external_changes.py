"""Changes of champion that a deployment did not make itself: seen in which version answered which block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drift.loop.journal.records import DecisionRecord
from drift.policies.history import BlockRecord


@dataclass(frozen=True)
class OutsideChange:
    """Another version answered a block than was to be expected from the block before and the decisions.

    It was promoted or rolled back to by another command, or the alias was moved in MLflow.
    """

    block: int  # the first that `version` answered
    version: int
    before: int  # that was expected to answer

    @property
    def words(self) -> str:
        """The same for people."""
        return (
            f"version {self.version} answers from block {self.block} on (before: version {self.before}):"
            " the champion was changed from outside this deployment"
        )


def outside_change(block: int, version: int, serving: int, decisions: Sequence[DecisionRecord]) -> OutsideChange | None:
    """The change of champion that a block shows; None if it was answered by the version that was expected.

    Args:
        block: index of the block.
        version: that answered it.
        serving: version that answered the block before it, or with which the deployment began.
        decisions: of the deployment: one that promoted a version after the block before lets that version be expected.
    """
    promoted = [
        decision.challenger for decision in decisions if decision.outcome == "promoted" and decision.block == block - 1
    ]
    expected = promoted[-1] if promoted and promoted[-1] is not None else serving
    return None if version == expected else OutsideChange(block, version, expected)


def outside_changes(
    blocks: Sequence[BlockRecord], decisions: Sequence[DecisionRecord], *, first_champion: int
) -> list[OutsideChange]:
    """All such changes of a deployment that began with version `first_champion`, in order."""
    before = [first_champion, *(block.version for block in blocks)]
    changes = (
        outside_change(block.index, block.version, serving, decisions)
        for block, serving in zip(blocks, before, strict=False)
    )
    return [change for change in changes if change is not None]
