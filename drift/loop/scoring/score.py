"""The block loop: ask for answers, judge, commit, tell, decide. Knows no server, no MLflow and no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Block, Integers, Predictor, Reference, ScoredBlock
from drift.detect import Detector, ErrorDetector, ThresholdForecast, small_reference
from drift.errors import SmallReferenceWarning
from drift.loop.events import BlockScored, DriftFlagged, Ending, Notice, RetrainDeclined, Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import IMPOSSIBLE, Answers, DecisionRecord, now
from drift.loop.retraining.approval import AlwaysRetrain, Approval, AskPerson, Flag
from drift.loop.scoring.rows import outside_change, seen_words
from drift.loop.scoring.shadow import SHADOW, Shadow
from drift.policies.history import BlockRecord, History, evidence_of
from drift.policies.protocol import Policy
from drift.system.signals import raise_lost_interrupt, unbroken

if TYPE_CHECKING:
    from drift.loop.outlook import Outlook


@dataclass
class LoopParts:
    """What one deployment's loop is built from."""

    deployment: str
    predictor: Predictor
    first_champion: Predictor  # answers what would have been without any promotion
    reference_of: Callable[[int], Reference]  # by version
    detectors: Sequence[Detector]
    policy: Policy
    consent: Callable[[Flag], Approval]
    retrain: Callable[[BlockRecord, Approval, Flag], DecisionRecord]
    log: Journal
    tell: Tell
    shadow: Callable[[DecisionRecord, Progress], Shadow] | None = None  # of a decision, caught up with the blocks since
    end_shadow: Callable[[Shadow, BlockRecord], DecisionRecord] | None = None  # promotes or refuses
    forecast: Callable[[Sequence[BlockRecord]], ThresholdForecast] | None = None  # from all blocks so far
    outlook: Callable[[BlockRecord, int | None], Outlook | None] = lambda record, window: None  # of a retrain, if asked
    advise: Callable[[int], None] = lambda version: None  # warns of a threshold that is too high for a version
    seen: Callable[[int], int] = lambda version: 0  # by version: one past the last row that had a part in it
    began_with: int | None = None  # version that is expected to answer the first block; None if any may
    cooldown: int = 0  # blocks after a promotion in which no question is put at the end
    small_reference_reported: bool = False  # the warning is given once, not for every version


@dataclass
class Progress:
    """Where a deployment stands; rebuilt from the log after a crash."""

    blocks: list[BlockRecord]
    decisions: list[DecisionRecord]
    losses: dict[int, NDArray[np.float64]] = field(default_factory=dict)  # by block, in row order

    @property
    def retrained_at(self) -> list[int]:
        """Blocks after which a challenger was trained, or was tried to be."""
        return [decision.block for decision in self.decisions if decision.retrain and decision.outcome != IMPOSSIBLE]

    def decided(self, block: int) -> bool:
        """Whether there is a decision about a block."""
        return any(decision.block == block for decision in self.decisions)


def run_blocks(blocks: Iterable[Block], parts: LoopParts, progress: Progress, *, total: int) -> Ending | None:
    """Score `blocks` one by one until they are used up; every flag and every retrain that is due becomes a decision.

    A block that was flagged just before a crash, whose decision is not in the log, is decided first.

    Returns:
        How the blocks ended; None if there are none.
    """
    serving = progress.blocks[-1].version if progress.blocks else None
    accepted = _watch(parts, serving) if serving is not None else 0.0
    shadow = _settle(parts, progress, accepted) if progress.blocks else None
    for block in blocks:
        raise_lost_interrupt()
        with unbroken():  # a block is scored, committed and reported whole; Ctrl-C is heard after it
            began = perf_counter()
            answer = parts.predictor.predict(block.features)
            scored = ScoredBlock(block, answer, perf_counter() - began)
            _tell_outside_change(block, answer.version, parts, progress)
            if answer.version != serving:
                serving = answer.version
                accepted = _watch(parts, serving, block_rows=len(block))
                if block.rows.start < (seen := parts.seen(serving)):
                    parts.tell(Notice(seen_words(serving, seen)))
                if serving not in {record.version for record in progress.blocks}:
                    parts.advise(serving)
            first = parts.first_champion.predict(block.features).predictions
            record = _record(scored, first, parts)
            history = _history([*progress.blocks, record], parts, progress, accepted)
            decision = parts.policy.decide(history)
            record = replace(record, flagged=decision.alarm)
            parts.log.add_block(parts.deployment, record, scored, first)
            progress.blocks.append(record)
            progress.losses[block.index] = scored.losses
            for detector in parts.detectors:
                detector.update(scored)
            forecast = None if parts.forecast is None else parts.forecast(progress.blocks)
            parts.tell(BlockScored(record, total, forecast))
        if shadow is not None:
            shadow.observe(scored)
        if shadow is not None and shadow.decided:
            _end(parts, progress, shadow, record)
            shadow = None
            _restart(parts, serving)
        elif decision.alarm or decision.retrain:
            _decide(record, parts, progress, accepted, shadow)
            if shadow is None:
                shadow = _shadow(parts, progress)
                if record.index in progress.retrained_at:  # evidence that was answered does not count again
                    _restart(parts, serving)
    return _finish(parts, progress, accepted, shadow) if progress.blocks else None


