"""The block loop: ask for answers, judge, commit, tell, decide. Knows no server, no MLflow and no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Protocol
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from drift.blocks import Block, Integers, Predictor, Reference, ScoredBlock
from drift.detect import Detector, FollowsErrors, ThresholdForecast, small_reference
from drift.errors import SmallReferenceWarning
from drift.loop.consent import Consent
from drift.loop.events import BlockRecord, BlockScored, DriftFlagged, RetrainDeclined, Said, Tell
from drift.loop.policies import History, Policy
from drift.loop.records import Answers, DecisionRecord, now
from drift.loop.shadow import SHADOW, Shadow
from drift.signals import unbroken


class Log(Protocol):
    """What the loop needs of the scoring log."""

    def add_block(self, deployment: str, record: BlockRecord, scored: ScoredBlock, first: Integers) -> None:
        """Commit a block, once."""
        ...

    def add_decision(self, deployment: str, decision: DecisionRecord) -> None:
        """Commit what came of a flag."""
        ...


@dataclass
class Parts:
    """What one deployment's loop is built from."""

    deployment: str
    predictor: Predictor
    first_champion: Predictor  # answers what would have been without any promotion
    reference_of: Callable[[int], Reference]  # by version
    detectors: Sequence[Detector]
    policy: Policy
    consent: Callable[[DriftFlagged], Consent]
    retrain: Callable[[BlockRecord, Consent, DriftFlagged], DecisionRecord]
    log: Log
    tell: Tell
    shadow: Callable[[DecisionRecord, Progress], Shadow] | None = None  # of a decision, caught up with the blocks since
    end_shadow: Callable[[Shadow, BlockRecord], DecisionRecord] | None = None  # promotes or refuses
    forecast: Callable[[Sequence[BlockRecord]], ThresholdForecast] | None = None  # from all blocks so far
    small_reference_reported: bool = False  # the warning is given once, not for every version


@dataclass
class Progress:
    """Where a deployment stands; rebuilt from the log after a crash."""

    blocks: list[BlockRecord]
    decisions: list[DecisionRecord]
    losses: dict[int, NDArray[np.float64]] = field(default_factory=dict)  # by block, in row order

    @property
    def retrained_at(self) -> list[int]:
        """Blocks after which a retrain was tried."""
        return [decision.block for decision in self.decisions if decision.retrain]


def run_blocks(blocks: Iterable[Block], parts: Parts, progress: Progress, *, total: int) -> None:
    """Score `blocks` one by one until they are used up; every flag becomes a decision, none ends the loop.

    A block that was flagged just before a crash, whose decision is not in the log, is decided first.
    """
    serving = progress.blocks[-1].version if progress.blocks else None
    accepted = _watch(parts, serving) if serving is not None else 0.0
    if progress.blocks and progress.blocks[-1].flagged:
        last = progress.blocks[-1]
        if last.index not in {decision.block for decision in progress.decisions}:
            _decide(last, parts, progress, accepted)
    if serving is not None:
        _catch_up(parts.detectors, progress, serving)
    shadow = _shadow(parts, progress)
    if shadow is not None and shadow.decided:  # a crash came between the block and the decision
        _end(parts, progress, shadow, progress.blocks[-1])
        shadow = None
        _restart(parts, progress.blocks[-1].version)
    for block in blocks:
        with unbroken():  # a block is scored, committed and told whole; Ctrl-C is heard after it
            began = perf_counter()
            answer = parts.predictor.predict(block.features)
            scored = ScoredBlock(block, answer, perf_counter() - began)
            if answer.version != serving:
                serving = answer.version
                accepted = _watch(parts, serving, block_rows=len(block))
            first = parts.first_champion.predict(block.features).probabilities.argmax(axis=1)
            record = _record(scored, first, parts)
            history = _history([*progress.blocks, record], parts, progress, accepted)
            alarm = (
                shadow is None and parts.policy.decide(history).alarm
            )  # while a challenger is watched, nothing is asked
            record = replace(record, flagged=alarm)
            parts.log.add_block(parts.deployment, record, scored, first)
            progress.blocks.append(record)
            progress.losses[block.index] = scored.losses
            for detector in parts.detectors:
                detector.update(scored)
            forecast = None if parts.forecast is None else parts.forecast(progress.blocks)
            parts.tell(BlockScored(record, total, forecast))
        if shadow is not None:
            shadow.observe(scored)
            if shadow.decided:
                _end(parts, progress, shadow, record)
                shadow = None
                _restart(parts, serving)
        elif alarm:
            _decide(record, parts, progress, accepted)
            shadow = _shadow(parts, progress)
            if progress.decisions[-1].retrain:  # evidence that was answered does not count again
                _restart(parts, serving)
    if shadow is not None:
        parts.tell(Said(f"version {shadow.version} is still in the shadow: {shadow.words}"))


