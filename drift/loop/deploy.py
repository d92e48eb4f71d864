"""Begin a deployment: choose the champion, start its server, and let it run; or go on with one that did not end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from drift import next_steps
from drift.data.blocks import Table
from drift.errors import DataError, StateError, UsageError
from drift.loop.card import Card, DataSource
from drift.loop.context import DeploymentContext
from drift.loop.events import ChallengerCompared, ChallengerRefused, Notice
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import SUPERSEDED, Deployment, now
from drift.loop.options import DeployOptions, PromoteMode
from drift.loop.releases.candidate import Candidate, find_candidate, served_as
from drift.loop.releases.promote import Championship, card_of, comparison_evidence
from drift.loop.releases.trusted import require_base
from drift.loop.results.deployment import DeployResult
from drift.loop.running import RunningDeployment
from drift.loop.scoring.rows import left_behind, require_unseen, rows_to_score, scored_before
from drift.loop.succession import Contest, Succession, undecided
from drift.loop.training.run_description import data_parameters, words
from drift.tracking.registry import Registry, Version
from drift.tracking.runs.lookup import end_forgotten
from drift.tracking.runs.open_runs import LoggedModel, Run, link_project_run
from drift.tracking.runs.release import Release


def deploy(context: DeploymentContext, options: DeployOptions, source: DataSource | None = None) -> DeployResult:
    """Serve the best model of an experiment and score the rows after its training rows.

    Args:
        context: MLflow, the project's folder, the server, and who is asked.
        options: rows, blocks, threshold, and how to retrain.
        source: the table; by default the one the model was trained on.
    """
    registry = context.registry(options.model_name)
    candidate = find_candidate(registry, options.experiment, source, given={**options.given(), **context.server})
    if candidate.elsewhere:
        context.tell(Notice(f"experiment {options.experiment!r} has no finished base model: {candidate.taken_words}"))
    elif candidate.newer is not None:
        context.tell(Notice(candidate.taken_words))
    load = cache(DataSource.load)
    succession = succession_of(candidate, registry, context, options, source, load)
    kept = _kept_champion(candidate, succession)
    if kept is not None:
        card = card_of(registry, kept)
    else:
        with TemporaryDirectory(prefix="drift-fetch-") as folder:
            card = Card.from_metadata(_trusted_base(candidate, context, Path(folder)).card)
    serving = None if kept is None else kept.number
    table = card.fit_to(load(source or card.source))
    rows = rows_to_score(card, options, table, champion=serving)  # what is wrong is said before anything is started
    if candidate.champion is None and (other := served_as(registry, card)) is not None:
        named = {} if source is None else source.options
        instead = next_steps.deploy(options.experiment, other, named, **options.given(), **context.server)
        context.tell(
            Notice(f"{options.model_name} is a new name; the same table is already served as {other}: {instead}")
        )
    identity = f"{options.model_name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
    context.tell(Notice("starting TorchServe"))
    with context.alone(identity), context.served(options, identity) as service:
        championship = context.championship(registry, service)
        version = take_up(candidate, succession, championship, person=context.person, deployment=identity)
        if (served := card_of(registry, version)) != card:  # the champion was changed meanwhile
            card, table = served, served.fit_to(load(source or served.source))
            rows = rows_to_score(card, options, table, champion=version.number)
        if before := scored_before(
            context.journal, options, rows, source, table_rows=len(table), server=context.server
        ):
            context.tell(Notice(before))
        with context.open_run(options.experiment, identity) as opened:
            link_project_run(context.store, opened.id, options.experiment)
            opened.params(options.as_called() | {"start_row": rows.start, "stop_row": rows.stop})
            opened.tag(deployment=identity, first_champion=version.number)
            log_scored_rows(opened, table, rows, options, version, identity)
            data = {"source": asdict(source or card.source), "digest": table.digest(range(rows.stop))}
            deployment = Deployment(
                identity, options.model_name, opened.id, options.to_json() | data,
                version.number, rows.start, rows.stop, "running", 0, now(),
            )  # fmt: skip
            end_left_behind(context, options.model_name, version.number, card.seen)
            context.journal.begin(deployment)
            return RunningDeployment(context, deployment, options, table, championship, service, opened).run()


def log_scored_rows(
    run: Run, table: Table, rows: range, options: DeployOptions, version: Version, identity: str
) -> None:
    """Log which rows a deployment scores: as data set, as parameters, and in the run's description."""
    run.dataset(table, rows, context="scored")
    run.params(data_parameters(table, scored=rows))
    run.describe(
        f"Deployment `{identity}` of `{options.model_name}`: rows {words(rows)} of `{table.name}` in blocks of"
        f" {options.block_size}, first answered by version {version.number}; policy {options.policy}."
        " The report is among the artifacts."
    )


