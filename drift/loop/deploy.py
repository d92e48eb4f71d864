"""Begin a deployment: choose the champion, start its server, and let it run."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from drift import next_steps
from drift.data.blocks import Table
from drift.detect import PairedTest
from drift.errors import StateError
from drift.loop.card import Card, DataSource
from drift.loop.context import DeploymentContext
from drift.loop.events import ChallengerCompared, ChallengerRefused, Notice
from drift.loop.journal.records import SUPERSEDED, Deployment, now
from drift.loop.options import DeployOptions, PromoteMode
from drift.loop.releases.candidate import Candidate, find_candidate
from drift.loop.releases.model_names import served_as
from drift.loop.releases.promote import Championship, card_of, comparison_evidence
from drift.loop.releases.trusted import require_base
from drift.loop.results.deployment import DeployResult
from drift.loop.running import RunningDeployment
from drift.loop.scoring.row_range import rows_to_score, scored_before
from drift.loop.scoring.seen_rows import left_behind
from drift.loop.succession import Succession, decide, kept_line, undecided
from drift.loop.training.run_description import data_parameters, words
from drift.tracking.registry import Registry, Version
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
    model_id = _model_to_serve(candidate, succession)
    champion = candidate.champion
    if champion is not None and champion.model_id == model_id:
        card = card_of(registry, champion)
    else:
        with TemporaryDirectory(prefix="drift-fetch-") as folder:
            card = Card.from_metadata(_trusted_base(candidate, context, Path(folder)).card)
    serving = champion.number if champion is not None and champion.model_id == model_id else None
    table = card.fit_to(load(source or card.source))
    rows = rows_to_score(card, options, table, champion=serving)  # what is wrong is said before anything is started
    if champion is None and (other := served_as(registry, card)) is not None:
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
    digest = table.digest(rows)
    run.dataset(table.part(rows), name=table.name, source=table.name, context="scored", digest=digest)
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
    with TemporaryDirectory(prefix="drift-fetch-") as folder:
        base = _trusted_base(candidate, context, Path(folder))
        succession = decide(
            candidate, champion, registry, context.journal, base=base, source=source, mode=options.promote,
            level=options.retrain.level, ask=context.ask_replacement, person=context.person, load=load,
        )  # fmt: skip
    if not succession.promoted and succession.test is None:
        serving = card_of(registry, champion)
        table = source or serving.source
        rows = len(load(table))
        start = serving.seen if options.start_row is None else options.start_row
        stop = min(rows, start + options.test_data_rows)
        line = kept_line(
            succession,
            candidate,
            champion,
            options=options,
            table=table,
            table_rows=rows,
            scored_to=stop,
            server=context.server,
        )
        context.tell(Notice(line))
    return succession


def _trusted_base(candidate: Candidate, context: DeploymentContext, folder: Path) -> Release:
    """The files of a base model, or `UntrustedError` if nobody here knows where it comes from."""
    run = candidate.run
    return require_base(context.store, context.journal, run.id, run.tags["drift.model_id"], folder, context.tell)


def _model_to_serve(candidate: Candidate, succession: Succession | None) -> str:
    """The id of the logged model that will be champion when the deployment begins."""
    if candidate.champion is not None and (succession is None or not succession.promoted):
        return candidate.champion.model_id
    return candidate.run.tags["drift.model_id"]


def take_up(
    candidate: Candidate, succession: Succession | None, championship: Championship, *, person: str, deployment: str
) -> Version:
    """Let the server serve the champion; a base model without a champion, or chosen beside one, becomes it first."""
    registry, run, champion = championship.registry, candidate.run, candidate.champion
    if champion is not None and (succession is None or not succession.promoted):
        if succession is not None and succession.test is not None:
            _refuse(candidate, champion, succession, championship, deployment=deployment)
        served = championship.reconcile()
        championship.tell(
            Notice(f"version {served.number} stays champion; scoring the rows after those it was made from")
        )
        return served
    version = candidate.registered or _register(candidate, registry)
    evidence: dict[str, Any] = {
        "run": run.id,
        "accuracy": run.metrics.get("reference/accuracy"),
        "deployment": deployment,
    }
    if champion is None or succession is None:
        championship.promote(version, by=person, reason=candidate.words, evidence=evidence, action="deploy")
        registry.tag(version.number, verdict="promoted")
        return version
    if succession.test is not None:
        _tell_comparison(succession, succession.test, champion, version, championship)
        evidence |= {"comparison": comparison_evidence(succession.test)}
    championship.promote(
        version, by=succession.by, reason=succession.reason, evidence=evidence, action="deploy",
        instead_of=champion.number,
    )  # fmt: skip
    registry.tag(version.number, verdict="promoted")
    return version


def _register(candidate: Candidate, registry: Registry) -> Version:
    run = candidate.run
    return registry.register(
        LoggedModel(run.tags["drift.model_id"], run.tags["drift.sha256"]), run.id, kind="base", base_run=run.id
    )


def _refuse(
    candidate: Candidate, champion: Version, succession: Succession, championship: Championship, *, deployment: str
) -> None:
    """Register a base model that was compared and is not better, so that it is not compared again and again."""
    assert succession.test is not None  # noqa: S101  # by the caller
    version = candidate.registered or _register(candidate, championship.registry)
    _tell_comparison(succession, succession.test, champion, version, championship)
    evidence = {
        "run": candidate.run.id,
        "deployment": deployment,
        "challenger": version.number,
        "comparison": comparison_evidence(succession.test),
    }
    championship.refuse(version, champion, by=succession.by, reason=succession.reason, evidence=evidence)
    championship.tell(ChallengerRefused(champion.number, version.number, succession.test, succession.reason))


def _tell_comparison(
    succession: Succession, test: PairedTest, champion: Version, version: Version, championship: Championship
) -> None:
    rows = (succession.rows.start, succession.rows.stop)
    championship.tell(ChallengerCompared(champion.number, version.number, test, rows))
