"""What a person may do when the champion was changed by hand: the last line of `drift retrain` and `drift rollback`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from drift import next_steps
from drift.errors import DriftError
from drift.loop.card import DataSource
from drift.loop.proposals.later_rows import later_rows
from drift.loop.releases.promote import card_of
from drift.loop.retraining.manual_retrain import last_row_seen
from drift.tracking.runs.lookup import experiment_of

if TYPE_CHECKING:
    from drift.loop.events import RolledBack
    from drift.loop.releases.promote import Championship
    from drift.loop.retraining.challenge import ChallengeConfig, ChallengeResult


def after_promotion(verdict: ChallengeResult, config: ChallengeConfig, server: Mapping[str, object]) -> str:
    """The command that scores later rows with a challenger that was promoted.

    Args:
        verdict: of the try that was accepted.
        config: where it took place.
        server: options that name a server of the user's own; None where there is none.
    """
    challenger, name = verdict.challenger, config.championship.registry.name
    return _score(
        challenger.version.number, config.experiment, name, challenger.card.source, challenger.held_out.stop, server
    )


def after_rollback(championship: Championship, event: RolledBack, server: Mapping[str, object]) -> str:
    """The commands that score later rows with the version that is champion again, and that undo the rollback.

    Where the version's table cannot be read, the command that tells who serves is named instead.

    Args:
        championship: of the model.
        event: the rollback.
        server: options that name a server of the user's own; None where there is none.
    """
    registry = championship.registry
    line = f"next: {next_steps.status(registry.name)}"
    with suppress(DriftError, OSError):
        champion = registry.get(event.champion)
        card = card_of(registry, champion)
        experiment = experiment_of(registry.store, champion.run_id)
        stop = last_row_seen(championship.journal, registry.name, card)
        line = _score(event.champion, experiment, registry.name, card.source, stop, server)
    undo = next_steps.rollback(registry.name, **server)
    return line if event.previous is None else f"{line}; to undo the rollback: {undo}"


def _score(
    version: int, experiment: str, model: str, source: DataSource, stop: int, server: Mapping[str, object]
) -> str:
    left, command = later_rows(experiment, model, source, stop, server)
    if left:
        return f"next: to score later rows with version {version}: {command}"
    none_left = f"no row is left to score with version {version}: add later rows at the end of the table and then"
    return f"next: {none_left}: {command}"
