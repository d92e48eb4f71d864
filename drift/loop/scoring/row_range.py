"""Which rows of a table a deployment scores, and which of them were scored before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter

from drift import next_steps
from drift.data.blocks import Table, cut
from drift.errors import DataError
from drift.loop.card import Card, DataSource
from drift.loop.journal.journal import Journal
from drift.loop.options import DeployOptions
from drift.loop.training.run_description import words


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
