"""The report of a deployment, from the scoring log, the registry and the table that was scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drift.data.blocks import Table
from drift.detect import ThresholdForecast
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine, Deployment
from drift.loop.results.deployment import DeploymentDetails
from drift.policies.history import BlockRecord
from drift.report.page import ReportData, write_report


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
    return write_report(data, path)


def _of_deployment(line: AuditLine, deployment: Deployment, *, until: str) -> bool:
    """Whether a line of the trail is about a deployment, or changed the champion before its last block was scored."""
    changed = line.action != "refuse" and deployment.began_at <= line.at <= until
    return changed or line.evidence.get("deployment") == deployment.id
