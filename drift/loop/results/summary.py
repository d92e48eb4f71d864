"""A deployment in a few numbers: for the terminal's last lines and for the report's first ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drift.loop.journal.records import DecisionRecord
from drift.loop.releases.external_changes import outside_changes
from drift.loop.scoring.seen_rows import has_seen
from drift.policies.history import BlockRecord


@dataclass(frozen=True)
class Summary:
    """What came of a deployment's blocks.

    Attributes:
        blocks: that were scored.
        rows: in these blocks.
        seen_blocks: blocks with rows that the version that answered had seen: left out of accuracies, unless all are.
        seen_rows: in these blocks.
        accuracy: over all other rows, in [0, 1].
        flagged: blocks.
        promotions: by the deployment itself.
        outside: other changes of champion, which the blocks show.
        refusals: of challengers.
        first_version: that answered.
        last_version: that serves at the end.
        changed_at: block from which on another version was champion than at first; None if none was.
        rows_after: rows scored since then, without those in `seen_blocks`.
        accuracy_after: of those rows, as served; None if there are none.
        accuracy_without: of those rows, had the first version stayed.
    """

    blocks: int
    rows: int
    seen_blocks: int
    seen_rows: int
    accuracy: float
    flagged: int
    promotions: int
    outside: int
    refusals: int
    first_version: int
    last_version: int
    changed_at: int | None
    rows_after: int
    accuracy_after: float | None
    accuracy_without: float | None

    @property
    def since_words(self) -> str:
        """From when on `accuracy_after` counts."""
        return "since the first change of champion" if self.outside else "since the first promotion"

    @property
    def counted_rows(self) -> int:
        """Rows that `accuracy` is over."""
        return self.rows - self.seen_rows or self.rows

    @property
    def seen_words(self) -> str:
        """Which rows are left out of the accuracies, and why; empty if none are."""
        if not self.seen_blocks:
            return ""
        if self.seen_rows == self.rows:
            return (
                "every block has rows that the version that answered had seen when it was made: the accuracy does not"
                " show how it does on new rows"
            )
        left_out = "1 block is" if self.seen_blocks == 1 else f"{self.seen_blocks:,} blocks are"
        return (
            f"{left_out} left out of the accuracies ({self.seen_rows:,} rows): the version that answered had seen rows"
            " of them when it was made"
        )

    def lines(self) -> list[str]:
        """The same for people."""
        text = [f"{self.rows:,} rows in {self.blocks} blocks: accuracy {self.accuracy:.3f}, {self.flagged} flagged"]
        if self.seen_words:
            text.append(self.seen_words)
        if self.accuracy_after is not None and self.accuracy_without is not None:
            text.append(
                f"{self.since_words}, on {self.rows_after:,} rows: accuracy {self.accuracy_after:.3f};"
                f" version {self.first_version} would have had {self.accuracy_without:.3f}"
            )
        return text


def summary(
    blocks: Sequence[BlockRecord],
    decisions: Sequence[DecisionRecord],
    *,
    first_champion: int | None = None,
    seen: Mapping[int, int] | None = None,
) -> Summary:
    """Summarise one or more scored blocks and the decisions that followed them.

    Args:
        blocks: of the deployment.
        decisions: of the deployment.
        first_champion: version that it began with; by default the one that answered the first block.
        seen: by version, one past the last row that had a part in it.
    """
    new = [block for block in blocks if not has_seen(block, seen or {})]
    counted = new or blocks
    first = blocks[0].version if first_champion is None else first_champion
    promoted = [decision for decision in decisions if decision.outcome == "promoted"]
    outside = outside_changes(blocks, decisions, first_champion=first)
    changes = [*(decision.block + 1 for decision in promoted), *(change.block for change in outside)]
    since = [block for block in new if changes and block.index >= min(changes)]
    after = sum(block.rows for block in since)
    last = promoted[-1] if promoted and promoted[-1].block >= blocks[-1].index else None
    return Summary(
        blocks=len(blocks),
        rows=sum(block.rows for block in blocks),
        seen_blocks=len(blocks) - len(new),
        seen_rows=sum(block.rows for block in blocks) - sum(block.rows for block in new),
        accuracy=sum(block.correct for block in counted) / sum(block.rows for block in counted),
        flagged=sum(block.flagged for block in blocks),
        promotions=len(promoted),
        outside=len(outside),
        refusals=sum(decision.outcome == "refused" for decision in decisions),
        first_version=first,
        last_version=last.challenger if last and last.challenger else blocks[-1].version,
        changed_at=min(changes, default=None),
        rows_after=after,
        accuracy_after=sum(block.correct for block in since) / after if after else None,
        accuracy_without=sum(block.first_champion_correct for block in since) / after if after else None,
    )
