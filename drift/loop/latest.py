"""What stands now: retrain on everything scored so far, and the state of champion, deployments and servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drift.errors import TrackingError
from drift.loop.challenge import Ring, Verdict, challenge
from drift.loop.home import Home
from drift.loop.journal import Deployment, Journal
from drift.loop.promote import card_of, person, reconcile
from drift.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry


def retrain_on_latest(ring: Ring) -> Verdict:
    """Challenge the champion with all rows seen so far: those scored by any deployment, or else the training rows."""
    champion = ring.registry.champion()
    card = card_of(ring.registry, champion)
    if ring.service is not None:
        reconcile(registry=ring.registry, service=ring.service, journal=ring.journal, home=ring.home, tell=ring.tell)
    same_table = [
        deployment
        for deployment in ring.journal.deployments(ring.registry.name)
        if deployment.options["source"]["path"] == card.source.path
    ]
    stop = max([card.seen, *(_last_row(ring.journal, deployment) for deployment in same_table)])
    table = card.fit_to(card.source.load())
    return challenge(table, stop, champion, ring, cause="asked for", evidence={"agreed_by": person()})


def _last_row(journal: Journal, deployment: Deployment) -> int:
    blocks = journal.blocks(deployment.id)
    return blocks[-1].stop if blocks else 0


def status_of(registry: Registry, journal: Journal, home: Home) -> dict[str, Any]:
    """Champion, previous and challenger with their evidence, unfinished deployments and running servers."""
    from drift.serving import running

    if not registry.versions():
        raise TrackingError(
            f"there is no model {registry.name!r} in {registry.store.uri}; deploy one first: drift deploy"
        )
    trail = journal.trail(registry.name)
    found: dict[str, Any] = {"model": registry.name, "tracking_uri": registry.store.uri}
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
    lines += [f"  unfinished  {name} (drift deploy --resume)" for name in found["unfinished"]]
    lines += [f"  running     {server['deployment']} at {server['url']}" for server in found["running"]]
    return lines if found["running"] else [*lines, "  running     nothing"]
