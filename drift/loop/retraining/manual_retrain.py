"""Retrain by hand: challenge the champion with everything that was scored so far."""

from __future__ import annotations

from drift.loop.card import Card, DataSource
from drift.loop.events import Notice
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment
from drift.loop.releases.promote import card_of, person
from drift.loop.retraining.challenge import ChallengeResult, challenge
from drift.loop.retraining.repeated_challengers import refused_before
from drift.loop.retraining.retrain import ChallengeConfig, Occasion, by_hand
from drift.tracking.runs.lookup import end_forgotten
from drift.tracking.runs.open_runs import link_project_run


def retrain_on_latest(config: ChallengeConfig) -> ChallengeResult:
    """Challenge the champion with all rows seen so far: those scored by any deployment, or else the training rows.

    Raises:
        StateError: another process is retraining this model by hand.
    """
    championship = config.championship
    registry, home = championship.registry, championship.home
    with home.lock(f"retrain-{registry.name}", doing=f"retraining {registry.name}"):
        registry.store.experiment_id(config.experiment, create=True)
        for run in end_forgotten(registry.store, config.experiment, deployment=by_hand(registry.name)):
            home.forget_search(run)
        champion = championship.reconcile()
        card = card_of(registry, champion)
        table = card.fit_to(card.source.load())
        stop = last_row_seen(championship.journal, registry.name, card)
        if stop <= card.seen:
            championship.tell(
                Notice(
                    f"no row is new since version {champion.number} was made: a challenger learns from the same rows"
                    " and is compared on rows that this version was accepted on; a better one needs later rows"
                )
            )
        verdict = challenge(
            Occasion(table, stop, champion, "asked for", {"agreed_by": person()}),
            config,
            refused=lambda: refused_before(config.championship, config.mode, champion),
        )
    link_project_run(registry.store, verdict.challenger.run_id, config.experiment)
    return verdict


def last_row_seen(journal: Journal, model: str, card: Card) -> int:
    """One past the last row of a model's table whose label is known: all before it were scored or trained on."""
    scored = (journal.blocks(deployment.id) for deployment in deployments_of(journal, model, card))
    return max([card.seen, *(blocks[-1].stop for blocks in scored if blocks)])


def deployments_of(journal: Journal, model: str, card: Card) -> list[Deployment]:
    """The deployments of a model that scored its table, oldest first."""
    table = card.source.file, card.source.label
    return [
        deployment
        for deployment in journal.deployments(model)
        if (DataSource(deployment.options["source"]["path"]).file, deployment.options["source"].get("label")) == table
    ]
