"""Rows that the answering version had seen when it was made: they do not show how it does on new rows.

A deployment begins after the rows that its champion has seen. A retrain by hand, or a promotion or rollback from
outside, may put a version in its place that has seen rows which the deployment is still to score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from drift import next_steps
from drift.data.blocks import Table
from drift.errors import DriftError, StateError
from drift.loop.card import DataSource
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment
from drift.loop.options import DeployOptions
from drift.loop.releases.promote import card_of
from drift.policies.history import BlockRecord
from drift.tracking.registry import PREVIOUS, Registry


def has_seen(block: BlockRecord, seen: Mapping[int, int]) -> bool:
    """Whether the version that answered a block had seen any of its rows.

    Args:
        block: that was scored.
        seen: by version, one past the last row that had a part in it; a version that is not there has seen none.
    """
    return block.start < seen.get(block.version, 0)


def seen_words(version: int, seen: int) -> str:
    """The warning when a version answers rows that it has seen, all of which are before `seen`."""
    return (
        f"version {version} had seen the rows up to {seen - 1} when it was made: its answers to them do not show how it"
        " does on new rows, and are left out of the accuracies at the end and in the report"
    )


def next_row(journal: Journal, deployment: Deployment) -> int | None:
    """The first row that a deployment is still to score; None if all are scored."""
    scored = journal.scored(deployment.model).get(deployment.id)
    row = deployment.start_row if scored is None else scored.stop
    return row if row < deployment.stop_row else None


def require_unseen(
    registry: Registry,
    journal: Journal,
    deployment: Deployment,
    options: DeployOptions,
    source: DataSource,
    table: Table,
    server: Mapping[str, object],
) -> None:
    """Check that the champion has not seen the rows with which a deployment would go on.

    Args:
        registry: of the model.
        journal: the scoring log.
        deployment: that is to be resumed.
        options: that it began with.
        source: of its table.
        table: that it scores.
        server: options that name a server of the user's own, for the printed commands.

    Raises:
        StateError: it has; the message says what to type instead.
    """
    row, champion = next_row(journal, deployment), registry.champion()
    if row is None or (seen := card_of(registry, champion).seen) <= row:
        return
    if len(table) - seen < options.block_size:
        new = f"no block of {table.name} is new to it: add later rows at its end, and deploy again"
    else:
        left = deployment.stop_row - seen
        given = options.given() | dict(server) | {"start_row": seen}
        given |= {"test_data_rows": left} if left >= options.block_size else {}
        command = next_steps.deploy(options.experiment, deployment.model, source.options, **given)
        new = f"to score rows that are new to it, which ends deployment {deployment.id}: {command}"
    back = ""
    with suppress(DriftError):  # a previous version that is not there, or whose card cannot be read
        previous = registry.holder(PREVIOUS)
        if previous is not None and card_of(registry, previous).seen <= row:
            back = (
                f"; to go on with version {previous.number} instead, run {next_steps.rollback(deployment.model)} before"
                " --resume"
            )
    raise StateError(
        f"deployment {deployment.id} cannot go on at row {row}: version {champion.number} would answer, which had seen"
        f" the rows up to {seen - 1} when it was made; {new}{back}"
    )


def left_behind(journal: Journal, model: str, seen: int) -> Sequence[Deployment]:
    """Unfinished deployments whose next row is before `seen`, so that the champion has seen it; oldest first."""
    return [
        deployment
        for deployment in journal.deployments(model)
        if not deployment.ended and (row := next_row(journal, deployment)) is not None and row < seen
    ]
