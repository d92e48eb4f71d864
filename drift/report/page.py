"""The report of a deployment: one HTML file that asks the network for nothing; and what all pages are made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift import __version__
from drift.charts.plots import as_html
from drift.detect import ThresholdForecast
from drift.detect.permutation.p_values import format_p_value
from drift.errors import StateError
from drift.loop.journal.records import AuditLine, DecisionRecord, Deployment, now
from drift.loop.results.deployment import DeploymentDetails
from drift.policies.history import BlockRecord
from drift.system.disk import write_at_once

if TYPE_CHECKING:
    from jinja2 import Environment


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


def write_report(data: ReportData, path: Path) -> Path:
    """Write the page to `path`, whole or not at all."""
    return write_whole(render(data), path)


def write_whole(text: str, path: Path) -> Path:
    """Write a page to `path`, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, text.encode())
    except OSError as error:
        raise StateError(f"the report cannot be written to {path}: {error.strerror}") from error
    return path


def render(data: ReportData) -> str:
    """The page as text."""
    from drift.report import charts
    from drift.report.forecasts import forecast_chart

    blocks, outcome = data.blocks, data.details.outcome
    figures = {
        "accuracy": charts.accuracy_chart(blocks, outcome, threshold=data.threshold),
        "detectors": charts.detector_chart(blocks),
    }
    if data.forecasts:
        figures["forecasts"] = forecast_chart(data.forecasts, {block.index: block.version for block in blocks})
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


def page_of(template: str, **values: Any) -> str:
    """A page as text.

    Args:
        template: its file in this folder.
        values: that it shows.
    """
    page: str = environment().get_template(template).render(values)
    return page


def plotly_library() -> str:
    """Plotly's JavaScript, whole, for pages that ask the network for nothing."""
    from plotly.offline import get_plotlyjs

    library: str = get_plotlyjs()
    return library


def environment(folder: str = "report") -> Environment:
    """Where templates come from, a folder of this package; everything in them is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("drift", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {"plotly_library": plotly_library, "version": __version__}
    templates.filters |= {"p_value": format_p_value, "draw": as_html}
    return templates
