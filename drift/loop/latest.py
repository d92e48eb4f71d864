"""Retrain by hand: challenge the champion with everything that was scored so far."""

from __future__ import annotations

from drift.loop.cards import Card
from drift.loop.challenge import Ring, Verdict, by_hand, challenge
from drift.loop.promote import card_of, person
from drift.tracking.found import end_forgotten
from drift.tracking.runs import link_project_run


def retrain_on_latest(ring: Ring) -> Verdict:
    """Challenge the champion with all rows seen so far: those scored by any deployment, or else the training rows.

    Raises:
        StateError: another process is retraining this model by hand.
    """
    championship = ring.championship
    registry, home = championship.registry, championship.home
    with home.lock(f"retrain-{registry.name}", doing=f"retraining {registry.name}"):
        registry.store.experiment_id(ring.experiment, create=True)
        for run in end_forgotten(registry.store, ring.experiment, deployment=by_hand(registry.name)):
            home.forget_search(run)
        champion = championship.reconcile()
        card = card_of(registry, champion)
        table = card.fit_to(card.source.load())
        verdict = challenge(
            table, _last_row_seen(ring, card), champion, ring, cause="asked for", evidence={"agreed_by": person()}
        )
    link_project_run(registry.store, verdict.challenger.run_id, ring.experiment)
    return verdict


def _last_row_seen(ring: Ring, card: Card) -> int:
    """One past the last row of the champion's table whose label is known."""
    journal, name = ring.championship.journal, ring.championship.registry.name
    scored = [
        journal.blocks(d.id) for d in journal.deployments(name) if d.options["source"]["path"] == card.source.path
    ]
    return max([card.seen, *(blocks[-1].stop for blocks in scored if blocks)])
