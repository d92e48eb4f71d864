"""Replay a whole stream under several policies: the function that `drift replay` calls."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from drift.data.blocks import Table
from drift.loop.card import DataSource, source_of
from drift.loop.project_dir import ProjectDir
from drift.policies.parser import fit_names, names_in
from drift.replays.experiment import ReplayResults, Step, compare_policies
from drift.replays.leakage import require_row_wise
from drift.replays.options import POLICIES, ReplayOptions
from drift.replays.play import Stream
from drift.replays.served_replay import ServedCounts, ServedReplay, own_server
from drift.replays.summary import PolicyAdvice, ReplaySummary, policy_advice, summarise, table_lines
from drift.replays.versions import ReplayVersions, family_on, fit_member_of_family
from drift.system.devices import resolve_device
from drift.system.options import record_of


@dataclass(frozen=True)
class ReplayResult:
    """What a replay found.

    Attributes:
        results: every policy with every seed, block by block.
        summary: the policies compared, in numbers.
        advice: for policies whose threshold flags most blocks without drift.
        served: what the server did; None where none answered.
    """

    results: ReplayResults
    summary: ReplaySummary
    advice: list[PolicyAdvice]
    served: ServedCounts | None

    def __str__(self) -> str:
        """The table of policies, the most accurate first."""
        return "\n".join(table_lines(self.results))

    @property
    def records(self) -> list[dict[str, object]]:
        """One for each policy and seed, as plain values."""
        return [outcome.record for outcome in self.results.outcomes]

    @property
    def numbers(self) -> dict[str, object]:
        """What the records do not have."""
        served = {} if self.served is None else {"served": vars(self.served)}
        return {"threshold_advice": self.advice, **self.summary.record, **served}


def replay(
    data: Table | DataSource | None = None,
    options: ReplayOptions | None = None,
    *,
    tell: Callable[[Step], None] = lambda step: None,
) -> ReplayResult:
    """Replay a whole stream under several policies: when would each have retrained, and what did it gain?

    Labels of a block arrive when it ends. What was trained once is kept in the project's folder, so that an interrupted
    replay goes on where it was, and another policy costs little.

    Args:
        data: a table in time order, or where it is; None is the embedded stream ELEC.
        options: policies, blocks and seeds.
        tell: is called with how far the replay has come.

    Returns:
        Every policy block by block (`results`, `records`), and the policies compared (`summary`). As text it is the
        table of policies.

    Raises:
        UsageError: no such policy, or one that cannot be served; or `data` is neither a table nor a `DataSource`.
        DataError: the table is too short, or cannot be used.

    >>> short = ReplayOptions("never,every:1", test_data_rows=672)
    >>> [policy.name for policy in replay(None, short).summary.policies]  # doctest: +SKIP
    ['every:1', 'never']
    """
    options = record_of(ReplayOptions, options)
    device = resolve_device(options.device)
    table = data if isinstance(data, Table) else source_of(data).load()
    require_row_wise(table)
    stream = Stream.of_first(table, options.start_rows, options.block_size, options.test_data_rows)
    names = names_in(options.policies)
    if options.policies == POLICIES:  # not chosen: those that do not fit so few blocks are left out
        names = fit_names(names, len(stream.blocks))
    home = ProjectDir()
    fit = partial(fit_member_of_family, device=device)
    versions = ReplayVersions(stream.table, fit, family=family_on(device), cache=home.path / "replay")
    with ExitStack() as stack:
        serving = None
        if options.serve:
            stack.enter_context(home.lock("replay-server", doing="replaying with --serve"))
            serving = stack.enter_context(ServedReplay(versions, lambda: own_server(home.path / "replay-server")))
        results = compare_policies(
            stream,
            versions,
            names,
            seeds=range(options.seed, options.seed + options.seeds),
            window_rows=options.window_rows,
            serving=serving,
            tell=tell,
        )
    tally = None if serving is None else serving.tally
    return ReplayResult(results, summarise(results), policy_advice(results), tally)
