"""One deployment under way: the block loop with its real parts, and what is left when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from drift import next_steps
from drift.data.blocks import Answer, Floats, Table, blocks, cut
from drift.data.calendar import CALENDAR_NAMES
from drift.detect import AccuracyDrop, Detector, FeatureShift, PredictionShift, ThresholdForecast
from drift.errors import DataError, ExitCode, StateError, TrackingError, TrainingError, resumable
from drift.loop.advice.resumption import resume_named
from drift.loop.advice.retrain_outlook import by_hand_of, outlook_of
from drift.loop.advice.scored_falls import ScoredFalls
from drift.loop.advice.threshold_advice import ThresholdAdvice, threshold_advice
from drift.loop.events import Ending, Event, Notice, Tell
from drift.loop.journal.interrupted import decision_of, has_further_tries, next_try, verdict_of
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import IMPOSSIBLE, DecisionRecord, Deployment
from drift.loop.options import DeployOptions, RetrainOptions
from drift.loop.outlook import ByHand, Outlook
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.acceptance import worse_than_accepted
from drift.loop.releases.alias_watch import watched_alias
from drift.loop.releases.promote import Championship, LoadingService, card_of, comparison_evidence
from drift.loop.releases.references import References
from drift.loop.releases.trusted import trusted_registry
from drift.loop.results.deployment import DeployResult
from drift.loop.results.details import DeploymentDetails, deployment_details
from drift.loop.retraining.approval import Approval, Flag
from drift.loop.retraining.challenge import ChallengeConfig, challenge, train_challenger
from drift.loop.retraining.manual_retrain import last_row_seen
from drift.loop.retraining.repeated_challengers import refused_before
from drift.loop.retraining.retrain import Challenger
from drift.loop.scoring.forecasts import Forecasts
from drift.loop.scoring.outbox import Outbox
from drift.loop.scoring.score import LoopParts, Progress, losses_by_block, run_blocks
from drift.loop.scoring.shadow import SHADOW
from drift.loop.scoring.shadow_trial import ShadowTrial
from drift.models.predict import LocalPredictor
from drift.policies.history import BlockRecord
from drift.system.signals import unbroken
from drift.tracking.connection.store import Store
from drift.tracking.registry import Registry
from drift.tracking.runs.open_runs import Run, open_run


class PredictingService(LoadingService, Protocol):
    """A server that answers, too."""

    def predict(self, features: Floats) -> Answer:
        """Class probabilities by the default version."""
        ...

    def restore_with(self, restore: Callable[[], object]) -> None:
        """Call `restore` when the server had to be started again, to load what is to be served."""
        ...


class ReportWriter(Protocol):
    """Writes the report of a deployment (`drift.report.deployment.write_deployment`)."""

    def __call__(
        self,
        journal: Journal,
        deployment: Deployment,
        table: Table,
        details: DeploymentDetails,
        path: Path,
        *,
        threshold: float | None,
        flags_below: bool,
        forecasts: Callable[[Sequence[BlockRecord]], Mapping[int, ThresholdForecast]],
    ) -> Path:
        """Write the page to `path` and return it."""
        ...


@dataclass(frozen=True)
class DeploymentContext:
    """Where a deployment takes place, and who is asked.

    Attributes:
        store: MLflow.
        home: the project's folder.
        journal: the scoring log.
        serve: gives a server, of the format of requests, the server's folder and the model's name.
        consent: decides whether a flag is followed by a retrain.
        ask_promotion: asks whether a challenger replaces the champion; None where there is nobody.
        person: who is asked, such as `ada@host`.
        tell: hears of every step.
        write_report: writes the page; None for no page.
        ask_replacement: asks whether a new base model replaces the champion; None where there is nobody.
        server: options that name the server, for printed commands.
    """

    store: Store
    home: ProjectDir
    journal: Journal
    serve: Callable[[Literal["npy", "json"], Path, str], AbstractContextManager[PredictingService]]
    consent: Callable[[Flag], Approval]
    ask_promotion: Callable[[Challenger], bool] | None
    person: str
    tell: Tell
    write_report: ReportWriter | None
    ask_replacement: Callable[[str], bool] | None = None
    server: Mapping[str, object] = field(default_factory=dict)

    def registry(self, name: str) -> Registry:
        """A model's versions, of which those may be used that are trusted here."""
        return trusted_registry(self.store, name, self.journal)

    def championship(self, registry: Registry, service: PredictingService) -> Championship:
        """Changes of champion that the deployment's own server follows."""
        return Championship(registry, lambda: service, self.journal, self.home, self.tell)

    def served(self, options: DeployOptions, identity: str) -> AbstractContextManager[PredictingService]:
        """A server for the time of a deployment."""
        folder = self.home.deployment(identity) / "server"
        return self.serve(options.format, folder, options.model_name)

    def alone(self, identity: str) -> AbstractContextManager[None]:
        """Nobody may resume a deployment that is under way, with whatever server."""
        return self.home.lock(f"deployment-{identity}", doing=f"running deployment {identity}")

    def open_run(self, experiment: str, identity: str, *, run_id: str | None = None) -> AbstractContextManager[Run]:
        """A deployment's MLflow run: a new one, or `run_id` again.

        MLflow's column of names is narrow, so the name is the time; the tag `drift.deployment` holds the whole id.
        """
        _, day, time, _ = identity.rsplit("-", 3)
        name = f"deployment {day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}"
        return open_run(self.store, experiment, name=name, kind="deployment", run_id=run_id)


