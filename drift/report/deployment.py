"""The report of a deployment, from the scoring log, the registry and the table that was scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drift.blocks import Reference, Table
from drift.detect import ThresholdForecast
from drift.loop.journal import Journal
from drift.loop.records import AuditLine, Deployment
from drift.policies.history import BlockRecord
from drift.report.details import moved_features, version_lines, versions_with_cards
from drift.report.page import ReportData, write_report
from drift.sources.calendar import CALENDAR_NAMES
from drift.tracking.registry import Registry


def write_deployment(
    journal: Journal,
    deployment: Deployment,
    table: Table,
    registry: Registry,
    references: Callable[[int], Reference],
    path: Path,
    *,
    threshold: float | None,
    flags_below: bool,
    forecasts: Callable[[Sequence[BlockRecord]], Mapping[int, ThresholdForecast]],
) -> Path:
    """Write the report of what a deployment has scored so far, one block or more.

    Args:
        journal: the scoring log.
        deployment: whose blocks.
        table: that its rows belong to.
        registry: of its model's versions.
        references: of a version, by its number.
        path: of the page.
        threshold: of the accuracy; None for a policy that has none.
        flags_below: whether the policy flags the blocks below the threshold, and no others.
        forecasts: of the blocks until the threshold, made after each block, by its index.
    """
    blocks, decisions = journal.blocks(deployment.id), journal.decisions(deployment.id)
    answered = {deployment.first_champion, *(block.version for block in blocks)}
    challengers = {decision.challenger for decision in decisions if decision.challenger is not None}
    accepted = {version: references(version).accuracy for version in answered}
    made = versions_with_cards(registry, answered | challengers)
    trail = journal.trail(deployment.model)
    data = ReportData(
        deployment=deployment,
        threshold=threshold,
        flags_below=flags_below,
        classes=table.classes,
        accepted=accepted,
        blocks=blocks,
        decisions=decisions,
        answers=journal.answers(deployment.id),
        trail=[line for line in trail if _of_deployment(line, deployment, until=blocks[-1].scored_at)],
        data_name=table.name,
        seen={version.number: card.seen for version, card in made},
        versions=version_lines(
            made, blocks, decisions, accepted=accepted, table=table, first_champion=deployment.first_champion
        ),
        forecasts=forecasts(blocks),
        moved=moved_features(blocks, table, references, ignore=CALENDAR_NAMES),
    )
    return write_report(data, path)


def _of_deployment(line: AuditLine, deployment: Deployment, *, until: str) -> bool:
    """Whether a line of the trail is about a deployment, or changed the champion before its last block was scored."""
    changed = line.action != "refuse" and deployment.began_at <= line.at <= until
    return changed or line.evidence.get("deployment") == deployment.id
