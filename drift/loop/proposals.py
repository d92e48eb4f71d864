"""What a person may do next: the last lines of `drift deploy`, and of `drift retrain` and `drift rollback`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from drift import next_steps
from drift.errors import DriftError, ExitCode
from drift.loop.card import DataSource
from drift.loop.events import Ending, RolledBack
from drift.loop.options import DeployOptions
from drift.loop.releases.promote import Championship, card_of
from drift.loop.results.deployment import DeployResult
from drift.loop.retraining.challenge import ChallengeResult, last_row_seen
from drift.loop.retraining.retrain import ChallengeConfig
from drift.loop.scoring.shadow import SHADOW
from drift.tracking.runs.lookup import experiment_of

TRIES = 2  # further ones, that are proposed after a refusal
NONE_LEFT = "no row is left to score: add later rows at the end of the table"


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


def later_rows(
    experiment: str, model: str, source: DataSource, start: int, server: Mapping[str, object]
) -> tuple[int, str]:
    """How many rows of a table come from a row on, and the command that scores them.

    Args:
        experiment: of the deployment.
        model: name in the registry.
        source: the table.
        start: first row that is to be scored.
        server: options that name a server of the user's own; None where there is none.
    """
    left = max(0, len(source.load()) - start)
    few = {"block_size": left, "test_data_rows": left} if 0 < left < next_steps.DEFAULT_BLOCK_ROWS else {}
    begin = {"start_row": start} if left else {}  # rows that are added come after those that the model has seen
    return left, next_steps.deploy(experiment, model, source.options, **begin, **few, **server)


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
