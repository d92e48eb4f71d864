"""What a person may do when a retrain by hand was refused: the last line of `drift retrain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from drift import next_steps
from drift.loop.options import DeployOptions
from drift.loop.proposals.after_deployment import TRIES
from drift.loop.proposals.later_rows import later_rows

if TYPE_CHECKING:
    from drift.loop.retraining.challenge import ChallengeConfig, ChallengeResult

NONE_LEFT = "no row is left to score: add later rows at the end of the table"


def after_refusal(verdict: ChallengeResult, config: ChallengeConfig, server: Mapping[str, object]) -> str:
    """The command that goes on after a refusal: further tries, or where these were made or no row was new, later rows.

    Args:
        verdict: of the last try.
        config: where it took place.
        server: options that name a server of the user's own; None where there is none.
    """
    refused = f"version {verdict.challenger.version.number} was refused"
    name = config.championship.registry.name
    source, stop = verdict.challenger.card.source, verdict.challenger.held_out.stop
    if not config.options.until_accepted:
        options = DeployOptions(config.experiment, name, retrain=config.options, promote=config.mode).retrain_options()
        again = next_steps.retrain({**options, **server, "until_accepted": TRIES})
        to_try = f"also with larger searches and other windows: {again}"
        if verdict.challenger.new_rows != 0:
            return f"{refused}; to try again, {to_try}"
        left, command = later_rows(config.experiment, name, source, stop, server)
        first = f"to score later ones first: {command}" if left else f"{NONE_LEFT} first"
        return f"{refused}; no row was new, {first}; to try again without, {to_try}"
    left, command = later_rows(config.experiment, name, source, stop, server)
    needed = f"{refused}, as all tries were: more new rows are needed"
    if left <= 0:
        return f"{needed}; {NONE_LEFT}"
    return f"{needed}; to score later ones: {command}"
