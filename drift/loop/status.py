"""What stands now: champion with its evidence, unfinished deployments, and running servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drift import next_steps
from drift.errors import TrackingError
from drift.loop.home import Home
from drift.loop.journal import Journal
from drift.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry


def status_of(registry: Registry, journal: Journal, home: Home) -> dict[str, Any]:
    """Champion, previous and challenger with their evidence, unfinished deployments and running servers."""
    from drift.serving import running

    if not registry.versions():
        raise TrackingError(f"there is no model {registry.name!r} in {registry.store.address}; {registry.first_step()}")
    trail = journal.trail(registry.name)
    found: dict[str, Any] = {"model": registry.name, "tracking_uri": registry.store.address}
    for alias in (CHAMPION, PREVIOUS, CHALLENGER):
        holder = registry.holder(alias)
        found[alias] = None if holder is None else {"version": holder.number, "run": holder.run_id}
        if holder is not None and alias == CHAMPION:
            moves = [line for line in trail if line.to_version == holder.number and line.action != "refuse"]
            lines = [line for line in moves if line.action != "repair"] or moves
            if lines:
                found[alias] |= {"since": lines[-1].at, "by": lines[-1].by, "evidence": lines[-1].reason}
    folders = own_folders(home, journal, registry.name)
    records = [(folder.name, running(folder / "server")) for folder in folders]
    found["running"] = [{"deployment": name, "url": record.inference_url} for name, record in records if record]
    alive = {server["deployment"] for server in found["running"]}
    unfinished = [d.id for d in journal.deployments(registry.name) if d.state != "done"]
    found["unfinished"] = [name for name in unfinished if name not in alive]
    return found


def own_folders(home: Home, journal: Journal, model: str) -> list[Path]:
    """Folders of a model's deployments, and of `drift serve`, oldest first."""
    names = {deployment.id for deployment in journal.deployments(model)} | {f"{model}-serve"}
    return [folder for folder in home.deployments() if folder.name in names]


def status_lines(found: dict[str, Any]) -> list[str]:
    """`status_of` for people."""
    lines = [f"{found['model']} in {found['tracking_uri']}"]
    for alias in (CHAMPION, PREVIOUS, CHALLENGER):
        holder = found[alias]
        lines.append(f"  {alias:<11} " + (f"version {holder['version']}, run {holder['run']}" if holder else "–"))
        if holder and "since" in holder:
            lines.append(f"              since {holder['since'][:19].replace('T', ' ')} UTC by {holder['by']}")
            lines.append(f"              {holder['evidence']}")
    again = next_steps.resume_deployment(found["model"])
    lines += [f"  unfinished  {name} ({again})" for name in found["unfinished"]]
    lines += [f"  running     {server['deployment']} at {server['url']}" for server in found["running"]]
    return lines if found["running"] else [*lines, "  running     nothing"]
