"""Rows of a deployment: which it scores, which were scored before, and which version answered or had seen them.

Rows that the answering version had seen when it was made do not show how it does on new rows. A deployment begins after
the rows that its champion has seen. A retrain by hand, or a promotion or rollback from outside, may put a version in
its place that has seen rows which the deployment is still to score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter

from drift import next_steps
from drift.data.blocks import Table, cut
from drift.errors import DataError, DriftError, StateError
from drift.loop.card import Card, DataSource
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import DecisionRecord, Deployment
from drift.loop.options import DeployOptions
from drift.loop.releases.promote import card_of
from drift.loop.training.run_description import words
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


@dataclass(frozen=True)
class OutsideChange:
    """Another version answered a block than was to be expected from the block before and the decisions.

    It was promoted or rolled back to by another command, or the alias was moved in MLflow.
    """

    block: int  # the first that `version` answered
    version: int
    before: int  # that was expected to answer

    @property
    def words(self) -> str:
        """The same for people."""
        return (
            f"version {self.version} answers from block {self.block} on (before: version {self.before}):"
            " the champion was changed from outside this deployment"
        )


def outside_change(block: int, version: int, serving: int, decisions: Sequence[DecisionRecord]) -> OutsideChange | None:
    """The change of champion that a block shows; None if it was answered by the version that was expected.

    Args:
        block: index of the block.
        version: that answered it.
        serving: version that answered the block before it, or with which the deployment began.
        decisions: of the deployment: one that promoted a version after the block before lets that version be expected.
    """
    promoted = [
        decision.challenger for decision in decisions if decision.outcome == "promoted" and decision.block == block - 1
    ]
    expected = promoted[-1] if promoted and promoted[-1] is not None else serving
    return None if version == expected else OutsideChange(block, version, expected)


def outside_changes(
    blocks: Sequence[BlockRecord], decisions: Sequence[DecisionRecord], *, first_champion: int
) -> list[OutsideChange]:
    """All such changes of a deployment that began with version `first_champion`, in order."""
    before = [first_champion, *(block.version for block in blocks)]
    changes = (
        outside_change(block.index, block.version, serving, decisions)
        for block, serving in zip(blocks, before, strict=False)
    )
    return [change for change in changes if change is not None]


def rows_to_score(card: Card, options: DeployOptions, table: Table, *, champion: int | None) -> range:
    """The rows that a deployment scores.

    Args:
        card: of the model that serves.
        options: of the deployment.
        table: as the model sees it.
        champion: version that serves; None for a new base model.

    Raises:
        DataError: there are too few, or the model has seen them.
        UsageError: the policy does not fit so many blocks.
    """
    start = card.seen if options.start_row is None else options.start_row
    if start < card.seen:
        raise DataError(
            f"expected --start_row of at least {card.seen}, the first row that the model has not seen, got {start}"
        )
    left = len(table) - start
    if left < options.block_size:
        few = f"{table.name} has {len(table)} rows; add later rows or take a smaller --block_size"
        why = _why_none(card, options, table, champion) if left <= 0 else few
        raise DataError(
            f"expected at least one block of {options.block_size} rows from row {start} on, got {max(0, left)}: {why}"
        )
    if options.test_data_rows < options.block_size:
        raise DataError(
            f"expected --test_data_rows of at least --block_size {options.block_size}, got {options.test_data_rows}"
        )
    rows = range(start, start + min(left, options.test_data_rows))
    options.decides(len(cut(rows, options.block_size)))
    return rows


def scored_before(
    journal: Journal,
    options: DeployOptions,
    rows: range,
    source: DataSource | None,
    *,
    table_rows: int,
    server: Mapping[str, object],
) -> str:
    """Which rows were scored before, and the command that goes on after them; empty if none were.

    What counts is the blocks in the log: a deployment that was interrupted has not scored all rows it was to score.

    Args:
        journal: the scoring log.
        options: of the deployment that begins.
        rows: that it scores.
        source: the table that was named; None where none was.
        table_rows: that the table has.
        server: options that name the server.
    """
    scored = journal.scored(options.model_name)
    before = {name: part for name, part in scored.items() if part.start < rows.stop and rows.start < part.stop}
    if not before:
        return ""
    last = max(part.stop for part in before.values())
    if table_rows - last < options.block_size:
        further = "add later rows at the end of the table to go on after them"
    else:
        table = {} if source is None else source.options
        goes_on = {**options.given(), **server, "start_row": last}
        further = f"to go on after them: {next_steps.deploy(options.experiment, options.model_name, table, **goes_on)}"
    again = " and ".join(words(part) for part in _joined(rows, before.values()))
    return f"rows {again} were scored before (deployment {list(before)[-1]}); {further}"


def _why_none(card: Card, options: DeployOptions, table: Table, champion: int | None) -> str:
    """Why no row of a table can be scored, and what to do."""
    if card.seen < len(table):
        return f"{table.name} has {len(table)} rows; take a smaller --start_row, or add later rows at its end"
    if champion is not None:
        return next_steps.nothing_is_new(champion, options.model_name, len(table), table.name)
    return (
        f"the base model has seen all {len(table)} rows of {table.name}; train one on fewer rows (--train_rows), or add"
        " later rows at the end of the table"
    )


def _joined(rows: range, parts: Iterable[range]) -> list[range]:
    """Those of `rows` that are in any of `parts`, in order, in as few ranges as possible."""
    joined: list[range] = []
    common = (range(max(rows.start, part.start), min(rows.stop, part.stop)) for part in parts)
    for part in sorted(common, key=attrgetter("start")):
        if joined and part.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, part.stop))
        else:
            joined.append(part)
    return joined