def end_left_behind(context: DeploymentContext, model: str, champion: int, seen: int) -> None:
    """End what nobody runs and cannot be resumed: a new deployment begins after the rows that its champion has seen."""
    for deployment in left_behind(context.journal, model, seen):
        with suppress(StateError), context.alone(deployment.id):  # else it is under way
            context.journal.set_state(deployment.id, SUPERSEDED)
            reason = f"version {champion} has seen the rows that it had left"
            context.tell(Notice(f"deployment {deployment.id} ends with this one: {reason}"))


def succession_of(
    candidate: Candidate,
    registry: Registry,
    context: DeploymentContext,
    options: DeployOptions,
    source: DataSource | None,
    load: Callable[[DataSource], Table],
) -> Succession | None:
    """Whether the best base run replaces a champion; None where there is no champion, or nothing new.

    A run that was champion once is not promoted again: since then a challenger or a rollback may have replaced it.
    One that was refused then is promoted by `--promote always`. One that was registered by a deployment that failed
    before it could decide is decided about now.
    """
    champion, run = candidate.champion, candidate.registered
    if champion is None:
        return None
    if run is not None and not undecided(run, champion, context.journal, registry.name):
        refused = run.tags.get("drift.verdict") == "refused" and run.number != champion.number
        if not refused or options.promote is not PromoteMode.ALWAYS:
            return None
    contest = Contest(candidate, champion, registry, context, options, source, load)
    with TemporaryDirectory(prefix="drift-fetch-") as folder:
        succession = contest.decide(_trusted_base(candidate, context, Path(folder)))
    if not succession.promoted and succession.test is None:
        serving = card_of(registry, champion)
        table = source or serving.source
        rows = len(load(table))
        start = serving.seen if options.start_row is None else options.start_row
        stop = min(rows, start + options.test_data_rows)
        context.tell(Notice(contest.kept_line(succession, table, table_rows=rows, scored_to=stop)))
    return succession


def _trusted_base(candidate: Candidate, context: DeploymentContext, folder: Path) -> Release:
    """The files of a base model, or `UntrustedError` if nobody here knows where it comes from."""
    run = candidate.run
    return require_base(context.store, context.journal, run.id, run.tags["drift.model_id"], folder, context.tell)


def _kept_champion(candidate: Candidate, succession: Succession | None) -> Version | None:
    """The champion that stays when the deployment begins; None where the base model becomes champion."""
    return None if succession is not None and succession.promoted else candidate.champion


def take_up(
    candidate: Candidate, succession: Succession | None, championship: Championship, *, person: str, deployment: str
) -> Version:
    """Let the server serve the champion; a base model without a champion, or chosen beside one, becomes it first.

    One that was compared and is not better is registered, too, so that it is not compared again and again.
    """
    registry, run, champion = championship.registry, candidate.run, candidate.champion
    kept, test = _kept_champion(candidate, succession), succession.test if succession else None
    if kept is not None and test is None:
        return _stay(championship)
    model = LoggedModel(run.tags["drift.model_id"], run.tags["drift.sha256"])
    version = candidate.registered or registry.register(model, run.id, kind="base", base_run=run.id)
    comparison: dict[str, Any] = {}
    by, reason, compared_with = person, candidate.words, None
    if champion is not None and succession is not None:
        by, reason, compared_with = succession.by, succession.reason, champion.number
        if test is not None:
            rows = (succession.rows.start, succession.rows.stop)
            championship.tell(ChallengerCompared(champion.number, version.number, test, rows))
            comparison = {"comparison": comparison_evidence(test)}
    if kept is not None and test is not None:
        evidence = {"run": run.id, "deployment": deployment, "challenger": version.number} | comparison
        championship.refuse(version, kept, by=by, reason=reason, evidence=evidence)
        championship.tell(ChallengerRefused(kept.number, version.number, test, reason))
        return _stay(championship)
    accuracy = run.metrics.get("reference/accuracy")
    evidence = {"run": run.id, "accuracy": accuracy, "deployment": deployment} | comparison
    championship.promote(version, by=by, reason=reason, evidence=evidence, action="deploy", instead_of=compared_with)
    registry.tag(version.number, verdict="promoted")
    return version


def _stay(championship: Championship) -> Version:
    served = championship.reconcile()
    championship.tell(Notice(f"version {served.number} stays champion; scoring the rows after those it was made from"))
    return served


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
