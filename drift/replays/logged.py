"""A comparison of policies in MLflow: one parent run, and a nested child for each policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean

from drift.loop.training.run_description import data_parameters, words
from drift.replays.experiment import ReplayResults
from drift.replays.summary import PolicySummary, policy_summaries
from drift.tracking.connection.store import Store
from drift.tracking.runs.open_runs import LoggedMetric, open_run


def log_results(
    results: ReplayResults, store: Store, experiment: str, *, options: Mapping[str, object], page: Path
) -> str:
    """Log every policy's numbers and its accuracy by block (means over seeds).

    Args:
        results: of the policies.
        store: MLflow.
        experiment: its name.
        options: of the command.
        page: the artifact of the parent run.

    Returns:
        The parent's run id.
    """
    stream = results.stream
    table, rows = stream.table, stream.rows
    tags = {"source": table.name}
    with open_run(store, experiment, name=f"replay of {table.name}", kind="replay", tags=tags) as parent:
        parent.params({**options, **data_parameters(table, fit=range(stream.start), scored=rows)})
        parent.dataset(table, rows, context="scored")
        parent.describe(
            f"Replay of rows {words(rows)} of `{table.name}` in blocks of {stream.block_size} under"
            f" {len(results.names)} policies, each a child; the page is an artifact."
        )
        parent.metrics([LoggedMetric(name, accuracy) for name, accuracy in vars(results.baselines).items()])
        policies = {policy.name: policy for policy in policy_summaries(results)}
        for name in results.names:
            tags = {"policy": name}
            with open_run(store, experiment, name=name, kind="policy", parent=parent.id, tags=tags) as run:
                totals = _totals(policies[name])
                points = [LoggedMetric(key, value) for key, value in totals.items()] + _by_block(results, name)
                seeds = len(results.of(name))
                run.batch({"policy": name, "seeds": seeds}, points, _description(results, name, totals))
        parent.file(page)
        return parent.id


def _totals(policy: PolicySummary) -> dict[str, float]:
    """Of a policy on the whole stream, in the mean over seeds."""
    names = ("accuracy", "kappa_temporal", "retrains", "alarms", "seconds")
    totals: dict[str, float] = {name: getattr(policy, name) for name in names}
    return totals if policy.recovered is None else totals | {"of_hindsight": policy.recovered}


def _by_block(results: ReplayResults, name: str) -> list[LoggedMetric]:
    """Accuracy of each block (the step) under both of its names, as in a deployment."""
    blocks = zip(*(outcome.run.blocks for outcome in results.of(name)), strict=True)
    points = [(same[0].index, mean(block.accuracy for block in same)) for same in blocks]
    return [
        LoggedMetric(key, accuracy, index) for key in ("test_accuracy", "block/accuracy") for index, accuracy in points
    ]


def _description(results: ReplayResults, name: str, totals: Mapping[str, float]) -> str:
    seeds = len(results.of(name))
    over = f", in the mean over {seeds} seeds" if seeds > 1 else ""
    return (
        f"Policy `{name}` on rows {words(results.stream.rows)} of `{results.stream.table.name}`: accuracy"
        f" {totals['accuracy']:.4f} with {totals['retrains']:.3g} retrains{over}. The other policies and the page are"
        " with the parent run."
    )
