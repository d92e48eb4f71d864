"""A deployment in a few numbers: for the terminal's last lines and for the report's first ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drift.loop.events import BlockRecord
from drift.loop.records import DecisionRecord


@dataclass(frozen=True)
class Summary:
    """What came of a deployment's blocks."""

    blocks: int
    rows: int
    accuracy: float  # over all rows, in [0, 1]
    flagged: int
    promotions: int
    refusals: int
    first_version: int
    last_version: int  # that serves at the end
    rows_after: int  # rows scored since the first promotion
    accuracy_after: float | None  # of those rows, as served
    accuracy_without: float | None  # of those rows, had the first version stayed

    def lines(self) -> list[str]:
        """The same for people."""
        text = [f"{self.rows:,} rows in {self.blocks} blocks: accuracy {self.accuracy:.3f}, {self.flagged} flagged"]
        if self.accuracy_after is not None and self.accuracy_without is not None:
            text.append(
                f"since the first promotion, on {self.rows_after:,} rows: accuracy {self.accuracy_after:.3f};"
                f" version {self.first_version} would have had {self.accuracy_without:.3f}"
            )
        return text


def summary(blocks: Sequence[BlockRecord], decisions: Sequence[DecisionRecord]) -> Summary:
    """Summarise one or more scored blocks and the decisions that followed them."""
    rows = sum(block.rows for block in blocks)
    promoted = [decision for decision in decisions if decision.outcome == "promoted"]
    since = [block for block in blocks if promoted and block.index > promoted[0].block]
    after = sum(block.rows for block in since)
    last = promoted[-1] if promoted and promoted[-1].block >= blocks[-1].index else None
    return Summary(
        blocks=len(blocks),
        rows=rows,
        accuracy=sum(block.correct for block in blocks) / rows,
        flagged=sum(block.flagged for block in blocks),
        promotions=len(promoted),
        refusals=sum(decision.outcome == "refused" for decision in decisions),
        first_version=blocks[0].version,
        last_version=last.challenger if last and last.challenger else blocks[-1].version,
        rows_after=after,
        accuracy_after=sum(block.correct for block in since) / after if after else None,
        accuracy_without=sum(block.first_champion_correct for block in since) / after if after else None,
    )
