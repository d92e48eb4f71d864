"""The report of a deployment, from the scoring log, the registry and the table that was scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drift.data.blocks import Table
from drift.detect import ThresholdForecast
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine, DecisionRecord, Deployment, now
from drift.loop.results.deployment import DeploymentDetails
from drift.policies.history import BlockRecord
from drift.report import charts
from drift.report.page import page_of, write_whole


@dataclass(frozen=True)
class ReportData:
    """Everything a report is made from.

    Attributes:
        deployment: whose report.
        threshold: of the accuracy; None for a policy that has none.
        classes: names of the classes, by code.
        blocks: that were scored, one or more.
        decisions: that were made.
        trail: lines of the audit trail about the deployment.
        data_name: name of the table.
        details: of its versions and features, and what came of it.
        forecasts: made after each block, by its index.
    """

    deployment: Deployment
    threshold: float | None
    classes: tuple[str, ...]
    blocks: Sequence[BlockRecord]
    decisions: Sequence[DecisionRecord]
    trail: Sequence[AuditLine]
    data_name: str
    details: DeploymentDetails
    forecasts: Mapping[int, ThresholdForecast] = field(default_factory=dict)


def write_deployment(
    journal: Journal,
    deployment: Deployment,
    table: Table,
    details: DeploymentDetails,
    path: Path,
    *,
    threshold: float | None,
    forecasts: Callable[[Sequence[BlockRecord]], Mapping[int, ThresholdForecast]],
) -> Path:
    """Write the report of what a deployment has scored so far, one block or more.

    Args:
        journal: the scoring log.
        deployment: whose blocks.
        table: that its rows belong to.
        details: of its versions and features, and what came of it.
        path: of the page.
        threshold: of the accuracy; None for a policy that has none.
        forecasts: of the blocks until the threshold, made after each block, by its index.
    """
    blocks = journal.blocks(deployment.id)
    until = blocks[-1].scored_at
    data = ReportData(
        deployment=deployment,
        threshold=threshold,
        classes=table.classes,
        blocks=blocks,
        decisions=journal.decisions(deployment.id),
        trail=[line for line in journal.trail(deployment.model) if _of_deployment(line, deployment, until=until)],
        data_name=table.name,
        details=details,
        forecasts=forecasts(blocks),
    )
    return write_whole(render(data), path)


def render(data: ReportData) -> str:
    """The page as text."""
    blocks, outcome = data.blocks, data.details.outcome
    figures = {
        "accuracy": charts.accuracy_chart(blocks, outcome, threshold=data.threshold),
        "detectors": charts.detector_chart(blocks),
    }
    if data.forecasts:
        figures["forecasts"] = charts.forecast_chart(data.forecasts, {block.index: block.version for block in blocks})
    if any(decision.comparison for decision in data.decisions):
        figures["differences"] = charts.difference_chart(data.decisions, blocks[-1].index)
    return page_of(
        "page.html.j2",
        data=data,
        details=data.details,
        outcome=outcome,
        summary=outcome.summary,
        figures=figures,
        forecast=data.forecasts.get(blocks[-1].index),
        has_triangles=charts.has_triangles(blocks),
        made_at=now(),
    )


def _of_deployment(line: AuditLine, deployment: Deployment, *, until: str) -> bool:
    """Whether a line of the trail is about a deployment, or changed the champion before its last block was scored."""
    changed = line.action != "refuse" and deployment.began_at <= line.at <= until
    return changed or line.evidence.get("deployment") == deployment.id
