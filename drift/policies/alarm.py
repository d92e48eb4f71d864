"""Retraining when a detector alarms: one policy for each detector, under its name, and `evidence`, with a guarantee."""

from __future__ import annotations

from functools import partial

from drift.detect import DETECTORS, STREAMING, Harm
from drift.detect.detectors.protocol import FeatureDetector
from drift.policies.history import History, evidence_of, serving_blocks
from drift.policies.protocol import Decision, MakeDetector, PolicyDeclaration, PolicyParameter, PolicySettings, flagged

STILL_LOW = 0.001  # chance of the newest blocks at the accepted accuracy, below which an alarm is repeated


class OnAlarm:
    """Retrain when a detector's score of the last block is an alarm, but not again within `cooldown` blocks.

    Detectors of changes begin anew after an alarm and take what comes then for usual. With `repeat`, an alarm about a
    version that still serves is repeated as long as its newest blocks are below the accepted accuracy beyond chance; it
    is over where they were not for more than `cooldown` blocks.

    Attributes:
        name: of the detector.
        cooldown: blocks after a retrain in which none is asked for.
        repeat: whether alarms are repeated.
    """

    def __init__(self, detector: str, *, cooldown: int = 0, repeat: bool = False) -> None:
        self.name = detector
        self.cooldown = cooldown
        self.repeat = repeat

    def decide(self, history: History) -> Decision:
        """Read the detector's score in the block's record."""
        last = history.blocks[-1]
        score = next((score for score in last.scores if score.detector == self.name), None)
        if score is None:
            return Decision(False, False, f"{self.name} has not scored this block", {})
        evidence = evidence_of(history) | {"statistic": score.statistic}
        if score.threshold is not None:
            evidence["statistic_threshold"] = score.threshold
        if score.p_value is not None:
            evidence["p_value"] = score.p_value
        alarm, reason = score.alarm, f"{self.name}: {score.words}" + (f" ({score.detail})" if score.detail else "")
        first = self._first_alarm(history)
        if self.repeat and not alarm and first is not None and evidence["recent_chance"] < STILL_LOW:
            alarm = True
            reason = (
                f"{self.name}: alarm of block {first}, and accuracy is still {evidence['recent_accuracy']:.3f} in"
                f" the last {evidence['recent_blocks']:.0f} blocks, below {history.accepted_accuracy:.3f}"
            )
        return flagged(history, alarm, reason, evidence, cooldown=self.cooldown)

    def _first_alarm(self, history: History) -> int | None:
        """The first block of the alarm that has lasted until now; None if there is none."""
        first = None
        for block in reversed(serving_blocks(history.blocks)[:-1]):
            if (history.blocks[-1].index if first is None else first) - block.index > self.cooldown + 1:
                break
            first = block.index if block.flagged else first
        return first


def detector_policies() -> dict[str, PolicyDeclaration]:
    """One policy for each detector, by the detector's name."""
    return {name: _declared(name) for name in (*DETECTORS, *STREAMING)}


def _declared(name: str) -> PolicyDeclaration:
    def make(settings: PolicySettings) -> OnAlarm:
        repeat = settings.repeat_alarms and name in STREAMING
        return OnAlarm(name, cooldown=settings.cooldown, repeat=repeat)

    def detector(settings: PolicySettings) -> MakeDetector:
        kind = DETECTORS.get(name) or STREAMING[name]
        if issubclass(kind, FeatureDetector) and settings.ignored_features:
            return partial(kind, ignore=settings.ignored_features)
        return kind

    return PolicyDeclaration(name, f"when the detector {name} alarms", make, detector=detector)


def _make_evidence(settings: PolicySettings, loss: float, blocks: float) -> OnAlarm:
    # The detector goes on gathering evidence by itself: repeated alarms would break its guarantee.
    return OnAlarm(Harm.name, cooldown=settings.cooldown)


def _evidence_detector(settings: PolicySettings, loss: float, blocks: float) -> MakeDetector:
    return partial(Harm, tolerated_loss=loss, expected_run_length=blocks)


EVIDENCE = PolicyDeclaration(
    "evidence",
    "when more than LOSS of accuracy was lost, by evidence kept over blocks, with BLOCKS or more between false alarms",
    _make_evidence,
    (
        PolicyParameter("LOSS", "of accuracy", "tolerated_loss", low=0.001, high=0.99),
        PolicyParameter("BLOCKS", "between false alarms in the mean", "expected_run_length", low=2),
    ),
    detector=_evidence_detector,
    aliases=(Harm.name,),
)
