"""A threshold above what the model was accepted with is warned of, and one that flags 1 block in 100 is proposed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from scipy.stats import binom

from drift.data.blocks import Answer, Floats, blocks
from drift.loop.advice.deployment_advice import DeploymentAdvice
from drift.loop.advice.threshold_advice import threshold_advice
from drift.loop.options import DeployOptions
from drift.loop.retraining.approval import Approval
from drift.loop.scoring.score import LoopParts, Progress, run_blocks
from drift.policies.schedules import Never
from tests.fakes import Listener, SignPredictor, stream


@pytest.mark.parametrize("accuracy", [0.51, 0.68, 0.734, 0.9, 0.999])
@pytest.mark.parametrize("rows", [20, 50, 336, 1_000])
def test_the_proposal_flags_one_block_in_100_and_is_highest(accuracy: float, rows: int) -> None:
    advice = threshold_advice(1.0, accuracy, rows)
    assert advice is not None
    assert advice.proposed is not None
    counts = range(rows + 1)
    flagged = sum(binom.pmf(right, rows, accuracy) for right in counts if right / rows < advice.proposed)
    lowest_kept = next(right for right in counts if right / rows >= advice.proposed)
    assert flagged <= 0.01
    assert flagged + binom.pmf(lowest_kept, rows, accuracy) > 0.01
    assert f"--threshold_accuracy {advice.proposed:.10g} flags at most 1 block in 100" in advice.words


@pytest.mark.parametrize(
    ("threshold", "warned"), [(0.55, False), (0.66, False), (0.685, True), (0.7, True), (0.99, True)]
)
def test_thresholds_that_flag_most_blocks_are_warned_of(threshold: float, warned: bool) -> None:
    advice = threshold_advice(threshold, 0.68, 1_000)
    assert (advice is not None) is warned
    if advice is not None:
        right = [count for count in range(1_001) if count / 1_000 < threshold]
        assert advice.flagged_share == pytest.approx(binom.cdf(max(right), 1_000, 0.68))


def test_blocks_too_small_for_any_threshold_are_named() -> None:
    advice = threshold_advice(0.9, 0.5, 5)
    assert advice is not None
    assert advice.proposed is None
    assert "take a larger --block_size" in advice.words


def test_a_version_that_takes_over_is_checked_once() -> None:
    """The first champion is warned of before any block; later ones when they answer first, not when they return."""
    table = stream(400, drift_at=400)
    answering = [1, 1, 2, 2, 1, 3]
    asked: list[int] = []

    class Server:
        def predict(self, features: Floats) -> Answer:
            return replace(SignPredictor().predict(features), version=answering.pop(0))

    parts = LoopParts(
        deployment="d", predictor=Server(), first_champion=SignPredictor(), detectors=[], policy=Never(),
        reference_of=lambda version: SignPredictor().reference(table, range(100)),
        consent=lambda flag: Approval(False, "nobody", ""), retrain=lambda *_: pytest.fail("never"),
        log=cast(Any, SimpleNamespace(add_block=lambda *_: None, add_decision=lambda *_: None)),
        tell=lambda event: None, advise=asked.append,
    )  # fmt: skip
    progress = Progress([], [])
    run_blocks(blocks(table, range(100, 160), 20, first=0), parts, progress, total=6)
    run_blocks(blocks(table, range(100, 220), 20, first=3), parts, progress, total=6)  # after an interruption
    assert asked == [1, 2, 3]


class _Accuracy(float):
    """A reference of 400 rows."""

    @property
    def accuracy(self) -> float:
        return float(self)

    def __len__(self) -> int:
        return 400


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (0.1, 0.8, []),
        (0.1, 0.65, ["version 2: warning: the threshold of 0.7 is above"]),
        (0.9, 0.8, ["version 2 is not as good as the first version was when it was accepted: 0.800 of 400 rows"]),
        (0.82, 0.8, []),
    ],
)
def test_a_promoted_version_is_told_with_its_number(first: float, second: float, said: list[str]) -> None:
    listener = Listener()
    references: Any = {1: _Accuracy(first), 2: _Accuracy(second)}.__getitem__
    deployment: Any = SimpleNamespace(first_champion=1)
    unused: Any = None
    options = DeployOptions(threshold_accuracy=0.7)
    advice = DeploymentAdvice(deployment, options, unused, unused, unused, references, unused)
    for version in (1, 2):
        advice.take_over(version, listener)
    assert [event.text[: len(said[0])] for event in listener.events] == said  # type: ignore[attr-defined]
