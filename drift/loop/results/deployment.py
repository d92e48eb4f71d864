"""What a deployment found, for `drift deploy` to print and to write as JSON, for its report, and for programs.

Beyond the scoring log: how each version was made, and which features moved. Computed once, for the report and `--json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from drift.data.blocks import Floats, Reference, Table
from drift.data.calendar import CALENDAR_NAMES
from drift.detect import ThresholdForecast
from drift.detect.columns.univariate import ks_tests
from drift.errors import ExitCode, TrackingError
from drift.loop.advice.threshold_advice import ThresholdAdvice
from drift.loop.card import Card
from drift.loop.events import Ending
from drift.loop.journal.records import Answers, DecisionRecord, Deployment
from drift.loop.options import DeployOptions
from drift.loop.outlook import ByHand
from drift.loop.results.outcome import DeploymentOutcome, Summary, deployment_outcome
from drift.loop.scoring.rows import has_seen, outside_changes
from drift.policies.history import BlockRecord
from drift.tracking.registry import Registry, Version
from drift.tracking.runs.lookup import model_card

FROM_OUTSIDE = "champion from outside"
LEVEL = 0.01  # of the tests of features


@dataclass(frozen=True)
class VersionLine:
    """A version that answered or was a challenger in a deployment.

    Attributes:
        number: of the version, from 1.
        kind: `base` or `retrain`: what made it; empty if MLflow does not say.
        outcome: what became of it: `first champion`, `promoted`, `refused`, another outcome of a decision, or
            `champion from outside`, for one that no decision of the deployment promoted.
        fit_rows: first and last row of the table that its weights have learned from.
        fit_times: times of these rows, ISO 8601 to the minute; None if the table has no times.
        reference_rows: first and last row on which it was accepted.
        accepted: its accuracy on these, in [0, 1]; None if it never answered.
        blocks: that it answered.
        rows: that it answered.
        accuracy: on the blocks that it answered, without those of which it had seen rows, in [0, 1]; None if there
            are none.
        parameters: of its network and its training.
        run_id: of the MLflow run that trained it.
    """

    number: int
    kind: str
    outcome: str
    fit_rows: tuple[int, int]
    fit_times: tuple[str, str] | None
    reference_rows: tuple[int, int]
    accepted: float | None
    blocks: int
    rows: int
    accuracy: float | None
    parameters: Mapping[str, float | int]
    run_id: str


@dataclass(frozen=True)
class MovedFeature:
    """A feature whose values differed from the reference of the version that answered.

    Attributes:
        feature: its name.
        blocks: in which its own test rejected.
        first: index of the first of these.
        largest: index of the block with the largest distance.
        distance: the Kolmogorov-Smirnov distance there, in [0, 1].
        before: median of the reference that this block was compared with.
        after: median of this block.
    """

    feature: str
    blocks: int
    first: int
    largest: int
    distance: float
    before: float
    after: float


@dataclass(frozen=True)
class DeploymentDetails:
    """What a report and a file of numbers say of a deployment.

    Attributes:
        accepted: accuracy of each version that answered, on its reference, in [0, 1].
        seen: one past the last row that had a part in each version.
        versions: that answered or were challengers.
        moved: features that differed from the reference, those of the most blocks first.
        outcome: verdict, confusion matrices and chance bands.
    """

    accepted: Mapping[int, float]
    seen: Mapping[int, int]
    versions: Sequence[VersionLine]
    moved: Sequence[MovedFeature]
    outcome: DeploymentOutcome


def deployment_details(
    deployment: Deployment,
    blocks: Sequence[BlockRecord],
    decisions: Sequence[DecisionRecord],
    answers: Answers,
    *,
    table: Table,
    registry: Registry,
    references: Callable[[int], Reference],
    options: DeployOptions,
) -> DeploymentDetails:
    """Of what a deployment has scored so far, one block or more.

    Args:
        deployment: whose blocks.
        blocks: that it scored.
        decisions: that were made.
        answers: to all rows of the blocks.
        table: that its rows belong to.
        registry: of its model's versions.
        references: of a version, by its number.
        options: of the deployment.
    """
    answered = {deployment.first_champion, *(block.version for block in blocks)}
    challengers = {decision.challenger for decision in decisions if decision.challenger is not None}
    accepted = {version: references(version).accuracy for version in answered}
    cards = versions_with_cards(registry, answered | challengers)
    seen = {version.number: card.seen for version, card in cards}
    return DeploymentDetails(
        accepted=accepted,
        seen=seen,
        versions=version_lines(
            cards, blocks, decisions, accepted=accepted, table=table, first_champion=deployment.first_champion
        ),
        moved=moved_features(blocks, table, references, ignore=CALENDAR_NAMES),
        outcome=deployment_outcome(
            blocks,
            decisions,
            answers,
            classes=len(table.classes),
            first_champion=deployment.first_champion,
            accepted=accepted,
            seen=seen,
            flagged_below=options.threshold if options.flags_below else None,
        ),
    )


def versions_with_cards(registry: Registry, numbers: Iterable[int]) -> list[tuple[Version, Card]]:
    """Versions by number, with their cards; those that were deleted are left out."""
    versions = []
    for number in sorted(set(numbers)):
        with suppress(TrackingError):
            version = registry.get(number)
            versions.append((version, Card.from_metadata(model_card(registry.store, version.model_id))))
    return versions


def version_lines(
    versions: Sequence[tuple[Version, Card]],
    blocks: Sequence[BlockRecord],
    decisions: Sequence[DecisionRecord],
    *,
    accepted: Mapping[int, float],
    table: Table,
    first_champion: int | None = None,
) -> list[VersionLine]:
    """Every version that answered or was a challenger, by number.

    Args:
        versions: whose model is still in MLflow, with their cards, by number.
        blocks: that were scored, one or more.
        decisions: of the deployment.
        accepted: accuracy of the versions that answered, on their references.
        table: that the rows belong to.
        first_champion: version that the deployment began with; by default the one that answered the first block.
    """
    outcomes = {decision.challenger: decision.outcome for decision in decisions if decision.challenger is not None}
    first = blocks[0].version if first_champion is None else first_champion
    for change in outside_changes(blocks, decisions, first_champion=first):
        if outcomes.get(change.version) != "promoted":
            outcomes[change.version] = FROM_OUTSIDE
    lines = []
    for version, card in versions:
        number = version.number
        own = [block for block in blocks if block.version == number]
        rows = sum(block.rows for block in own)
        new = [block for block in own if not has_seen(block, {number: card.seen})]
        start, stop = card.fit_rows
        times = None
        if table.timestamps is not None:
            times = str(table.timestamps[start])[:16], str(table.timestamps[stop - 1])[:16]
        lines.append(
            VersionLine(
                number=number,
                kind=version.tags.get("drift.kind", ""),
                outcome="first champion" if number == first else outcomes.get(number, "champion"),
                fit_rows=(start, stop - 1),
                fit_times=times,
                reference_rows=(card.reference_rows[0], card.reference_rows[1] - 1),
                accepted=accepted.get(number),
                blocks=len(own),
                rows=rows,
                accuracy=sum(block.correct for block in new) / sum(block.rows for block in new) if new else None,
                parameters=card.parameters,
                run_id=version.run_id,
            )
        )
    return lines


def moved_features(
    blocks: Sequence[BlockRecord], table: Table, references: Callable[[int], Reference], *, ignore: Sequence[str] = ()
) -> list[MovedFeature]:
    """Features that differ from the reference in some block, those of the most blocks first.

    Each block is compared with the reference of the version that answered it, feature by feature, by the
    Kolmogorov-Smirnov test of the detector `features`, corrected for the number of features. Rows of a stream depend
    on one another, so this shows where values are unusual, not that accuracy fell.

    Args:
        blocks: that were scored.
        table: with the rows of these.
        references: by version.
        ignore: names of features that are not compared.
        level: of the tests of one block together.
    """
    kept = [at for at, name in enumerate(table.feature_names) if name not in ignore]
    names = [table.feature_names[at] for at in kept]
    counts: dict[str, list[tuple[int, float, float, float]]] = {name: [] for name in names}
    for block in blocks if kept else ():
        before: Floats = references(block.version).features[:, kept]
        after = table.features[block.start : block.stop][:, kept]
        for at, test in enumerate(ks_tests(before, after, names, level=LEVEL).features):
            if test.adjusted <= LEVEL:
                medians = float(np.median(before[:, at])), float(np.median(after[:, at]))
                counts[test.feature].append((block.index, test.statistic, *medians))
    moved = []
    for name, times in counts.items():
        if times:
            largest = max(times, key=itemgetter(1))
            moved.append(MovedFeature(name, len(times), times[0][0], *largest))
    return sorted(moved, key=lambda feature: (-feature.blocks, -feature.distance))


@dataclass(frozen=True)
class DeployResult:
    """How a deployment ended.

    Attributes:
        deployment: as the log keeps it.
        options: that it had.
        blocks: every scored block, in order.
        decisions: what came of flagged blocks, of challengers, and of the question at the end.
        exit_code: of the command.
        report: the page; None if none was written.
        forecasts: made after each block, by its index.
        details: versions, features that moved, and what came of it.
        ending: what was or would have been asked at the end.
        by_hand: the retrain that is proposed now; None while MLflow is away.
        rows_left: of the table, after those that any deployment scored.
        threshold_advice: of the first version with most blocks flagged without drift.
    """

    deployment: Deployment
    options: DeployOptions
    blocks: list[BlockRecord]
    decisions: list[DecisionRecord]
    exit_code: ExitCode
    report: Path | None
    forecasts: Mapping[int, ThresholdForecast]
    details: DeploymentDetails
    ending: Ending | None = None
    by_hand: ByHand | None = None
    rows_left: int = 0
    threshold_advice: ThresholdAdvice | None = None

    def __str__(self) -> str:
        """The deployment in a few numbers."""
        return "\n".join(self.summary.lines())

    @property
    def summary(self) -> Summary:
        """The deployment in a few numbers."""
        return self.details.outcome.summary

    @property
    def records(self) -> list[dict[str, Any]]:
        """One for each block, as plain values."""
        return [
            {
                **vars(block),
                "accuracy": block.accuracy,
                "wrong": block.wrong,
                "forecast": self.forecasts[block.index].record,
            }
            for block in self.blocks
        ]

    @property
    def numbers(self) -> dict[str, Any]:
        """What the records of blocks do not have."""
        short = self.summary
        return {
            "deployment": self.deployment.id,
            "run_id": self.deployment.run_id,
            **{name: getattr(short, name) for name in ("accuracy", "seen_rows", "flagged", "promotions")},
            "changes_from_outside": short.outside,
            "decisions": [vars(decision) for decision in self.decisions],
            "lowest_accuracy": self.ending and self.ending.lowest.accuracy,
            "distance_from_threshold": self.ending and self.ending.distance,
            "threshold_advice": self.threshold_advice,
            "model_versions": list(self.details.versions),
            "moved_features": list(self.details.moved),
            **self.details.outcome.record,
            "report": self.report and str(self.report),
            "exit_code": int(self.exit_code),
        }