@dataclass(frozen=True)
class RunningDeployment:
    """A deployment whose server is up and whose champion is loaded."""

    context: DeploymentContext
    deployment: Deployment
    options: DeployOptions
    table: Table  # coded as the first champion sees it
    championship: Championship
    service: PredictingService
    mlflow_run: Run

    @property
    def registry(self) -> Registry:
        """Of the model's versions."""
        return self.championship.registry

    def run(self) -> DeployResult:
        """Score what is left to score, then report. An interruption leaves it resumable, with a report so far."""
        with resumable(), resume_named(self.deployment.model), watched_alias(self.championship):
            return self._run()

    def _run(self) -> DeployResult:
        journal, deployment = self.context.journal, self.deployment
        try:
            progress = Progress(
                journal.blocks(deployment.id),
                journal.decisions(deployment.id),
                losses_by_block(journal.answers(deployment.id)),
            )
            self._settle(progress)
            with TemporaryDirectory(prefix="drift-reference-") as folder:
                references = References(self.registry, Path(folder))
                falls = ScoredFalls(journal, deployment.id, references)
                forecasts = Forecasts(self.options.forecast_threshold, references)
                outbox = Outbox(
                    journal, deployment.id, self.mlflow_run, forecasts, sent=deployment.tracked, tell=self.context.tell
                )
                if not progress.blocks and (warned := self._threshold_advice(references, deployment.first_champion)):
                    self.context.tell(Notice(warned.words))
                ending, report, details = self._score_and_report(progress, outbox, references, falls, forecasts)
                served = dict.fromkeys([deployment.first_champion, *(block.version for block in progress.blocks)])
                advised = (self._threshold_advice(references, version) for version in served)
                advice = next((one for one in advised if one is not None), None)
                by_hand, seen = self._by_hand(falls), _seen_by(served, references)
            code = exit_code(progress)
            self._deliver(outbox, report, code)
        except BaseException:
            # The first error is the one to tell; `running` can be resumed as well.
            with suppress(StateError), unbroken():
                journal.set_state(deployment.id, "interrupted")
            raise
        journal.set_state(deployment.id, "done")
        made = forecasts.of(progress.blocks)
        return DeployResult(
            deployment, self.options, progress.blocks, progress.decisions, code, report, made, ending, by_hand,
            rows_left=len(self.table) - (by_hand.stop if by_hand else deployment.stop_row), threshold_advice=advice,
            seen=seen, versions=details.versions, moved=details.moved,
        )  # fmt: skip

    def _threshold_advice(self, references: References, version: int) -> ThresholdAdvice | None:
        if (threshold := self.options.threshold) is None:
            return None
        return threshold_advice(threshold, references(version).accuracy, self.options.block_size)

    def _advise(self, references: References, version: int, tell: Tell) -> None:
        """Warn of what a version that took over does not reach; the first one's threshold was checked before."""
        if version == self.deployment.first_champion:
            return
        if advice := self._threshold_advice(references, version):
            tell(Notice(f"version {version}: {advice.words}"))
        if finding := worse_than_accepted(references(version), references(self.deployment.first_champion)):
            tell(Notice(f"version {version} is {finding}"))

    def _score_and_report(
        self, progress: Progress, outbox: Outbox, references: References, falls: ScoredFalls, forecasts: Forecasts
    ) -> tuple[Ending | None, Path | None, DeploymentDetails]:
        def tell(event: Event) -> None:
            outbox(event)
            self.context.tell(event)

        try:
            ending = self._score(progress, references, falls, forecasts, tell)
        except BaseException:
            with suppress(Exception):  # as above
                if progress.blocks:
                    self._report(references, forecasts)
            raise
        return ending, *self._report(references, forecasts)

    def _score(
        self, progress: Progress, references: References, falls: ScoredFalls, forecasts: Forecasts, tell: Tell
    ) -> Ending | None:
        first = self.registry.get(self.deployment.first_champion)
        reference = references(first.number)
        rows = range(self.deployment.start_row, self.deployment.stop_row)
        total = len(cut(rows, self.options.block_size))
        detectors: list[Detector] = [
            AccuracyDrop(reference),
            FeatureShift(reference, ignore=CALENDAR_NAMES),
            PredictionShift(reference),
        ]
        made = self.options.detector()
        if made is not None and (own := made(reference)).name not in {detector.name for detector in detectors}:
            detectors.append(own)
        self.service.restore_with(self.championship.restore)
        watched = ShadowTrial(
            self.deployment.id,
            self.table,
            replace(self.championship, tell=tell),
            references,
            self.options,
        )
        parts = LoopParts(
            deployment=self.deployment.id,
            predictor=self.service,
            first_champion=LocalPredictor.from_file(self.registry.release(first).model_file, version=first.number),
            reference_of=references,
            detectors=detectors,
            policy=self.options.decides(total),
            consent=self.context.consent,
            retrain=lambda record, consent, flag: self._challenge(record, consent, flag, tell),
            log=self.context.journal,
            tell=tell,
            shadow=watched.begin,
            end_shadow=watched.end,
            forecast=forecasts.after,
            outlook=lambda record, window_rows: self._outlook(record, window_rows, falls),
            advise=lambda version: self._advise(references, version, tell),
            seen=references.seen,
            began_with=self.deployment.first_champion,
            cooldown=self.options.cooldown_blocks,
        )
        left = blocks(self.table, rows, self.options.block_size, first=len(progress.blocks))
        return run_blocks(left, parts, progress, total=total)

    def _outlook(self, record: BlockRecord, window_rows: int | None, falls: ScoredFalls) -> Outlook | None:
        """What a retrain after a block would learn from; None while MLflow is away."""
        options, rows = self._retraining(window_rows), self.options.block_size
        with suppress(TrackingError):
            card = card_of(self.registry, self.registry.champion())
            fall = falls.last(self.registry.name, card, record.stop)
            outlook = outlook_of(card, record.stop, options, block_rows=rows, fall=fall)
            return replace(outlook, blocks_left=(len(self.table) - record.stop) // rows)
        return None

    def _by_hand(self, falls: ScoredFalls) -> ByHand | None:
        """What `drift retrain` would learn from now: rows that any deployment of this model scored, not this one's."""
        options, rows, name = self.options.retrain, self.options.block_size, self.registry.name
        with suppress(TrackingError):
            card = card_of(self.registry, self.registry.champion())
            stop = last_row_seen(self.context.journal, name, card)
            return by_hand_of(card, stop, options, block_rows=rows, fall=falls.last(name, card, stop))
        return None

    def _retraining(self, window_rows: int | None) -> RetrainOptions:
        options = self.options.retrain
        return options if window_rows is None else replace(options, window_rows=window_rows)

    def _challenge(self, record: BlockRecord, consent: Approval, flag: Flag, tell: Tell) -> DecisionRecord:
        config = ChallengeConfig(
            championship=replace(self.championship, tell=tell),
            experiment=self.options.experiment,
            options=self._retraining(consent.window_rows or flag.window_rows),
            mode=self.options.promote,
            ask=self.context.ask_promotion,
            person=self.context.person,
        )
        evidence = {
            "deployment": self.deployment.id,
            "block": flag.block,
            "agreed_by": consent.by,
            "flag": dict(flag.evidence),
        }
        champion, cause = (
            self.registry.champion(),
            f"{'end' if isinstance(flag, Ending) else f'block {flag.block}'}: {flag.reason}",
        )
        try:
            if self.options.shadow:
                challenger = train_challenger(self.table, record.stop, champion, config, cause=cause, evidence=evidence)
                tell(Notice(f"version {challenger.version.number} is in shadow until enough new rows decide"))
                return DecisionRecord(
                    flag.block, True, consent.by, consent.reason, flag.evidence, SHADOW, challenger.version.number
                )
            first = next_try(verdict_of(self.context.journal, self.deployment, flag.block))  # after an interruption
            verdict = challenge(
                self.table, record.stop, champion, config, cause=cause, evidence=evidence, first_try=first,
                refused=lambda: refused_before(config.championship, config.mode, champion),
            )  # fmt: skip
        except (DataError, TrainingError) as error:  # no challenger came of it; the champion goes on
            reason = f"{consent.reason}; no challenger: {error}"
            tell(Notice(reason))
            outcome = "failed" if isinstance(error, TrainingError) else IMPOSSIBLE
            return DecisionRecord(flag.block, True, consent.by, reason, flag.evidence, outcome)
        return DecisionRecord(
            block=flag.block,
            retrain=True,
            by=consent.by,
            reason=f"{consent.reason}; {verdict.reason} ({verdict.by})",
            evidence=flag.evidence,
            outcome="promoted" if verdict.promoted else "refused",
            challenger=verdict.challenger.version.number,
            comparison=comparison_evidence(verdict.challenger.test),
        )

    def _settle(self, progress: Progress) -> None:
        """A crash between a challenge's audit line and its decision: the line tells what the decision was.

        A refusal that further tries were to follow is no decision: the block is decided anew, from the next try on.
        """
        if not progress.blocks:
            return
        last = progress.blocks[-1].index
        undecided = [block for block in (last, last + 1) if not progress.decided(block)]  # one past it: the end
        line = verdict_of(self.context.journal, self.deployment, *undecided)
        if line is None or has_further_tries(line, self.registry.champion().number):
            return
        decision = decision_of(line)
        self.context.journal.add_decision(self.deployment.id, decision)
        progress.decisions.append(decision)

    def _report(self, references: References, forecasts: Forecasts) -> tuple[Path | None, DeploymentDetails]:
        journal, identity = self.context.journal, self.deployment.id
        details = deployment_details(
            self.deployment, journal.blocks(identity), journal.decisions(identity),
            table=self.table, registry=self.registry, references=references,
        )  # fmt: skip
        if self.context.write_report is None:
            return None, details
        path = self.context.write_report(
            journal,
            self.deployment,
            self.table,
            details,
            self.context.home.reports / f"{self.deployment.id}.html",
            threshold=self.options.threshold,
            flags_below=self.options.flags_below,
            forecasts=forecasts.of,
        )
        return path, details

    def _deliver(self, outbox: Outbox, report: Path | None, code: ExitCode) -> None:
        """MLflow gets what it does not have yet; if it is away, nothing is lost."""
        page = "" if report is None else f" and the report is {report}"
        try:
            outbox.flush()
            if report is not None:
                self.mlflow_run.file(report)
                self.mlflow_run.tag(report=report.name)
            self.mlflow_run.tag(exit_code=int(code))
        except TrackingError as error:
            raise TrackingError(
                f"{error}; every block is in the scoring log{page}, only MLflow lacks the last"
                f" ones: once it answers, run {next_steps.resume_deployment(self.deployment.model)}"
            ) from error


def _seen_by(versions: Iterable[int], references: References) -> dict[int, int]:
    """One past the last row that had a part in each version; without those that MLflow does not tell now."""
    seen = {}
    for version in versions:
        with suppress(TrackingError):
            seen[version] = references.seen(version)
    return seen


def exit_code(progress: Progress) -> ExitCode:
    """What is left for a person to do: nothing after a promotion, something after a refusal or an unanswered flag.

    A flag within a retrain's cool-down was put to nobody and changes nothing, and so does a no at the end. A challenger
    that is still in shadow was not refused: the champion that was flagged still serves.
    """
    code = ExitCode.DONE
    for decision in progress.decisions:
        at_end = decision.block >= len(progress.blocks)
        if decision.outcome == "promoted":
            code = ExitCode.DONE
        elif decision.outcome == "refused":
            code = ExitCode.REFUSED
        elif decision.outcome in ("failed", IMPOSSIBLE) and at_end and not any(b.flagged for b in progress.blocks):
            code = ExitCode.ERROR
        elif decision.outcome in ("failed", IMPOSSIBLE, SHADOW) or not (at_end or decision.by.startswith("policy ")):
            code = ExitCode.DRIFT
    return code