def _tell_outside_change(block: Block, version: int, parts: LoopParts, progress: Progress) -> None:
    """Say that another version answers than the one before, unless this deployment promoted it, which was reported."""
    before = progress.blocks[-1].version if progress.blocks else parts.began_with
    change = None if before is None else outside_change(block.index, version, before, progress.decisions)
    if change is not None:
        parts.tell(Notice(change.words))


def _settle(parts: LoopParts, progress: Progress, accepted: float) -> Shadow | None:
    """After an interruption, decide what the last block left undecided; returns the challenger in shadow."""
    last = progress.blocks[-1]
    if isinstance(parts.consent, AskPerson):
        parts.consent.recall(progress.decisions)
    shadow = _shadow(parts, progress)
    if shadow is not None and shadow.decided:  # a crash came between the block and the decision
        _end(parts, progress, shadow, last)
        shadow = None
        _restart(parts, last.version)
    elif not progress.decided(last.index) and (
        last.flagged or parts.policy.decide(_history(progress.blocks, parts, progress, accepted)).retrain
    ):
        _decide(last, parts, progress, accepted, shadow)
        shadow = shadow or _shadow(parts, progress)
    _catch_up(parts.detectors, progress, last.version)
    return shadow


def _finish(parts: LoopParts, progress: Progress, accepted: float, shadow: Shadow | None) -> Ending:
    """Put the last question, and say which challenger is still in shadow."""
    ending = _ending(parts, progress, accepted)
    if shadow is None:
        _ask_at_end(parts, progress, ending)
        shadow = _shadow(parts, progress)
    if shadow is not None:
        parts.tell(Notice(f"version {shadow.version} is still in the shadow: {shadow.words}"))
    return ending


def _ending(parts: LoopParts, progress: Progress, accepted: float) -> Ending:
    """What is to be said and asked when all blocks are scored."""
    last = progress.blocks[-1]
    history = _history(progress.blocks, parts, progress, accepted)
    threshold = parts.policy.decide(history).evidence.get("threshold")
    evidence = evidence_of(history) | ({} if threshold is None else {"threshold": threshold})
    return Ending(
        record=last,
        lowest=min(progress.blocks, key=lambda block: block.accuracy),
        threshold=threshold,
        flagged=sum(block.flagged for block in progress.blocks),
        evidence=evidence,
        outlook=parts.outlook(last, None) if isinstance(parts.consent, AskPerson) else None,
    )


def _ask_at_end(parts: LoopParts, progress: Progress, ending: Ending) -> None:
    """Ask a person whether to retrain, flagged or not; but not who said no, and not twice about the last block.

    Within the cool-down of a promotion the question waits for more blocks of the new version; after a challenger that
    was refused, the version that was judged still serves, and its blocks can be asked about.
    """
    last = ending.record.index
    if not isinstance(parts.consent, AskPerson) or parts.consent.refused or progress.decided(ending.block):
        return
    asked_now = any(decision.block == last and not decision.by.startswith("policy ") for decision in progress.decisions)
    promoted_at = (decision.block for decision in progress.decisions if decision.outcome == "promoted")
    if asked_now or any(last - at <= parts.cooldown for at in promoted_at):
        return
    _act(parts.consent(ending), ending.record, ending, parts, progress)


def _act(consent: Approval, record: BlockRecord, flag: Flag, parts: LoopParts, progress: Progress) -> DecisionRecord:
    """Retrain if it was agreed to, and keep what came of it."""
    if consent.retrain:
        decision = parts.retrain(record, consent, flag)
    else:
        decision = DecisionRecord(flag.block, False, consent.by, consent.reason, flag.evidence, "declined")
    return _keep(decision, parts, progress)


