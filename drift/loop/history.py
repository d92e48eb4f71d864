"""The audit trail of a model, for `drift history`: it works without MLflow, and only reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drift import next_steps
from drift.loop.journal.journal import Journal
from drift.loop.journal.lost_log import lost_log_of
from drift.loop.journal.records import AuditLine
from drift.loop.project_dir import ProjectDir


@dataclass(frozen=True)
class AuditTrail:
    """Every change of a model's champion.

    Attributes:
        changes: oldest first, refusals among them.
        changed_line: the first line that does not fit those before it; None if none was changed.
        note: why there are no changes, or that the log was lost; empty otherwise.
    """

    changes: list[AuditLine]
    changed_line: AuditLine | None
    note: str

    @property
    def lines(self) -> Iterator[tuple[str, int]]:
        """Lines for people, each with the indent of its continuation, in characters."""
        for change in self.changes:
            versions = f"{change.from_version or '–'} → {change.to_version}"
            yield f"{_moment(change)}  {change.action:<9} {versions:<8} {change.by}: {change.reason}", 21
        if (line := self.changed_line) is not None:
            yield f"warning: the trail was changed by somebody at, or just before, the line of {_moment(line)}", 2


def history_of(model_name: str) -> AuditTrail:
    """The audit trail of a model.

    Raises:
        StateError: the current folder is not that of a deployment.
    """
    home = ProjectDir(read=True)
    journal = Journal(home.log, read=True)
    changes = journal.trail(model_name)
    note = "" if any(line.action != "refuse" for line in changes) else lost_log_of(model_name, home)
    changed_line = journal.changed_line()
    if not changes and not note:
        home.require()
        others = journal.models()
        elsewhere = f"; {next_steps.for_other_model(others, default='history')}" if others else ""
        note = f"nothing has happened to {model_name} yet{elsewhere}"
    return AuditTrail(changes, changed_line, note)


def _moment(line: AuditLine) -> str:
    return line.at[:19].replace("T", " ")
