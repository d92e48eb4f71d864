"""Retrain by hand: challenge the champion with everything that was scored so far."""

from __future__ import annotations

from drift.loop.challenge import Ring, Verdict, challenge
from drift.loop.journal import Journal
from drift.loop.promote import card_of, person, reconcile
from drift.loop.records import Deployment
from drift.tracking.runs import link_project_run


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
    verdict = challenge(table, stop, champion, ring, cause="asked for", evidence={"agreed_by": person()})
    link_project_run(ring.registry.store, verdict.challenger.run_id, ring.experiment)
    return verdict


def _last_row(journal: Journal, deployment: Deployment) -> int:
    blocks = journal.blocks(deployment.id)
    return blocks[-1].stop if blocks else 0
