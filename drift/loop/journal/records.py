"""What the scoring log and the audit trail keep: deployments, answers, decisions, and changes of champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from drift.data.blocks import Integers

DONE, SUPERSEDED = "done", "superseded"  # states of a deployment that cannot be resumed
IMPOSSIBLE = "not possible"  # outcome of a decision to retrain for which there were too few rows


def now() -> str:
    """The time in UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Deployment:
    """A deployment as the log keeps it.

    Attributes:
        id: MODEL-DATE-TIME-HEX.
        model: name in the registry.
        run_id: of its MLflow run.
        options: `DeployOptions.to_json`, with `source` and `digest` of the table.
        first_champion: version that it began with.
        start_row: first row that it is to score.
        stop_row: one past the last; `Journal.scored` gives those that it has scored.
        state: `running`, `interrupted`, `done` or `superseded`.
        tracked: blocks that MLflow has.
        began_at: time in UTC, ISO 8601.
    """

    id: str
    model: str
    run_id: str
    options: Mapping[str, Any]
    first_champion: int
    start_row: int
    stop_row: int
    state: str
    tracked: int
    began_at: str

    @property
    def ended(self) -> bool:
        """Whether there is nothing to resume: it came to its end, or another one took its place."""
        return self.state in (DONE, SUPERSEDED)


@dataclass(frozen=True)
class Answers:
    """Answers row by row.

    Attributes:
        blocks: index of the block, (n,).
        labels: class codes, (n,).
        predictions: class codes as served, (n,).
        first_champion: class codes of the first champion, had nothing been promoted, (n,).
    """

    blocks: Integers
    labels: Integers
    predictions: Integers
    first_champion: Integers


@dataclass(frozen=True)
class DecisionRecord:
    """What came of a flagged block, of the question at the end, or of a challenger in shadow.

    Attributes:
        block: index of the block after which it was decided; one past the last for the question at the end.
        retrain: whether it was agreed to.
        by: who or what decided.
        reason: theirs.
        evidence: what was known then, by name.
        outcome: `promoted`, `refused`, `declined`, `shadow` (the challenger is judged on blocks to come), `failed`
            (no challenger came of its training), or `not possible` (there were too few rows to train one).
        challenger: its version; None if there is none.
        comparison: of challenger and champion, by name; None if they were not compared.
        at: time in UTC, ISO 8601; empty until it is in the log.
    """

    block: int
    retrain: bool
    by: str
    reason: str
    evidence: Mapping[str, float]
    outcome: str
    challenger: int | None = None
    comparison: Mapping[str, float] | None = None
    at: str = ""


@dataclass(frozen=True)
class AuditLine:
    """Who or what changed the champion, and why.

    Attributes:
        action: `deploy`, `promote`, `refuse`, `rollback` or `repair`.
        from_version: champion before; None if there was none.
        to_version: champion afterwards.
        by: who or what decided, by the name that the environment says.
        reason: why, in words.
        evidence: why, in numbers.
        at: time in UTC, ISO 8601; empty until it is in the log.
        model: name in the registry; empty until it is in the log.
        uid: user id of the process that wrote the line, as the system says; None until it is in the log, and for lines
            of older versions of this package.
    """

    action: str
    from_version: int | None
    to_version: int
    by: str
    reason: str
    evidence: Mapping[str, Any]
    at: str = ""
    model: str = ""
    uid: int | None = None


@dataclass(frozen=True)
class KnownRelease:
    """A release that may be served, and why.

    Attributes:
        digest: over model, card and reference (`drift.tracking.runs.release`), 64 hex digits.
        model: name in the registry; empty for a base model that had none yet.
        version: registered version; None for a base model that had none yet.
        how: `trained here`, `accepted`, or `signed by FINGERPRINT`.
        by: who trained or accepted it, or ran the command that found the signature.
        at: time in UTC, ISO 8601; empty until it is in the log.
    """

    digest: str
    model: str
    version: int | None
    how: str
    by: str
    at: str = ""
