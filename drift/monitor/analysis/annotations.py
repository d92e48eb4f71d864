"""Findings of people about rows: anomaly or real, with a reason, a note and tags; and all findings as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drift.errors import UsageError
from drift.monitor.store.records import Batch, Finding, MonitorRecord, Verdict, now

LONGEST_REASON, LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 500, 4_000, 40, 10


def finding_of(batch: Batch, row: Mapping[str, Any], form: Mapping[str, str], *, by: str) -> Finding:
    """A finding as a person has filled it in.

    Args:
        batch: of the row.
        row: with its key, features, prediction and label.
        form: verdict ("anomaly" or "real"), reason, note, and tags with commas between them.
        by: who.

    Raises:
        UsageError: no verdict, or a row that is real without a reason.
    """
    verdict: Verdict | None = {"anomaly": "anomaly", "real": "real"}.get(form.get("verdict", ""))  # type: ignore[assignment]
    reason = form.get("reason", "").strip()[:LONGEST_REASON]
    if verdict is None:
        raise UsageError("expected a verdict: anomaly or real")
    if verdict == "real" and not reason:
        raise UsageError("expected a reason for a row that is real: why was it answered wrongly?")
    tags = [" ".join(tag.split())[:LONGEST_TAG] for tag in form.get("tags", "").split(",")]
    return Finding(
        id=0,
        batch=batch.name,
        key=str(row["key"]),
        verdict=verdict,
        reason=reason,
        note=form.get("note", "").strip()[:LONGEST_NOTE],
        tags=tuple(dict.fromkeys(tag for tag in tags if tag))[:MOST_TAGS],
        row={name: row[name] for name in ("features", "prediction", "truth", "confidence", "time")},
        by=by,
        at=now(),
    )


def as_markdown(monitor: MonitorRecord, findings: Sequence[Finding]) -> str:
    """Findings, newest first, as a document; texts cannot become markup."""
    lines = [f"# Findings of {_plain(monitor.name)}", ""]
    if not findings:
        lines.append("None yet.")
    for finding in findings:
        lines += [
            f"## {finding.at[:10]}: row {_plain(finding.key)} of {_plain(finding.batch)}, {finding.verdict}",
            "",
            *([f"- reason: {_plain(finding.reason)}"] if finding.reason else []),
            f"- by {_plain(finding.by)}, {finding.at[:16].replace('T', ' ')} UTC",
            f"- predicted {_plain(finding.row.get('prediction'))}, true {_plain(finding.row.get('truth'))}",
            *([f"- tags: {', '.join(map(_plain, finding.tags))}"] if finding.tags else []),
            "- row: " + ", ".join(f"{_plain(name)} {_plain(value)}" for name, value in finding.row["features"].items()),
            "",
        ]
        if finding.note:
            lines += [*(f"> {_plain(line)}" for line in finding.note.splitlines()), ""]
    return "\n".join(lines).rstrip() + "\n"


def _plain(value: object) -> str:
    """A value in which nothing is Markdown or HTML."""
    text = f"{value:.6g}" if isinstance(value, float) else "missing" if value is None else " ".join(str(value).split())
    for sign in "\\`*_{}[]()#+!|~":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
