"""What stands now: champion with its evidence, unfinished deployments, running servers; and the audit trail.

Status needs MLflow. The audit trail works without, and both only read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from drift import next_steps
from drift.errors import TrackingError
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine
from drift.loop.journal.repairs import began_anew, lost_log, lost_log_of, period_began
from drift.loop.project_dir import ProjectDir
from drift.loop.servers import ABANDONED, RunningServer, answering_version, running_servers
from drift.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry

INDENT = " " * 14


def status_of(registry: Registry, journal: Journal, home: ProjectDir) -> dict[str, Any]:
    """Champion, previous and challenger with their evidence, unfinished deployments and running servers."""
    if not registry.versions():
        raise TrackingError(f"there is no model {registry.name!r} in {registry.store.address}; {registry.first_step()}")
    status: dict[str, Any] = {"model": registry.name, "tracking_uri": registry.store.address}
    for alias in (CHAMPION, PREVIOUS, CHALLENGER):
        holder = registry.holder(alias)
        status[alias] = holder and {"version": holder.number, "run": holder.run_id, "sha256": holder.sha256}
    trail = journal.trail(registry.name)
    changes = [line for line in trail if line.action != "refuse"]
    if status[CHAMPION]:
        status[CHAMPION] |= _period(changes, status[CHAMPION]["version"])
    elif changes:
        status["missing_champion"] = changes[-1].to_version
    status["running"] = [_described(server, registry.name) for server in running_servers(home, registry.name)]
    alive = {server["deployment"] for server in status["running"]}
    status["unfinished"] = _unfinished(journal, registry.name, alive)
    status["lost_log"] = lost_log(registry, journal)
    anew = began_anew(trail)
    status["trail_began_anew"] = anew.at if anew else None
    return status


def _unfinished(journal: Journal, model: str, alive: Collection[str]) -> list[dict[str, Any]]:
    """Deployments that did not come to their end and are not under way, oldest first, as plain values.

    `--resume` takes the one that began last, also when that is under way: the others have to wait for its end.
    """
    scored = journal.scored(model)
    unfinished = [deployment for deployment in journal.deployments(model) if not deployment.ended]
    return [
        {
            "deployment": deployment.id,
            "scored_rows": len(scored.get(deployment.id, ())),
            "rows": deployment.stop_row - deployment.start_row,
            "resumed_after": None if deployment is unfinished[-1] else unfinished[-1].id,
        }
        for deployment in unfinished
        if deployment.id not in alive
    ]


def _period(changes: list[AuditLine], champion: int) -> dict[str, str | None]:
    """Since when, by whom and why `champion` is champion: the line that began the present period of the trail."""
    if not changes:
        return {}
    began = period_began(changes, champion)
    if began is None:
        last = changes[-1]
        reason = f"its alias was moved outside of this project, after {_moment(last.at)} (version {last.to_version})"
        return {"since": None, "by": "somebody else", "evidence": reason}
    return {"since": began.at, "by": began.by, "evidence": began.reason}


def _described(server: RunningServer, model: str) -> dict[str, Any]:
    """A running server as plain values."""
    state = "abandoned" if server.abandoned else "ending" if server.record.orphaned else "running"
    processes = [process.pid for process in server.record.processes]
    return {
        "deployment": server.name,
        "url": server.record.inference_url,
        "version": None if state == "ending" else answering_version(server, model),
        "state": state,
        "processes": processes,
    }


def status_lines(status: dict[str, Any]) -> list[str]:
    """`status_of` for people."""
    lines = [f"{status['model']} in {status['tracking_uri']}"]
    for alias in (CHAMPION, PREVIOUS, CHALLENGER):
        holder = status[alias]
        lines.append(f"  {alias:<11} " + (f"version {holder['version']}, run {holder['run']}" if holder else "–"))
        if holder and not holder["sha256"]:
            lines.append(f"{INDENT}has no digest: it was not logged by this project, so it is not served")
        if holder and "by" in holder:
            since = f"since {_moment(holder['since'])} UTC" if holder["since"] else "moved"
            lines += [f"{INDENT}{since} by {holder['by']}", f"{INDENT}{holder['evidence']}"]
        if alias == CHAMPION and "missing_champion" in status:
            rollback = next_steps.rollback(status["model"])
            back = f"{rollback} puts the previous one back" if status[PREVIOUS] else "deploy another one"
            lines.append(
                f"{INDENT}version {status['missing_champion']} was, and has lost the alias or was deleted: {back}"
            )
    lines += [_unfinished_line(deployment, status["model"]) for deployment in status["unfinished"]]
    for server in status["running"]:
        lines += _server_lines(server, status[CHAMPION], status["model"])
    lines += [f"  warning     {status['lost_log']}"] if status["lost_log"] else []
    if status["trail_began_anew"]:
        lines.append(
            f"  trail       begins anew at {_moment(status['trail_began_anew'])} UTC: what was before is not known"
        )
    return lines if status["running"] else [*lines, "  running     nothing"]


def _unfinished_line(deployment: dict[str, Any], model: str) -> str:
    """How far an unfinished deployment came, and what goes on with it."""
    rows = deployment["rows"]
    how_far = f"{deployment['scored_rows']:,} of {rows:,} rows are scored"
    if deployment["scored_rows"] == rows:
        how_far = f"all {rows:,} rows are scored, only the last question and the report are left"
    further = next_steps.resume_deployment(model)
    if deployment["resumed_after"] is not None:
        first = deployment["resumed_after"]
        further = f"--resume takes {first} first, which began later, and this one once that has ended"
    return f"  unfinished  {deployment['deployment']}: {how_far} ({further})"


def _server_lines(server: dict[str, Any], champion: dict[str, Any] | None, model: str) -> list[str]:
    version = server["version"]
    answers = "does not say which version answers" if version is None else f"version {version} answers"
    lines = [f"  running     {server['deployment']} at {server['url']}, {answers}"]
    if server["state"] == "ending":
        lines = [f"  ending      {server['deployment']} at {server['url']}: the command that started it is gone"]
    if server["state"] == "abandoned":
        ends = " ".join(["kill", *map(str, server["processes"])])
        lines.append(f"{INDENT}{ABANDONED}; {ends} ends it, {next_steps.serve(model)} replaces it")
    elif version is not None and champion is not None and version != champion["version"]:
        lines.append(INDENT + _not_the_champion(version, champion))
    return lines


def _not_the_champion(answers: int, champion: dict[str, Any]) -> str:
    number = champion["version"]
    if not champion["sha256"]:
        return f"not the champion: version {number} cannot be served, so the server goes on with version {answers}"
    return (
        f"not yet the champion: it follows the registry within a minute, if version {number} can be served;"
        " if not, the command that serves says why"
    )


def _moment(at: str) -> str:
    return at[:19].replace("T", " ")


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
            yield f"{_moment(change.at)}  {change.action:<9} {versions:<8} {change.by}: {change.reason}", 21
        if (line := self.changed_line) is not None:
            yield f"warning: the trail was changed by somebody at, or just before, the line of {_moment(line.at)}", 2


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
