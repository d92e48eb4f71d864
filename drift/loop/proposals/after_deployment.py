"""What a person may do when a deployment has ended: the last lines of `drift deploy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from drift import next_steps
from drift.errors import ExitCode
from drift.loop.card import DataSource
from drift.loop.scoring.shadow import SHADOW

if TYPE_CHECKING:
    from drift.loop.events import Ending
    from drift.loop.options import DeployOptions
    from drift.loop.results.deployment import DeployResult

TRIES = 2  # further ones, that are proposed after a refusal


def last_lines(result: DeployResult, options: DeployOptions, server: Mapping[str, object]) -> list[str]:
    """How the newest blocks were answered, what is left to do, and the command that does it.

    After a promotion, and where nothing was flagged, it is the one that scores the next rows, if there are any.

    Args:
        result: of the deployment.
        options: that it was asked for.
        server: options that name a server of the user's own; None where there is none.
    """
    recent = [] if result.ending is None else [_recent(result.ending)]
    return [*recent, *_next_lines(result, options, server)]


def _recent(ending: Ending) -> str:
    """How the serving version did in its newest blocks, whatever the policy makes of it."""
    evidence = ending.evidence
    blocks = "last block" if evidence["recent_blocks"] == 1 else f"last {evidence['recent_blocks']:.0f} blocks"
    return (
        f"{blocks} of version {ending.record.version}: accuracy {evidence['recent_accuracy']:.3f} on"
        f" {evidence['recent_rows']:,.0f} rows; it was accepted with {evidence['accepted_accuracy']:.3f}"
    )


def _next_lines(result: DeployResult, options: DeployOptions, server: Mapping[str, object]) -> list[str]:
    last = next((decision for decision in reversed(result.decisions) if decision.retrain), None)
    proposal = result.by_hand if last is None or last.outcome != SHADOW else None
    proposed = {"window_rows": proposal.window_rows} if proposal and proposal.window_rows else {}
    again = next_steps.retrain({**options.retrain_options(), **server, **proposed})
    if last is not None and last.outcome == SHADOW:
        return [
            f"version {last.challenger} was neither promoted nor refused: more new rows decide, with a larger"
            f" --test_data_rows; to decide now, on held-out rows of another challenger: {again}"
        ]
    lines, wait = list[str](), None
    if proposal is not None:
        outlook = replace(proposal.outlook, blocks_left=max(0, result.rows_left) // options.block_size)
        lines, wait = [f"a retrain now{proposal.window_words}: {outlook.words}"], outlook.wait_blocks
    if wait:
        lines.append(_to_score(result, options, server, wait * options.block_size))
    if result.exit_code is ExitCode.REFUSED and last is not None:
        tries = {"until_accepted": options.retrain.until_accepted or TRIES}
        again = next_steps.retrain({**options.retrain_options(), **server, **proposed, **tries})
        return [
            *lines,
            f"version {last.challenger} was refused and the champion stays; to try again, also with larger searches and"
            f" other windows: {again}",
        ]
    if result.exit_code is ExitCode.DRIFT:
        at_once = "without waiting, " if wait else ""
        return [*lines, f"drift was flagged and the model was not retrained; {at_once}to retrain: {again}"]
    following = []
    if not wait and result.rows_left >= options.block_size:
        following = [_to_score(result, options, server, options.test_data_rows, what="the next rows")]
    if last is None and result.ending is not None:
        return [result.ending.reason, *lines, *following, f"to retrain anyway: {again}"]
    return following if last is not None and last.outcome == "promoted" else []


def _to_score(
    result: DeployResult, options: DeployOptions, server: Mapping[str, object], rows: int, *, what: str = "them"
) -> str:
    """The command that scores so many further rows, as far as the table has them."""
    left = result.rows_left
    if left < options.block_size:
        rest = "1 row is" if left == 1 else f"{left} rows are"
        few = f"only {rest} left to score, fewer than a block" if left > 0 else "no row is left to score"
        return f"{few}: add later rows at the end of the table"
    table = DataSource.from_json(result.deployment.options["source"]).options
    start = result.by_hand.stop if result.by_hand else result.deployment.stop_row
    given = options.given() | {"start_row": start, "test_data_rows": min(rows, left)} | dict(server)
    return f"to score {what}: {next_steps.deploy(options.experiment, options.model_name, table, **given)}"
