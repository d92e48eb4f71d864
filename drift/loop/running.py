"""One deployment under way: the block loop with its real parts, challengers in shadow, and what is left at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from drift import next_steps
from drift.data.blocks import Answer, ScoredBlock, Table, blocks, cut
from drift.data.calendar import CALENDAR_NAMES
from drift.detect import AccuracyDrop, Detector, FeatureShift, PredictionShift
from drift.detect.sequential.paired_test import TestState
from drift.errors import DataError, ExitCode, ServingError, StateError, TrackingError, TrainingError, resumable
from drift.loop.advice.deployment_advice import DeploymentAdvice
from drift.loop.advice.falls import ScoredFalls
from drift.loop.context import DeploymentContext, PredictingService
from drift.loop.events import Ending, Event, Notice, Tell
from drift.loop.journal.records import IMPOSSIBLE, DecisionRecord, Deployment
from drift.loop.options import DeployOptions
from drift.loop.releases.loading import References
from drift.loop.releases.promote import Championship, comparison_evidence, watched_alias
from drift.loop.results.deployment import DeploymentDetails, DeployResult, deployment_details
from drift.loop.retraining.approval import Approval, Flag
from drift.loop.retraining.challenge import challenge, decision_of, has_further_tries, next_try, verdict_of
from drift.loop.retraining.repeated_challengers import refused_before
from drift.loop.retraining.retrain import ChallengeConfig, Occasion, retrain
from drift.loop.scoring.outbox import Forecasts, Outbox
from drift.loop.scoring.score import LoopParts, Progress, losses_by_block, run_blocks
from drift.loop.scoring.shadow import SHADOW, Shadow, shadow_of
from drift.models.predict import LocalPredictor
from drift.policies.history import BlockRecord
from drift.system.signals import unbroken
from drift.tracking.registry import Registry
from drift.tracking.runs.open_runs import Run


@dataclass(frozen=True)
class RunningDeployment:
    """A deployment whose server is up and whose champion is loaded.

    Attributes:
        context: where it takes place, and who is asked.
        deployment: as the log keeps it.
        options: that it has.
        table: coded as the first champion sees it.
        championship: changes of champion, which the server follows.
        service: the server.
        mlflow_run: of the deployment, open.
    """

    context: DeploymentContext
    deployment: Deployment
    options: DeployOptions
    table: Table
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
            self.settle(progress)
            references = References(self.registry)
            falls = ScoredFalls(journal, deployment.id, references)
            advice = DeploymentAdvice(deployment, self.options, self.table, self.registry, journal, references, falls)
            forecasts = Forecasts(self.options.forecast_threshold, references)
            outbox = Outbox(
                journal, deployment.id, self.mlflow_run, forecasts, sent=deployment.tracked, tell=self.context.tell
            )
            if not progress.blocks and (warned := advice.threshold(deployment.first_champion)):
                self.context.tell(Notice(warned.words))
            ending, report, details = self._score_and_report(progress, outbox, advice, forecasts)
            served = dict.fromkeys([deployment.first_champion, *(block.version for block in progress.blocks)])
            warned, by_hand = advice.first_threshold(served), advice.by_hand()
            code = exit_code(progress)
            self._deliver(outbox, report, code)
        except BaseException:
            # The first error is the one to tell; `running` can be resumed as well.
            with suppress(StateError), unbroken():
                journal.set_state(deployment.id, "interrupted")
            raise
        journal.set_state(deployment.id, "done")
        return DeployResult(
            deployment, self.options, progress.blocks, progress.decisions, code, report,
            forecasts.of(progress.blocks), details, ending, by_hand,
            rows_left=len(self.table) - (by_hand.stop if by_hand else deployment.stop_row), threshold_advice=warned,
        )  # fmt: skip

    def _score_and_report(
        self, progress: Progress, outbox: Outbox, advice: DeploymentAdvice, forecasts: Forecasts
    ) -> tuple[Ending | None, Path | None, DeploymentDetails]:
        def tell(event: Event) -> None:
            outbox(event)
            self.context.tell(event)

        try:
            ending = self._score(progress, advice, forecasts, tell)
        except BaseException:
            with suppress(Exception):  # as above
                if progress.blocks:
                    self._report(advice.references, forecasts)
            raise
        return ending, *self._report(advice.references, forecasts)

    def _score(self, progress: Progress, advice: DeploymentAdvice, forecasts: Forecasts, tell: Tell) -> Ending | None:
        references = advice.references
        first = self.deployment.first_champion
        reference = references(first)
        rows = range(self.deployment.start_row, self.deployment.stop_row)
        total = len(cut(rows, self.options.block_size))
        detectors: list[Detector] = [
            AccuracyDrop(reference),
            FeatureShift(reference, ignore=CALENDAR_NAMES),
            PredictionShift(reference),
        ]
        make = self.options.detector()
        if make is not None and (own := make(reference)).name not in {detector.name for detector in detectors}:
            detectors.append(own)
        self.service.restore_with(self.championship.restore)
        parts = LoopParts(
            deployment=self.deployment.id,
            predictor=self.service,
            first_champion=self._predictor(first),
            reference_of=references,
            detectors=detectors,
            policy=self.options.decides(total),
            consent=self.context.consent,
            retrain=lambda record, consent, flag: self.challenge_champion(record, consent, flag, tell),
            log=self.context.journal,
            tell=tell,
            shadow=lambda decision, progress: self._begin_shadow(decision, progress, references),
            end_shadow=lambda shadow, record: self._end_shadow(shadow, record, tell),
            forecast=forecasts.after,
            outlook=advice.outlook,
            advise=lambda version: advice.take_over(version, tell),
            seen=references.seen,
            began_with=first,
            cooldown=self.options.cooldown_blocks,
        )
        left = blocks(self.table, rows, self.options.block_size, first=len(progress.blocks))
        return run_blocks(left, parts, progress, total=total)

    def challenge_champion(self, record: BlockRecord, consent: Approval, flag: Flag, tell: Tell) -> DecisionRecord:
        """Retrain after a flag that somebody approved, compare the challenger, and return what was decided.

        Args:
            record: of the block that the challenger is trained up to.
            consent: who approved, and on which window.
            flag: that was raised.
            tell: hears of each step.
        """
        config = ChallengeConfig(
            championship=replace(self.championship, tell=tell),
            experiment=self.options.experiment,
            options=self.options.retrain.on_window(consent.window_rows or flag.window_rows),
            mode=self.options.promote,
            ask=self.context.ask_promotion,
            person=self.context.person,
        )
        evidence = {
            "deployment": self.deployment.id, "block": flag.block, "agreed_by": consent.by, "flag": dict(flag.evidence),
        }  # fmt: skip
        cause = f"{'end' if isinstance(flag, Ending) else f'block {flag.block}'}: {flag.reason}"
        champion = self.registry.champion()
        occasion = Occasion(self.table, record.stop, champion, cause, evidence)
        decided = partial(DecisionRecord, flag.block, True, consent.by, evidence=flag.evidence)
        try:
            if self.options.shadow:
                number = retrain(occasion, config).version.number
                tell(Notice(f"version {number} is in shadow until enough new rows decide"))
                return decided(consent.reason, outcome=SHADOW, challenger=number)
            first = next_try(verdict_of(self.context.journal, self.deployment, flag.block))  # after an interruption
            verdict = challenge(
                occasion,
                config,
                first_try=first,
                refused=lambda: refused_before(config.championship, config.mode, champion),
            )
        except (DataError, TrainingError) as error:  # no challenger came of it; the champion goes on
            reason = f"{consent.reason}; no challenger: {error}"
            tell(Notice(reason))
            return decided(reason, outcome="failed" if isinstance(error, TrainingError) else IMPOSSIBLE)
        return decided(
            f"{consent.reason}; {verdict.reason} ({verdict.by})",
            outcome="promoted" if verdict.promoted else "refused",
            challenger=verdict.challenger.version.number,
            comparison=comparison_evidence(verdict.challenger.test),
        )

    def _begin_shadow(self, decision: DecisionRecord, progress: Progress, references: References) -> Shadow:
        """The challenger of a decision, caught up with the blocks that were scored since."""
        number, serving = decision.challenger or 0, progress.blocks[-1].version
        challenger, champion = self._predictor(number), self._predictor(serving)
        level = self.options.retrain.level
        shadow = shadow_of(number, challenger, champion, references(number), level=level)
        since = [block for block in progress.blocks if block.index > decision.block]
        answers = self.context.journal.answers(self.deployment.id) if since else None
        for block in since:
            assert answers is not None  # noqa: S101  # read above
            served = answers.predictions[answers.blocks == block.index]
            answer = Answer(np.eye(len(self.table.classes), dtype=np.float32)[served], block.version)
            shadow.observe(ScoredBlock(self.table.block(block.index, range(block.start, block.stop)), answer, 0.0))
        return shadow

    def _end_shadow(self, shadow: Shadow, record: BlockRecord, tell: Tell) -> DecisionRecord:
        """Promote or refuse a challenger; what had been done before a crash is only written down."""
        championship, by, reason = replace(self.championship, tell=tell), "--shadow", shadow.words
        challenger, champion = self.registry.get(shadow.version), self.registry.champion()
        evidence = {
            "deployment": self.deployment.id,
            "block": record.index,
            "challenger": challenger.number,
            "comparison": dict(shadow.comparison),
        }
        better = shadow.paired_test.verdict is TestState.BETTER
        if not better or champion.number != challenger.number:
            why = {"by": by, "reason": reason, "evidence": evidence}
            better, reason = championship.decide(challenger, champion, better, compared_with=record.version, **why)
        if not better:
            tell(Notice(f"version {challenger.number} stays challenger: {reason}"))
        outcome = "promoted" if better else "refused"
        return DecisionRecord(record.index, True, by, reason, {}, outcome, challenger.number, shadow.comparison)

    def _predictor(self, number: int) -> LocalPredictor:
        return LocalPredictor.from_file(self.registry.release(self.registry.get(number)).model_file, version=number)

    def settle(self, progress: Progress) -> None:
        """Write down the decision that a crash came before: the line of the audit trail says what it was.

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
            self.deployment, journal.blocks(identity), journal.decisions(identity), journal.answers(identity),
            table=self.table, registry=self.registry, references=references, options=self.options,
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


@contextmanager
def resume_named(model: str) -> Iterator[None]:
    """Add to an error of the server how the deployment of `model` goes on after its last committed block."""
    try:
        yield
    except ServingError as error:
        again = next_steps.resume_deployment(model)
        error.args = (f"{error}; every block scored so far is kept; to go on: {again}",)
        raise
