"""What stands now: champion with its evidence, unfinished deployments, and running servers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from drift import next_steps
from drift.errors import TrackingError
from drift.loop.journal.journal import Journal
from drift.loop.journal.lost_log import lost_log
from drift.loop.journal.missing_lines import began_anew, period_began
from drift.loop.journal.records import AuditLine
from drift.loop.project_dir import ProjectDir
from drift.loop.servers import ABANDONED, RunningServer, answering_version, running_servers
from drift.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry

INDENT = " " * 14


def status_of(registry: Registry, journal: Journal, home: ProjectDir) -> dict[str, Any]:
    """Champion, previous and challenger with their evidence, unfinished deployments and running servers."""
    if not registry.versions():
        raise TrackingError(f"there is no model {registry.name!r} in {registry.store.address}; {registry.first_step()}")
    found: dict[str, Any] = {"model": registry.name, "tracking_uri": registry.store.address}
    for alias in (CHAMPION, PREVIOUS, CHALLENGER):
        holder = registry.holder(alias)
        found[alias] = holder and {"version": holder.number, "run": holder.run_id, "sha256": holder.sha256}
    trail = journal.trail(registry.name)
    changes = [line for line in trail if line.action != "refuse"]
    if found[CHAMPION]:
        found[CHAMPION] |= _period(changes, found[CHAMPION]["version"])
    elif changes:
        found["missing_champion"] = changes[-1].to_version
    found["running"] = [_described(server, registry.name) for server in running_servers(home, registry.name)]
    alive = {server["deployment"] for server in found["running"]}
    found["unfinished"] = _unfinished(journal, registry.name, alive)
    found["lost_log"] = lost_log(registry, journal)
    anew = began_anew(trail)
    found["trail_began_anew"] = anew.at if anew else None
    return found


def _unfinished(journal: Journal, model: str, alive: Collection[str]) -> list[dict[str, Any]]:
    """Deployments that did not come to their end and are not under way, oldest first, as plain values.

    `--resume` takes the one that began last, also when that is under way: the others have to wait for its end.
    """
    scored = journal.scored(model)
    found = [made for made in journal.deployments(model) if not made.ended]
    return [
        {
            "deployment": made.id,
            "scored_rows": len(scored.get(made.id, ())),
            "rows": made.stop_row - made.start_row,
            "resumed_after": None if made is found[-1] else found[-1].id,
        }
        for made in found
        if made.id not in alive
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
    state = "abandoned" if server.abandoned else "ending" if server.orphaned else "running"
    processes = [process.pid for process in server.record.processes]
    return {
        "deployment": server.name,
        "url": server.record.inference_url,
        "version": None if state == "ending" else answering_version(server, model),
        "state": state,
        "processes": processes,
    }


def status_lines(found: dict[str, Any]) -> list[str]:
    """`status_of` for people."""
    lines = [f"{found['model']} in {found['tracking_uri']}"]
    for alias in (CHAMPION, PREVIOUS, CHALLENGER):
        holder = found[alias]
        lines.append(f"  {alias:<11} " + (f"version {holder['version']}, run {holder['run']}" if holder else "–"))
        if holder and not holder["sha256"]:
            lines.append(f"{INDENT}has no digest: it was not logged by this project, so it is not served")
        if holder and "by" in holder:
            since = f"since {_moment(holder['since'])} UTC" if holder["since"] else "moved"
            lines += [f"{INDENT}{since} by {holder['by']}", f"{INDENT}{holder['evidence']}"]
        if alias == CHAMPION and "missing_champion" in found:
            rollback = next_steps.rollback(found["model"])
            back = f"{rollback} puts the previous one back" if found[PREVIOUS] else "deploy another one"
            lines.append(
                f"{INDENT}version {found['missing_champion']} was, and has lost the alias or was deleted: {back}"
            )
    lines += [_unfinished_line(made, found["model"]) for made in found["unfinished"]]
    for server in found["running"]:
        lines += _server_lines(server, found[CHAMPION], found["model"])
    lines += [f"  warning     {found['lost_log']}"] if found["lost_log"] else []
    if found["trail_began_anew"]:
        lines.append(
            f"  trail       begins anew at {_moment(found['trail_began_anew'])} UTC: what was before is not known"
        )
    return lines if found["running"] else [*lines, "  running     nothing"]


def _unfinished_line(made: dict[str, Any], model: str) -> str:
    """How far an unfinished deployment came, and what goes on with it."""
    rows = made["rows"]
    how_far = f"{made['scored_rows']:,} of {rows:,} rows are scored"
    if made["scored_rows"] == rows:
        how_far = f"all {rows:,} rows are scored, only the last question and the report are left"
    further = next_steps.resume_deployment(model)
    if made["resumed_after"] is not None:
        further = f"--resume takes {made['resumed_after']} first, which began later, and this one once that has ended"
    return f"  unfinished  {made['deployment']}: {how_far} ({further})"


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
