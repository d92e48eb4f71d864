"""Begin a deployment, or go on with one: choose the champion, start its server, and let it run."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime

from drift.blocks import Table
from drift.errors import DataError, StateError, TrackingError
from drift.loop.cards import Card, DataSource
from drift.loop.events import Said
from drift.loop.journal import Journal
from drift.loop.options import DeployOptions
from drift.loop.promote import card_of, promote, reconcile
from drift.loop.records import Deployment, now
from drift.loop.retrain import end_forgotten_retrains
from drift.loop.running import DeployResult, Running, World
from drift.tracking.found import FoundRun, find_runs, model_card
from drift.tracking.registry import CHAMPION, Registry, Version
from drift.tracking.runs import LoggedModel, link_project_run, open_run


def deploy(world: World, options: DeployOptions, source: DataSource | None = None) -> DeployResult:
    """Serve the best model of an experiment and score the rows after its training rows.

    Args:
        world: MLflow, the project's folder, the server, and who is asked.
        options: rows, blocks, threshold, and how to retrain.
        source: the table; by default the one the model was trained on.
    """
    registry = Registry(world.store, options.model_name)
    run, version = _candidate(registry, options.experiment, source)
    card = Card.from_metadata(model_card(world.store, version.model_id if version else run.tags["drift.model_id"]))
    table = card.fit_to((source or card.source).load())
    rows = _rows_to_score(table, card, options)
    identity = f"{options.model_name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
    with _alone(world, identity), world.served(options, identity) as service:
        if version is None:
            model = LoggedModel(run.tags["drift.model_id"], run.tags["drift.sha256"])
            version = registry.register(model, run.id, kind="base", base_run=run.id)
        current = registry.holder(CHAMPION)
        if current is None or current.number != version.number:
            promote(
                version,
                registry=registry,
                service=service,
                journal=world.journal,
                home=world.home,
                by=world.person,
                reason=f"best run of experiment {options.experiment}",
                evidence={
                    "run": run.id,
                    "accuracy": run.metrics.get("reference/accuracy"),
                    "deployment": identity,
                },
                tell=world.tell,
                action="deploy",
            )
        else:
            reconcile(registry=registry, service=service, journal=world.journal, home=world.home, tell=world.tell)
            world.tell(Said(f"version {version.number} stays champion; scoring the rows after those it was made from"))
        with open_run(world.store, options.experiment, name=_run_name(identity), kind="deployment") as opened:
            link_project_run(world.store, opened.id, options.experiment)
            opened.params(options.flat() | {"start_row": rows.start, "stop_row": rows.stop})
            opened.tag(deployment=identity, first_champion=version.number)
            deployment = Deployment(
                identity, options.model_name, opened.id, options.to_json() | {"source": asdict(source or card.source)},
                version.number, rows.start, rows.stop, "running", 0, now(),
            )  # fmt: skip
            world.journal.begin(deployment)
            return Running(world, deployment, options, table, registry, service, opened).run()


def resume(world: World, model_name: str) -> DeployResult:
    """Go on with the last unfinished deployment of a model, after the last block that was committed."""
    deployment = unfinished(world.journal, model_name)
    told = deployment.options["source"]
    source, options = DataSource(**told | {"ignore": tuple(told["ignore"])}), options_of(deployment)
    registry = Registry(world.store, model_name)
    first = card_of(registry, registry.get(deployment.first_champion))
    table = first.fit_to(source.load())
    with _alone(world, deployment.id), world.served(options, deployment.id) as service:
        end_forgotten_retrains(world.store, options.experiment, deployment.id)
        reconcile(registry=registry, service=service, journal=world.journal, home=world.home, tell=world.tell)
        world.tell(Said(f"resuming deployment {deployment.id}"))
        with open_run(
            world.store,
            options.experiment,
            name=_run_name(deployment.id),
            kind="deployment",
            run_id=deployment.run_id,
        ) as opened:
            world.journal.set_state(deployment.id, "running")
            return Running(world, deployment, options, table, registry, service, opened).run()


def unfinished(journal: Journal, model_name: str) -> Deployment:
    """The last deployment of a model that did not come to its end."""
    found = [deployment for deployment in journal.deployments(model_name) if deployment.state != "done"]
    if not found:
        raise StateError(f"there is no unfinished deployment of {model_name} in {journal.path}; run without --resume")
    return found[-1]


def options_of(deployment: Deployment) -> DeployOptions:
    """What a deployment was asked for when it began."""
    return DeployOptions.from_json({key: value for key, value in deployment.options.items() if key != "source"})


def _run_name(identity: str) -> str:
    """The deployment's time in MLflow's narrow column of names; the tag `drift.deployment` holds all of it."""
    _, day, time, _ = identity.rsplit("-", 3)
    return f"deployment {day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}"


def _alone(world: World, identity: str) -> AbstractContextManager[None]:
    """Nobody may resume a deployment that is under way, with whatever server."""
    return world.home.lock(f"deployment-{identity}", doing=f"running deployment {identity}")


def _candidate(registry: Registry, experiment: str, source: DataSource | None) -> tuple[FoundRun, Version | None]:
    """The best base run, and the version to serve: None if that run is to be registered.

    Accuracies can be compared only on the same rows, so the best is sought among the runs on the newest run's rows. A
    run that was registered once is not promoted again: since then a challenger or a rollback may have replaced it.
    """
    finished = [
        run
        for run in find_runs(registry.store, experiment, kind="base")
        if run.status == "FINISHED" and "drift.model_id" in run.tags
    ]
    if source is not None:
        finished = [run for run in finished if run.tags.get("drift.source") == source.name]
    if not finished:
        wanted = f" for {source.name}" if source else ""
        raise TrackingError(
            f"experiment {experiment!r} has no finished base model{wanted};"
            f" train one first: python base_model.py --mlflow_experiment_name {experiment}"
        )
    same_rows = [run for run in finished if run.tags["drift.digest"] == finished[0].tags["drift.digest"]]
    best = max(same_rows, key=lambda run: run.metrics.get("reference/accuracy", 0.0))  # the newest of equals
    registered = [version for version in registry.versions() if version.run_id == best.id]
    return best, (registry.holder(CHAMPION) or registered[-1]) if registered else None


def _rows_to_score(table: Table, card: Card, options: DeployOptions) -> range:
    left = len(table) - card.seen
    if left < options.block_size:
        raise DataError(
            f"expected at least one block of {options.block_size} rows after the {card.seen} rows that the model has"
            f" seen, got {left}: {table.name} has {len(table)} rows; add later rows or take a smaller --block_size"
        )
    if options.test_data_rows < options.block_size:
        raise DataError(
            f"expected --test_data_rows of at least --block_size {options.block_size}, got {options.test_data_rows}"
        )
    return range(card.seen, card.seen + min(left, options.test_data_rows))
