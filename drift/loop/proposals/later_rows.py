"""The command that scores the rows after those that were scored, for the last line of other commands."""

from __future__ import annotations

from collections.abc import Mapping

from drift import next_steps
from drift.loop.card import DataSource


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
