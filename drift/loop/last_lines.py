"""What a person may do when a deployment has ended: the last lines of `drift deploy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from drift import next_steps
from drift.errors import ExitCode
from drift.loop.shadow import SHADOW

if TYPE_CHECKING:
    from drift.loop.options import DeployOptions
    from drift.loop.running import DeployResult


def last_lines(result: DeployResult, options: DeployOptions, server: Mapping[str, object]) -> list[str]:
    """What is left to do, and the command that does it; none after a retrain that was decided.

    Args:
        result: of the deployment.
        options: that it was asked for.
        server: options that name a server of the user's own; None where there is none.
    """
    last = next((made for made in reversed(result.decisions) if made.retrain), None)
    proposal = result.by_hand if last is None or last.outcome != SHADOW else None
    proposed = {"window_rows": proposal.window_rows} if proposal and proposal.window_rows else {}
    again = next_steps.retrain({**options.retrain_options(), **server, **proposed})
    if last is not None and last.outcome == SHADOW:
        return [
            f"version {last.challenger} was neither promoted nor refused: more new rows decide, with a larger"
            f" --test_data_rows; to decide now, on held-out rows of another challenger: {again}"
        ]
    lines = [f"a retrain now{proposal.window_words}: {proposal.outlook.words}"] if proposal is not None else []
    if result.exit_code is ExitCode.DRIFT:
        return [*lines, f"drift was flagged and the model was not retrained; to retrain: {again}"]
    if last is None and result.ending is not None:
        return [result.ending.reason, *lines, f"to retrain anyway: {again}"]
    return []