def _shadow(parts: Parts, progress: Progress) -> Shadow | None:
    """The challenger that is being watched, if there is one."""
    last = progress.decisions[-1] if progress.decisions else None
    if last is None or last.outcome != SHADOW or parts.shadow is None:
        return None
    return parts.shadow(last, progress)


def _end(parts: Parts, progress: Progress, shadow: Shadow, record: BlockRecord) -> None:
    """Act on the verdict, and write it down."""
    assert parts.end_shadow is not None  # noqa: S101  # whoever makes shadows ends them
    made = parts.end_shadow(shadow, record)
    parts.log.add_decision(parts.deployment, made)
    progress.decisions.append(made)


def _watch(parts: Parts, version: int, *, block_rows: int | None = None) -> float:
    """Judge by the reference of the version that answers now; returns its accepted accuracy.

    Only the first small reference is warned of.
    """
    reference = parts.reference_of(version)
    sentence = small_reference(len(reference), block_rows or 0)
    if sentence is not None and not parts.small_reference_reported:
        parts.tell(Said(f"version {version}: {sentence}"))
        parts.small_reference_reported = True
    _restart(parts, version)
    return reference.accuracy


def _restart(parts: Parts, version: int) -> None:
    for detector in parts.detectors:
        detector.reset(parts.reference_of(version))


def _catch_up(detectors: Sequence[Detector], progress: Progress, serving: int) -> None:
    """After a crash, what detectors had seen since the version began to serve or a retrain was last tried."""
    answered = max(progress.retrained_at, default=-1)
    for block in progress.blocks:
        if block.version == serving and block.index > answered and block.index in progress.losses:
            for detector in detectors:
                if isinstance(detector, FollowsErrors):
                    detector.update(ScoredBlock.of_losses(progress.losses[block.index], block.index))


def losses_by_block(answers: Answers) -> dict[int, NDArray[np.float64]]:
    """Of the answers in the log: 0 for a right one, 1 for a wrong one."""
    wrong = np.asarray(answers.predictions != answers.labels, np.float64)
    return {int(block): wrong[answers.blocks == block] for block in np.unique(answers.blocks)}


def _record(scored: ScoredBlock, first: Integers, parts: Parts) -> BlockRecord:
    with catch_warnings():  # `_watch` has told it
        simplefilter("ignore", SmallReferenceWarning)
        scores = tuple(detector.score(scored) for detector in parts.detectors)
    right = int((first == scored.block.labels).sum())
    return BlockRecord.of(scored, scores, first_champion_correct=right, scored_at=now())


def _history(blocks: Sequence[BlockRecord], parts: Parts, progress: Progress, accepted: float) -> History:
    """What the policy may know of `blocks`, the last of which is to be judged."""
    rows = len(parts.reference_of(blocks[-1].version))
    return History(blocks, accepted, progress.retrained_at, (round(accepted * rows), rows))


def _decide(record: BlockRecord, parts: Parts, progress: Progress, accepted: float) -> None:
    """A flagged block: retrain now, or say why not."""
    upto = [block for block in progress.blocks if block.index <= record.index]
    decision = parts.policy.decide(_history(upto, parts, progress, accepted))
    flag = DriftFlagged(record, decision.reason, decision.evidence, decision.window_rows)
    parts.tell(flag)
    if not decision.retrain:
        made = DecisionRecord(
            record.index, False, f"policy {parts.policy.name}", decision.reason, decision.evidence, "declined"
        )
    else:
        consent = parts.consent(flag)
        if consent.retrain:
            made = parts.retrain(record, consent, flag)
        else:
            made = DecisionRecord(record.index, False, consent.by, consent.reason, decision.evidence, "declined")
    parts.log.add_decision(parts.deployment, made)
    progress.decisions.append(made)
    if made.outcome == "declined":
        parts.tell(RetrainDeclined(record.index, made.by, made.reason))
