"""The loop as a library: what `drift base`, `deploy`, `retrain`, `rollback` and the other commands call."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import chdir, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from drift import next_steps
from drift.errors import ExitCode, UsageError
from drift.loop import deploy as deployments
from drift.loop.card import DataSource, source_of
from drift.loop.context import DeploymentContext, ReportWriter
from drift.loop.deploy import kept_options, resume, unfinished
from drift.loop.events import RolledBack, Tell, nobody
from drift.loop.journal.journal import Journal
from drift.loop.journal.repairs import home_of, require_log, tell_lost_log
from drift.loop.options import NO_REASON, BaseOptions, DeployOptions, ManualRetrainOptions, PromoteMode, ServerOptions
from drift.loop.project_dir import ProjectDir
from drift.loop.proposals import after_promotion, after_refusal, after_rollback
from drift.loop.releases.promote import Championship
from drift.loop.releases.trusted import Accepted, accept, trusted_registry
from drift.loop.results.deployment import DeployResult
from drift.loop.retraining.approval import Flag, Reply, consent_for
from drift.loop.retraining.challenge import ChallengeResult, retrain_on_latest
from drift.loop.retraining.retrain import ChallengeConfig, Challenger, retrain_cost
from drift.loop.servers import deployment_server, find_service, serve
from drift.loop.status import status_of
from drift.loop.training.base import BaseResult, next_step, train_base
from drift.system.disk import write_errors
from drift.system.options import as_options, record_of
from drift.system.person import person
from drift.tracking.connection.store import Store, connect
from drift.tracking.registry import Registry
from drift.tracking.runs.lookup import experiment_of
from drift.tracking.runs.release import ReleaseOrigin

TRACKING_URI = "MLFLOW_TRACKING_URI"  # MLflow sets it, too, to the address that it is given
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Questions(Protocol):
    """A person who can be asked, such as the one at a terminal (`drift.terminal.Screen`)."""

    def question(self, flag: Flag) -> Reply:
        """Whether to retrain now."""
        ...

    def ask_promotion(self, challenger: Challenger) -> bool:
        """Whether a challenger replaces the champion."""
        ...

    def confirm(self, question: str) -> bool:
        """Whether a new base model replaces the champion."""
        ...


@dataclass(frozen=True)
class RetrainResult:
    """How a retrain by hand ended.

    Attributes:
        last: the last try; `last.earlier` has those before it.
        experiment: MLflow experiment of the runs.
        tracking_uri: of MLflow, without a password.
        next_step: what to do now, as one line with the command.
    """

    last: ChallengeResult
    experiment: str
    tracking_uri: str
    next_step: str

    @property
    def promoted(self) -> bool:
        """Whether the challenger is champion now."""
        return self.last.promoted

    @property
    def exit_code(self) -> ExitCode:
        """Of the command."""
        return ExitCode.DONE if self.promoted else ExitCode.REFUSED

    @property
    def records(self) -> list[dict[str, Any]]:
        """One for each try, as plain values."""
        return [result.record for result in (*self.last.earlier, self.last)]


@dataclass(frozen=True)
class RollbackResult:
    """A rollback.

    Attributes:
        event: which version is champion again, and which was before.
        next_step: what to do now, as one line with the command.
    """

    event: RolledBack
    next_step: str


def _in_folder(
    method: Callable[Concatenate[Loop, Arguments], Result],
) -> Callable[Concatenate[Loop, Arguments], Result]:
    """Run a method in the loop's folder; the address that MLflow is given is forgotten afterwards."""

    @wraps(method)
    def inside(self: Loop, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        before = os.environ.get(TRACKING_URI)
        if self.folder is not None:
            with write_errors(f"expected a folder that can be made at {self.folder}"):
                self.folder.mkdir(parents=True, exist_ok=True)
        with nullcontext() if self.folder is None else chdir(self.folder):
            try:
                return method(self, *args, **kwargs)
            finally:
                os.environ.pop(TRACKING_URI, None)
                os.environ.update({} if before is None else {TRACKING_URI: before})

    return inside


class Loop:
    """The loop of a project: its models in MLflow, its scoring log and its servers.

    Every method opens what it needs and leaves nothing running. Steps are reported as events (`drift.loop.events`).

    Args:
        folder: of the project, made the current folder while a method runs; relative paths are of this folder. It is
            created if it is missing, and gets `.drift`, `reports` and `mlflow.db`, unless DRIFT_HOME and
            MLFLOW_TRACKING_URI say otherwise. None for the current folder.
        server: a TorchServe of the user's own; None starts one for each deployment.
        port: of the server that is started; None for any free one.
        tell: is called with each event.
        questions: a person who is asked; None where nobody is there, and flagged blocks are not retrained on.
        write_report: writes a deployment's page, such as `drift.report.deployment.write_deployment`; None for no page.

    >>> loop = Loop()
    >>> sales = DataSource("sales.csv", "returned", time="sold_at", ignore=("order_id", "note"))
    >>> result = loop.base(sales)  # doctest: +SKIP
    >>> loop.deploy(DeployOptions(ask=RetrainMode.ALWAYS)).summary.accuracy  # doctest: +SKIP
    0.71
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        server: ServerOptions | None = None,
        port: int | None = None,
        tell: Tell = nobody,
        questions: Questions | None = None,
        write_report: ReportWriter | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.server = server or ServerOptions()
        self.port = port
        self.tell = tell
        self.questions = questions
        self.write_report = write_report
        self._server = as_options(self.server)
        if self.server.server is not None and port is not None:
            raise UsageError("expected --server URL without --port: it has a port of its own")

    def __repr__(self) -> str:
        folder = "" if self.folder is None else repr(str(self.folder))
        return f"{type(self).__name__}({folder})"

    @cached_property
    def store(self) -> Store:
        """MLflow.

        Raises:
            TrackingError: it is away, or there is none.
        """
        return connect()

    @_in_folder
    def base(
        self, source: DataSource | None = None, options: BaseOptions | None = None, *, resume: bool = False
    ) -> BaseResult:
        """Train a base model: search parameters, and log every trial to MLflow.

        Args:
            source: the table; None is the embedded stream ELEC.
            options: rows, trials and epochs.
            resume: go on with the last unfinished base training of the same options.

        Returns:
            The run, its accuracy on the validation rows, every trial, and the command that deploys the model.

        Raises:
            UsageError: `source` is no `DataSource`.
            DataError: the table cannot be used.
            TrainingError: no trial gave a usable network.
            TrackingError: MLflow is away.
        """
        source, options = source_of(source).absolute(), record_of(BaseOptions, options)
        options = replace(options, train=options.train.on_device())
        table = source.load()
        home = ProjectDir()
        self.store = store = connect(create=True)
        result = train_base(table, source, options, store=store, home=home, resume=resume, tell=self.tell)
        home.forget_search(result.run_id)
        return replace(result, next_step=next_step(result, store, rows_left=len(table) - result.card.seen))

    @_in_folder
    def deploy(self, options: DeployOptions | None = None, source: DataSource | None = None) -> DeployResult:
        """Serve the best model of an experiment and score the rows after its training rows, block by block.

        In a program nobody can be asked, unless `questions` says how: with the default `RetrainMode.ASK`, flagged
        blocks are only reported. Pass `DeployOptions(ask=RetrainMode.ALWAYS)` to retrain on them.

        Args:
            options: rows, blocks, policy, and how to retrain.
            source: the table; None is the one that the model was trained on.

        Returns:
            The scored blocks, the decisions about flagged ones, and a summary. `exit_code` is `ExitCode.DRIFT` where
            drift was flagged and the model was not retrained.

        Raises:
            UsageError: options that contradict each other.
            DataError: the table cannot be scored.
            TrackingError: MLflow is away, or has no model.
            ServingError: the server cannot do what is asked.
            StateError: the project's folder cannot be used.
        """
        source = None if source is None else source_of(source).absolute()
        options = record_of(DeployOptions, options).on_device()
        self._require_person(options.promote)
        context = self._context(options)
        return deployments.deploy(context, options, source)

    @_in_folder
    def kept_options(
        self, options: DeployOptions, source: DataSource | None = None, given: Collection[str] = ()
    ) -> DeployOptions:
        """The options that the last unfinished deployment of a model began with.

        Args:
            options: as requested now, of which `retrain` and `device` may differ.
            source: as requested now.
            given: names of the options that were typed: they have to agree with those of the deployment.

        Raises:
            UsageError: an option does not agree.
            StateError: no deployment can be resumed.
        """
        registry, journal = Registry(self.store, options.model_name), Journal(ProjectDir().log)
        require_log(registry, journal)
        return kept_options(unfinished(journal, options.model_name), options, source_of(source), given)

    @_in_folder
    def resume(self, options: DeployOptions) -> DeployResult:
        """Go on with the last unfinished deployment of a model.

        Args:
            options: those that it began with (`kept_options`); of others, the model, the device and `ask` count.

        Raises:
            DriftError: as `deploy`.
        """
        self._require_person(options.promote)
        return resume(self._context(options), options.model_name, device=options.retrain.train.device)

    @_in_folder
    def retrain(self, options: ManualRetrainOptions | None = None) -> RetrainResult:
        """Train a challenger on the rows seen so far, and promote it if it beats the champion on the newest ones.

        Args:
            options: how, and who decides.

        Returns:
            The last try, with its test against the champion, and whether the challenger was promoted.

        Raises:
            DataError: too few rows.
            TrainingError: no trial gave a usable network.
            TrackingError: MLflow is away, or has no champion.
        """
        options = record_of(ManualRetrainOptions, options)
        self._require_person(options.promote)
        championship = self._championship(options.model_name)
        config = ChallengeConfig(
            championship=championship, experiment=options.experiment, mode=options.promote, person=person(),
            options=options.retrain.on_device(), ask=self.questions.ask_promotion if self.questions else None,
        )  # fmt: skip
        last = retrain_on_latest(config)
        following = after_promotion if last.promoted else after_refusal
        address = championship.registry.store.address
        return RetrainResult(last, options.experiment, address, following(last, config, self._server))

    @_in_folder
    def rollback(self, model_name: str = next_steps.DEFAULT_MODEL, *, reason: str = NO_REASON) -> RollbackResult:
        """Put the previous version back as champion, in the registry and in a running server.

        Champion and previous version are swapped: calling it twice undoes it.

        Args:
            model_name: in the registry.
            reason: why, for the audit trail.

        Returns:
            Which version is champion again, and which was before.

        Raises:
            TrackingError: there is no previous version.
            ArchiveError: its files are gone or were changed.
        """
        championship = self._championship(model_name)
        event = championship.rollback(by=person(), reason=reason)
        return RollbackResult(event, after_rollback(championship, event, self._server))

    @_in_folder
    def serve(self, model_name: str = next_steps.DEFAULT_MODEL, *, show: Callable[[str], None] = print) -> None:
        """Serve the champion until interrupted.

        Args:
            model_name: in the registry.
            show: is called with the text that says how to ask, once the server answers.

        Raises:
            StateError: another process serves this model.
            DriftError: the champion cannot be served.
        """
        Registry(self.store, model_name).champion()
        home = ProjectDir()
        journal = Journal(home.log)
        registry = trusted_registry(self.store, model_name, journal)
        tell_lost_log(registry, journal, self.tell)
        serve(registry, home, journal, port=self.port, tell=self.tell, show=show)

    @_in_folder
    def accept(
        self, model_name: str = next_steps.DEFAULT_MODEL, *, version: int | None = None, run_id: str | None = None
    ) -> Accepted:
        """Accept a model that was trained elsewhere, so that it may be served here.

        Args:
            model_name: in the registry.
            version: registered version; None for the champion.
            run_id: of a base run whose model was not registered yet, instead of a version.

        Raises:
            UsageError: both a version and a run.
            TrackingError: it is not there.
            ArchiveError: it is not what was logged.
        """
        if version is not None and run_id is not None:
            raise UsageError("expected --version or --run_id, got both: a run that is registered has a version")
        if run_id is None:
            number = version or Registry(self.store, model_name).champion().number
            origin, then = ReleaseOrigin("", model_name, number), next_steps.serve(model_name)
        else:
            origin, then = ReleaseOrigin(run_id), next_steps.deploy(experiment_of(self.store, run_id), model_name)
        return replace(accept(self.store, Journal(ProjectDir().log), origin), next_step=then)

    @_in_folder
    def status(self, model_name: str = next_steps.DEFAULT_MODEL) -> dict[str, Any]:
        """Who is champion, since when, on what evidence, and what is running; see `drift.loop.status`."""
        registry = Registry(connect(read=True), model_name)
        home = ProjectDir(read=True)
        return status_of(registry, Journal(home.log, read=True), home)

    @_in_folder
    def retrain_cost(self, options: DeployOptions) -> str:
        """What a retrain of a deployment takes, in words."""
        return retrain_cost(self.store, options.experiment, options.retrain)

    def _require_person(self, promote: PromoteMode) -> None:
        if promote is PromoteMode.ASK and self.questions is None:
            raise UsageError("--promote ask needs a terminal to ask at; use --promote auto, always or never")

    def _context(self, options: DeployOptions) -> DeploymentContext:
        """Where a deployment takes place, and who is asked."""
        store, home = self.store, ProjectDir()
        journal = Journal(home.log)
        tell_lost_log(Registry(store, options.model_name), journal, self.tell)
        questions = self.questions
        return DeploymentContext(
            store=store, home=home, journal=journal, person=person(), tell=self.tell, write_report=self.write_report,
            consent=consent_for(options.ask, questions.question if questions else None, person()),
            ask_promotion=questions.ask_promotion if questions else None,
            ask_replacement=questions.confirm if questions else None,
            serve=deployment_server(home, self.server, self.port),
            server=self._server | {"port": self.port},
        )  # fmt: skip

    def _championship(self, model_name: str) -> Championship:
        """Changes of a model's champion by hand, which the server that runs follows."""
        home = home_of(Registry(self.store, model_name))
        journal = Journal(home.log)
        registry = trusted_registry(self.store, model_name, journal)
        tell_lost_log(registry, journal, self.tell)
        return Championship(registry, lambda: find_service(home, model_name, self.server), journal, home, self.tell)
