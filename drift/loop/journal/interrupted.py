"""What the audit trail tells of a challenge that was interrupted before its decision was written."""

from __future__ import annotations

from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine, DecisionRecord, Deployment


def verdict_of(journal: Journal, deployment: Deployment, *blocks: int) -> AuditLine | None:
    """The newest audit line of a challenge by a deployment after one of these blocks; None if there is none."""
    for line in reversed(journal.trail(deployment.model)):
        evidence = line.evidence
        if line.action not in ("promote", "refuse") or evidence.get("deployment") != deployment.id:
            continue
        if evidence.get("block") in blocks and "agreed_by" in evidence:
            return line
    return None


def next_try(line: AuditLine | None) -> int:
    """The number of the try that follows a line, from 1."""
    return 1 if line is None else 1 + int(line.evidence.get("try", 0))


def has_further_tries(line: AuditLine, champion: int) -> bool:
    """Whether a challenge goes on after a line: a refusal before the last try, while the same champion serves.

    Args:
        line: of the challenge.
        champion: the version that serves now.
    """
    left = line.evidence.get("try", 1) < line.evidence.get("tries", 1)
    return bool(left) and line.action == "refuse" and champion == line.to_version


def decision_of(line: AuditLine) -> DecisionRecord:
    """The decision that a crash kept from being written."""
    evidence = line.evidence
    return DecisionRecord(
        block=evidence["block"],
        retrain=True,
        by=evidence["agreed_by"],
        reason=f"{line.reason} ({line.by}); completed after a crash",
        evidence=evidence["flag"],
        outcome="promoted" if line.action == "promote" else "refused",
        challenger=evidence["challenger"],
        comparison=evidence["comparison"],
    )
