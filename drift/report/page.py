"""The report of a deployment: one HTML file that asks the network for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drift import __version__
from drift.data.blocks import Integers
from drift.detect import ThresholdForecast
from drift.detect.permutation.p_values import format_p_value
from drift.errors import StateError
from drift.loop.journal.records import Answers, AuditLine, DecisionRecord, Deployment, now
from drift.loop.results.details import MovedFeature, VersionLine
from drift.loop.results.summary import Summary, summary
from drift.loop.scoring.seen_rows import has_seen
from drift.metrics.classification.counts import confusion
from drift.policies.history import BlockRecord
from drift.system.disk import write_at_once

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class ReportData:
    """Everything a report is made from: the scoring log, the cards of the versions, and the table."""

    deployment: Deployment
    threshold: float | None  # of the accuracy; None for a policy that has none
    flags_below: bool  # whether the policy flags the blocks below the threshold, and no others
    classes: tuple[str, ...]
    accepted: Mapping[int, float]  # accuracy on its reference, by version
    blocks: Sequence[BlockRecord]  # one or more
    decisions: Sequence[DecisionRecord]
    answers: Answers  # of all rows
    trail: Sequence[AuditLine]
    data_name: str
    forecasts: Mapping[int, ThresholdForecast] = field(default_factory=dict)  # made after each block, by its index
    seen: Mapping[int, int] = field(default_factory=dict)  # by version, one past the last row that had a part in it
    versions: Sequence[VersionLine] = ()  # that answered or were challengers
    moved: Sequence[MovedFeature] = ()  # features, those of the most blocks first


@dataclass(frozen=True)
class ConfusionTable:
    """A confusion matrix, ready to be shown."""

    title: str
    counts: list[list[int]]  # rows are the truth
    accuracy: float
    rows: int


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

    figures = {
        "accuracy": charts.accuracy_chart(
            data.blocks,
            data.decisions,
            threshold=data.threshold,
            accepted=data.accepted,
            first_champion=data.deployment.first_champion,
            seen=data.seen,
        ),
        "detectors": charts.detector_chart(data.blocks),
    }
    if data.forecasts:
        figures["forecasts"] = forecast_chart(data.forecasts, {block.index: block.version for block in data.blocks})
    if any(decision.comparison for decision in data.decisions):
        figures["differences"] = charts.difference_chart(data.decisions, data.blocks[-1].index)
    page: str = (
        environment()
        .get_template(TEMPLATE)
        .render(
            data=data,
            figures={name: inline(figure) for name, figure in figures.items()},
            confusions=_confusions(data),
            summary=_summary(data),
            forecast=data.forecasts.get(data.blocks[-1].index),
            verdict=verdict(data),
            seen_blocks={block.index for block in data.blocks if has_seen(block, data.seen)},
            has_triangles=charts.has_triangles(data.blocks),
            plotly=plotly_library(),
            made_at=now(),
            version=__version__,
        )
    )
    return page


def _summary(data: ReportData) -> Summary:
    return summary(data.blocks, data.decisions, first_champion=data.deployment.first_champion, seen=data.seen)


def verdict(data: ReportData) -> str:
    """What came of the deployment, in a few sentences that can be read alone."""
    found = _summary(data)
    seen = f" {found.seen_words[0].upper()}{found.seen_words[1:]}." if found.seen_words else ""
    return f"{_outcome(data, found)}{seen}"


def _outcome(data: ReportData, found: Summary) -> str:
    """What was flagged, which version serves, and what changes of champion gained."""
    if data.threshold is None or not data.flags_below:
        none, some = "No block was flagged", "were flagged" if found.flagged > 1 else "was flagged"
    else:
        none, some = (f"{words} below the threshold of {data.threshold:.4g}" for words in ("No block fell", "fell"))
    refused = f"{_count(found.refusals, 'challenger')} refused" if found.refusals else ""
    if not found.flagged and not found.rows_after and not found.outside:
        served = list(dict.fromkeys(block.version for block in data.blocks))
        versions = f"version{'s' if len(served) > 1 else ''} {', '.join(map(str, served))}"
        text = f"{none}: {versions} served all {found.rows:,} rows."
        if found.promotions:
            return f"{text} Version {found.last_version} was promoted at the end and serves from now on."
        return f"{text} At the end: {refused}." if refused else text
    flagged = f"{found.flagged} of {_count(found.blocks, 'block')} {some}"
    if not found.flagged:
        flagged = none
    changes = _count(found.promotions, "promotion") if found.promotions else ""
    if found.outside:
        from_outside = f"{_count(found.outside, 'change')} of champion from outside this deployment"
        changes = f"{changes} and {from_outside}" if changes else from_outside
    if found.accuracy_after is None or found.accuracy_without is None:
        if found.outside:
            return f"{flagged}. After {changes}, version {found.last_version} serves."
        if found.promotions:
            return f"{flagged}; version {found.last_version} was promoted after the last one and serves from now on."
        return f"{flagged}, and version {found.first_version} still serves{f': {refused}' if refused else ''}."
    more = round((found.accuracy_after - found.accuracy_without) * found.rows_after)
    kind = "more right answers than" if more > 0 else "fewer right answers than" if more < 0 else "as many right as"
    count = f"{abs(more):,} " if more else ""
    return (
        f"{flagged}. After {changes}, version {found.last_version} serves. On the"
        f" {found.rows_after:,} rows since the first one, accuracy was {found.accuracy_after:.3f}:"
        f" {count}{kind} version {found.first_version} would have had ({found.accuracy_without:.3f})."
    )


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _confusions(data: ReportData) -> list[ConfusionTable]:
    """On the rows since the first change of champion, what would have been and what was; without one, on all rows.

    Rows are left out as from the accuracies.
    """
    answers, found = data.answers, _summary(data)
    new = np.isin(answers.blocks, [block.index for block in data.blocks if not has_seen(block, data.seen)])
    since = new & (answers.blocks >= (len(data.blocks) if found.changed_at is None else found.changed_at))
    if not since.any():
        counted = new if new.any() else np.ones(len(new), bool)
        return [_table("as served", answers.labels[counted], answers.predictions[counted], data)]
    labels = answers.labels[since]
    changes = "changes of champion" if found.outside else "promotions"
    return [
        _table(f"before: version {found.first_version}, had it stayed", labels, answers.first_champion[since], data),
        _table(f"after: as served, with the {changes}", labels, answers.predictions[since], data),
    ]


def _table(title: str, labels: Integers, predictions: Integers, data: ReportData) -> ConfusionTable:
    classes = max(len(data.classes), 1 + int(max(labels.max(), predictions.max())))
    counts = confusion(labels, predictions, classes)
    return ConfusionTable(title, counts.tolist(), float(np.trace(counts)) / len(labels), len(labels))


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
    templates.filters["p_value"] = format_p_value
    return templates


def inline(figure: Any) -> str:
    """A Plotly figure as HTML, for a page that has the library."""
    html: str = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    return html
