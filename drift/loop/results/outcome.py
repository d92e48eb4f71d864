"""What came of a deployment: a few numbers, verdict, confusion matrices, chance bands; for its report and `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from drift.data.blocks import Integers
from drift.detect.accuracy.block_tests import chance_band
from drift.loop.journal.records import Answers, DecisionRecord
from drift.loop.scoring.rows import has_seen, outside_changes
from drift.metrics.classification.counts import confusion
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


@dataclass(frozen=True)
class ConfusionTable:
    """A confusion matrix with its accuracy.

    Attributes:
        title: whose predictions it counts.
        counts: of rows by label and prediction, (classes, classes); rows of the matrix are labels.
        accuracy: share of the diagonal, in [0, 1].
        rows: that are counted, one or more.
    """

    title: str
    counts: list[list[int]]
    accuracy: float
    rows: int


@dataclass(frozen=True)
class ChampionChange:
    """A version that became champion while the deployment ran, or at its end.

    Attributes:
        before: index of the first block after the change; one past the last block for a change at the end.
        version: that became champion.
        words: when and how, for people.
    """

    before: int
    version: int
    words: str


@dataclass(frozen=True)
class DeploymentOutcome:
    """What came of the blocks that a deployment scored.

    Attributes:
        summary: counts and accuracies.
        verdict: the same in a few sentences that can be read alone.
        confusions: as served; or before and after the first change of champion, on the same rows.
        chance_bands: by block, lower and upper end of the central 95 % of block accuracies, in [0, 1], if the accuracy
            that the version was accepted with still held and rows were independent.
        champion_changes: in order.
        seen_blocks: indices of blocks of which the version that answered had seen rows.
    """

    summary: Summary
    verdict: str
    confusions: Sequence[ConfusionTable]
    chance_bands: Sequence[tuple[float, float]]
    champion_changes: Sequence[ChampionChange]
    seen_blocks: frozenset[int]

    @property
    def record(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return {
            "verdict": self.verdict,
            "confusions": [asdict(table) for table in self.confusions],
            "chance_bands": list(self.chance_bands),
            "champion_changes": [asdict(change) for change in self.champion_changes],
            "seen_blocks": sorted(self.seen_blocks),
        }


def deployment_outcome(
    blocks: Sequence[BlockRecord],
    decisions: Sequence[DecisionRecord],
    answers: Answers,
    *,
    classes: int,
    first_champion: int,
    accepted: Mapping[int, float],
    seen: Mapping[int, int],
    flagged_below: float | None,
) -> DeploymentOutcome:
    """Of what a deployment has scored so far.

    Args:
        blocks: that were scored, one or more.
        decisions: that were made.
        answers: to all rows of the blocks.
        classes: number of classes; larger labels among the answers count as further ones.
        first_champion: version that the deployment began with.
        accepted: accuracy of each version that answered, on its reference, in [0, 1].
        seen: by version, one past the last row that had a part in it.
        flagged_below: accuracy below which the policy flags the blocks, and no others; None for another policy.
    """
    total = summary(blocks, decisions, first_champion=first_champion, seen=seen)
    seen_blocks = frozenset(block.index for block in blocks if has_seen(block, seen))
    return DeploymentOutcome(
        summary=total,
        verdict=verdict(total, blocks, threshold=flagged_below),
        confusions=_confusions(
            total, answers, classes, new_blocks=[block.index for block in blocks if block.index not in seen_blocks]
        ),
        chance_bands=[chance_band(block.rows, accepted[block.version]) for block in blocks],
        champion_changes=champion_changes(blocks, decisions, first_champion=first_champion),
        seen_blocks=seen_blocks,
    )


def champion_changes(
    blocks: Sequence[BlockRecord], decisions: Sequence[DecisionRecord], *, first_champion: int
) -> list[ChampionChange]:
    """Promotions by the deployment and changes from outside, in order; arguments as those of `deployment_outcome`."""
    last = blocks[-1].index
    promoted = [
        ChampionChange(
            min(decision.block, last) + 1,
            decision.challenger,
            f"version {decision.challenger} promoted {moment(decision, last)}",
        )
        for decision in decisions
        if decision.outcome == "promoted" and decision.challenger is not None
    ]
    outside = [
        ChampionChange(change.block, change.version, change.words)
        for change in outside_changes(blocks, decisions, first_champion=first_champion)
    ]
    return sorted([*promoted, *outside], key=lambda change: change.before)


def moment(decision: DecisionRecord, last: int) -> str:
    """When a decision was made, in words: at the end if it is about no block up to the `last`."""
    return "at the end" if decision.block > last else f"after block {decision.block}"


def verdict(total: Summary, blocks: Sequence[BlockRecord], *, threshold: float | None) -> str:
    """What was flagged, which version serves, what changes of champion gained, and which rows are left out.

    Args:
        total: the summary of the blocks.
        blocks: that were scored.
        threshold: below which blocks are flagged; None if other blocks are flagged, too.
    """
    left_out = f" {total.seen_words[0].upper()}{total.seen_words[1:]}." if total.seen_words else ""
    return f"{_what_came(total, blocks, threshold)}{left_out}"


def _what_came(total: Summary, blocks: Sequence[BlockRecord], threshold: float | None) -> str:
    if threshold is None:
        none, some = "No block was flagged", "were flagged" if total.flagged > 1 else "was flagged"
    else:
        none, some = (f"{words} below the threshold of {threshold:.4g}" for words in ("No block fell", "fell"))
    refused = f"{_count(total.refusals, 'challenger')} refused" if total.refusals else ""
    if not total.flagged and not total.rows_after and not total.outside:
        served = list(dict.fromkeys(block.version for block in blocks))
        versions = f"version{'s' if len(served) > 1 else ''} {', '.join(map(str, served))}"
        text = f"{none}: {versions} served all {total.rows:,} rows."
        if total.promotions:
            return f"{text} Version {total.last_version} was promoted at the end and serves from now on."
        return f"{text} At the end: {refused}." if refused else text
    flagged = f"{total.flagged} of {_count(total.blocks, 'block')} {some}" if total.flagged else none
    changes = _count(total.promotions, "promotion") if total.promotions else ""
    if total.outside:
        from_outside = f"{_count(total.outside, 'change')} of champion from outside this deployment"
        changes = f"{changes} and {from_outside}" if changes else from_outside
    if total.accuracy_after is None or total.accuracy_without is None:
        if total.outside:
            return f"{flagged}. After {changes}, version {total.last_version} serves."
        if total.promotions:
            return f"{flagged}; version {total.last_version} was promoted after the last one and serves from now on."
        return f"{flagged}, and version {total.first_version} still serves{f': {refused}' if refused else ''}."
    more = round((total.accuracy_after - total.accuracy_without) * total.rows_after)
    kind = "more right answers than" if more > 0 else "fewer right answers than" if more < 0 else "as many right as"
    count = f"{abs(more):,} " if more else ""
    return (
        f"{flagged}. After {changes}, version {total.last_version} serves. On the"
        f" {total.rows_after:,} rows since the first one, accuracy was {total.accuracy_after:.3f}:"
        f" {count}{kind} version {total.first_version} would have had ({total.accuracy_without:.3f})."
    )


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _confusions(total: Summary, answers: Answers, classes: int, *, new_blocks: Sequence[int]) -> list[ConfusionTable]:
    """On the rows since the first change of champion, without and with it; without a change, on all rows.

    Only rows of the blocks in `new_blocks` count, unless there are none.
    """
    new = np.isin(answers.blocks, new_blocks)
    since = new & (answers.blocks >= (total.blocks if total.changed_at is None else total.changed_at))
    if not since.any():
        counted = new if new.any() else np.ones(len(new), bool)
        return [_table("as served", answers.labels[counted], answers.predictions[counted], classes)]
    labels = answers.labels[since]
    changes = "changes of champion" if total.outside else "promotions"
    return [
        _table(f"before: version {total.first_version}, had it stayed", labels, answers.first_champion[since], classes),
        _table(f"after: as served, with the {changes}", labels, answers.predictions[since], classes),
    ]


def _table(title: str, labels: Integers, predictions: Integers, classes: int) -> ConfusionTable:
    counts = confusion(labels, predictions, max(classes, 1 + int(max(labels.max(), predictions.max()))))
    return ConfusionTable(title, counts.tolist(), float(np.trace(counts)) / len(labels), len(labels))