def _keep(decision: DecisionRecord, parts: LoopParts, progress: Progress) -> DecisionRecord:
    parts.log.add_decision(parts.deployment, decision)
    progress.decisions.append(decision)
    return decision


def _shadow(parts: LoopParts, progress: Progress) -> Shadow | None:
    """The challenger that is being watched, if there is one."""
    last = next((decision for decision in reversed(progress.decisions) if decision.retrain), None)
    if last is None or last.outcome != SHADOW or parts.shadow is None:
        return None
    return parts.shadow(last, progress)


def _end(parts: LoopParts, progress: Progress, shadow: Shadow, record: BlockRecord) -> None:
    """Act on the verdict, and write it down."""
    assert parts.end_shadow is not None  # noqa: S101  # whoever makes shadows ends them
    _keep(parts.end_shadow(shadow, record), parts, progress)


def _watch(parts: LoopParts, version: int, *, block_rows: int | None = None) -> float:
    """Judge by the reference of the version that answers now; returns its accepted accuracy.

    Only the first small reference is warned of.
    """
    reference = parts.reference_of(version)
    sentence = small_reference(len(reference), block_rows or 0)
    if sentence is not None and not parts.small_reference_reported:
        parts.tell(Notice(f"version {version}: {sentence}"))
        parts.small_reference_reported = True
    _restart(parts, version)
    return reference.accuracy


def _restart(parts: LoopParts, version: int) -> None:
    for detector in parts.detectors:
        detector.reset(parts.reference_of(version))


def _catch_up(detectors: Sequence[Detector], progress: Progress, serving: int) -> None:
    """After a crash, what detectors had seen since the version began to serve or a retrain was last tried."""
    answered = max(progress.retrained_at, default=-1)
    for block in progress.blocks:
        if block.version == serving and block.index > answered and block.index in progress.losses:
            for detector in detectors:
                if isinstance(detector, ErrorDetector):
                    detector.update(ScoredBlock.of_losses(progress.losses[block.index], block.index))


def losses_by_block(answers: Answers) -> dict[int, NDArray[np.float64]]:
    """Of the answers in the log: 0 for a right one, 1 for a wrong one."""
    wrong = np.asarray(answers.predictions != answers.labels, np.float64)
    return {int(block): wrong[answers.blocks == block] for block in np.unique(answers.blocks)}


def _record(scored: ScoredBlock, first: Integers, parts: LoopParts) -> BlockRecord:
    with catch_warnings():  # `_watch` has reported it
        simplefilter("ignore", SmallReferenceWarning)
        scores = tuple(detector.score(scored) for detector in parts.detectors)
    right = int((first == scored.block.labels).sum())
    return BlockRecord.of(scored, scores, first_champion_correct=right, scored_at=now())


def _history(blocks: Sequence[BlockRecord], parts: LoopParts, progress: Progress, accepted: float) -> History:
    """What the policy may know of `blocks`, the last of which is to be judged."""
    rows = len(parts.reference_of(blocks[-1].version))
    return History(blocks, accepted, progress.retrained_at, (round(accepted * rows), rows))


def _decide(record: BlockRecord, parts: LoopParts, progress: Progress, accepted: float, shadow: Shadow | None) -> None:
    """An alarm, or a retrain that is due: retrain now, or say why not.

    While a challenger is in shadow, it is only reported.
    """
    upto = [block for block in progress.blocks if block.index <= record.index]
    history = _history(upto, parts, progress, accepted)
    decision = parts.policy.decide(history)
    decision = replace(decision, evidence={**evidence_of(history), **decision.evidence})
    if shadow is not None:
        reason = f"{decision.reason}, but version {shadow.version} is in shadow"
        parts.tell(DriftFlagged(record, reason, decision.evidence))  # the sequential test decides, and nobody is asked
        return
    wanted = decision.retrain and isinstance(parts.consent, AskPerson | AlwaysRetrain)
    outlook = parts.outlook(record, decision.window_rows) if wanted else None  # else nobody needs MLflow
    flag = DriftFlagged(record, decision.reason, decision.evidence, decision.window_rows, outlook)
    parts.tell(flag)
    by = f"policy {parts.policy.name}"
    consent = parts.consent(flag) if decision.retrain else Approval(False, by, decision.reason)
    outcome = _act(consent, record, flag, parts, progress)
    if outcome.outcome == "declined" and decision.retrain:  # else the flag's reason says why
        parts.tell(RetrainDeclined(record.index, outcome.by, outcome.reason))
