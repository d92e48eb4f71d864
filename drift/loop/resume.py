"""Go on with a deployment that did not come to its end, after the last block that was committed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

from drift.errors import DataError, StateError, UsageError
from drift.loop.card import DataSource
from drift.loop.context import DeploymentContext
from drift.loop.events import Notice
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment
from drift.loop.options import DeployOptions
from drift.loop.releases.promote import card_of
from drift.loop.results.deployment import DeployResult
from drift.loop.running import RunningDeployment
from drift.loop.scoring.seen_rows import require_unseen
from drift.tracking.runs.lookup import end_forgotten


def resume(context: DeploymentContext, model_name: str, *, device: str | None = None) -> DeployResult:
    """Go on with the last unfinished deployment of a model.

    Args:
        context: where, and who is asked.
        model_name: in the registry.
        device: where retrains are from now on; None for the device that the deployment began with.

    Raises:
        StateError: there is none, or it is under way.
        DataError: its table has changed.
    """
    deployment = unfinished(context.journal, model_name)
    source, options = DataSource.from_json(deployment.options["source"]), options_of(deployment).on_device(device)
    registry = context.registry(model_name)
    first = card_of(registry, registry.get(deployment.first_champion))
    table = first.fit_to(source.load())
    if len(table) < deployment.stop_row or table.digest(range(deployment.stop_row)) != deployment.options["digest"]:
        raise DataError(
            f"the first {deployment.stop_row} rows of {table.name} are not those that deployment {deployment.id} began"
            " with; give it the same table, or begin another deployment"
        )
    with ExitStack() as stack:
        stack.enter_context(context.alone(deployment.id))
        require_unseen(registry, context.journal, deployment, options, source, table, context.server)
        context.tell(Notice("starting TorchServe"))
        service = stack.enter_context(context.served(options, deployment.id))
        championship = context.championship(registry, service)
        end_forgotten(context.store, options.experiment, deployment=deployment.id)
        championship.reconcile()
        context.tell(Notice(f"resuming deployment {deployment.id}"))
        run = stack.enter_context(context.open_run(options.experiment, deployment.id, run_id=deployment.run_id))
        context.journal.set_state(deployment.id, "running")
        return RunningDeployment(context, deployment, options, table, championship, service, run).run()


def unfinished(journal: Journal, model_name: str) -> Deployment:
    """The last deployment of a model that did not come to its end."""
    deployments = [deployment for deployment in journal.deployments(model_name) if not deployment.ended]
    if not deployments:
        raise StateError(f"there is no unfinished deployment of {model_name} in {journal.path}; run without --resume")
    return deployments[-1]


def options_of(deployment: Deployment) -> DeployOptions:
    """The options that a deployment began with."""
    return DeployOptions.from_json(
        {name: value for name, value in deployment.options.items() if name not in ("source", "digest")}
    )


def kept_options(
    deployment: Deployment, requested: DeployOptions, source: DataSource, given: Collection[str]
) -> DeployOptions:
    """The options that a deployment began with; only `--retrain` and `--device` may be others now.

    Args:
        deployment: that is resumed.
        requested: the options as they are now.
        source: the table as it is named now.
        given: names of the options that were typed.

    Raises:
        UsageError: an option that was typed says something else, or the device is not there any more.
    """
    kept = options_of(deployment)
    before = kept.as_called() | _named(deployment.options["source"])
    now = requested.as_called() | _named(asdict(source))
    for name in sorted(set(given) - {"retrain", "device"}):
        if name in before and _plain(before[name]) != _plain(now[name]):
            raise UsageError(
                f"expected --{name} {_plain(before[name])}, as the deployment {deployment.id} began with, got"
                f" {_plain(now[name])}: leave it out with --resume, or begin another deployment"
            )
    kept = kept.on_device(requested.retrain.train.device if "device" in given else None)
    return replace(kept, ask=requested.ask) if "retrain" in given else kept


def _named(source: Mapping[str, Any]) -> dict[str, Any]:
    """A table by the names of its options."""
    return {"data": source["path"], **{name: source[name] for name in ("label", "time", "ignore")}}


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
