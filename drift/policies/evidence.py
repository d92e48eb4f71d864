"""Retraining on evidence kept over blocks, with a guarantee about false alarms: the detector `harm`."""

from __future__ import annotations

from functools import partial

from drift.detect import Harm
from drift.policies.alarm import OnAlarm
from drift.policies.protocol import MakeDetector, PolicyDeclaration, PolicyParameter, PolicySettings


def _make(settings: PolicySettings, loss: float, blocks: float) -> OnAlarm:
    # The detector goes on gathering evidence by itself: repeated alarms would break its guarantee.
    return OnAlarm(Harm.name, cooldown=settings.cooldown)


def _detector(settings: PolicySettings, loss: float, blocks: float) -> MakeDetector:
    return partial(Harm, tolerated_loss=loss, expected_run_length=blocks)


EVIDENCE = PolicyDeclaration(
    "evidence",
    "when more than LOSS of accuracy was lost, by evidence kept over blocks, with BLOCKS or more between false alarms",
    _make,
    (
        PolicyParameter("LOSS", "of accuracy", "tolerated_loss", low=0.001, high=0.99),
        PolicyParameter("BLOCKS", "between false alarms in the mean", "expected_run_length", low=2),
    ),
    detector=_detector,
    aliases=(Harm.name,),
)
