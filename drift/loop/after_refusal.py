"""What a person may do when a retrain by hand was refused: the last line of `drift retrain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from drift import next_steps
from drift.loop.last_lines import TRIES
from drift.loop.options import DeployOptions

if TYPE_CHECKING:
    from drift.loop.challenge import Ring, Verdict


def after_refusal(verdict: Verdict, ring: Ring, server: Mapping[str, object]) -> str:
    """The command that goes on after a refusal: further tries, or where these were made, more new rows.

    Args:
        verdict: of the last try.
        ring: where it took place.
        server: options that name a server of the user's own; None where there is none.
    """
    refused = f"version {verdict.challenger.version.number} was refused"
    name = ring.championship.registry.name
    if not ring.options.until_accepted:
        options = DeployOptions(ring.experiment, name, retrain=ring.options, promote=ring.mode).retrain_options()
        again = next_steps.retrain({**options, **server, "until_accepted": TRIES})
        return f"{refused}; to try again, also with larger searches and other windows: {again}"
    source, stop = verdict.challenger.card.source, verdict.challenger.held_out.stop
    left = len(source.load()) - stop
    needed = f"{refused}, as all tries were: more new rows are needed"
    if left <= 0:
        return f"{needed}; no row is left to score: add later rows at the end of the table"
    few = {"block_size": left, "test_data_rows": left} if left < next_steps.DEFAULT_BLOCK_ROWS else {}
    command = next_steps.deploy(ring.experiment, name, source.options, start_row=stop, **few, **server)
    return f"{needed}; to score later ones: {command}"
