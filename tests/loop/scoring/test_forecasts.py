"""Forecasts of the threshold in the loop: of the serving version's blocks, in events and MLflow, and after a crash."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from drift.data.blocks import blocks
from drift.detect import forecast_threshold
from drift.errors import UsageError
from drift.loop.events import BlockScored
from drift.loop.options import DeployOptions
from drift.loop.retraining.approval import AlwaysRetrain
from drift.loop.scoring.outbox import Forecasts, Outbox
from drift.loop.scoring.score import run_blocks
from drift.policies.history import serving_blocks
from drift.policies.threshold import ForecastBelow
from drift.tracking.runs.open_runs import LoggedMetric
from tests.loop.scoring.test_score import ROWS, SIZE, TABLE, Story


class Run:
    """Keeps the points that it is given."""

    def __init__(self) -> None:
        self.points: list[LoggedMetric] = []

    def metrics(self, points: list[LoggedMetric]) -> None:
        self.points += points


class Forecasting(Story):
    """A deployment whose events carry forecasts and whose outbox has a run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, AlwaysRetrain())
        self.forecasts = Forecasts(0.8, self.parts.reference_of)
        self.parts.forecast = self.forecasts.after
        self.mlflow = Run()
        sent = self.journal.deployments()[0].tracked
        outbox = Outbox(self.journal, "d", self.mlflow, self.forecasts, sent=sent, tell=self.listener)  # type: ignore[arg-type]

        def tell(event: object) -> None:
            outbox(event)  # type: ignore[arg-type]
            self.listener(event)  # type: ignore[arg-type]

        self.parts.tell = tell


def test_every_block_comes_with_its_forecast(tmp_path: Path) -> None:
    story = Forecasting(tmp_path)
    story.run()
    events = [event for event in story.listener.events if isinstance(event, BlockScored)]
    assert len(events) == 10
    for event in events:
        own = serving_blocks(story.progress.blocks[: event.record.index + 1])
        reference = story.parts.reference_of(event.record.version)
        assert event.forecast == forecast_threshold(
            [block.correct for block in own],
            [block.rows for block in own],
            0.8,
            reference=(round(reference.accuracy * len(reference)), len(reference)),
        )


def test_a_new_version_begins_anew(tmp_path: Path) -> None:
    """The first version's fall does not count against the second one, which is right everywhere."""
    story = Forecasting(tmp_path)
    story.run()
    versions = [block.version for block in story.progress.blocks]
    fell, renewed = versions.index(2) - 1, versions.index(2)
    forecasts = story.forecasts.of(story.progress.blocks)
    assert forecasts[fell].median < 3
    assert forecasts[renewed].low > 3
    assert [block.index for block in serving_blocks(story.progress.blocks)] == list(range(renewed, 10))


def test_a_version_that_was_rolled_back_to_begins_anew(tmp_path: Path) -> None:
    story = Forecasting(tmp_path)
    story.run()
    again = [replace(block, version=1 if block.index < 3 or block.index > 7 else 2) for block in story.progress.blocks]
    assert [block.index for block in serving_blocks(again)] == [8, 9]


def test_mlflow_has_blocks_to_threshold(tmp_path: Path) -> None:
    story = Forecasting(tmp_path)
    story.run()
    points = {(point.key, point.step): point.value for point in story.mlflow.points}
    for block, forecast in story.forecasts.of(story.progress.blocks).items():
        expected = 51.0 if math.isinf(forecast.median) else forecast.median
        assert points["block/blocks_to_threshold", block] == expected
        assert points["block/blocks_to_threshold_low", block] <= expected
        assert points["block/blocks_to_threshold_high", block] >= expected
        assert points["block/probability_below_threshold", block] == forecast.probability_next
    assert all(math.isfinite(value) for value in points.values())


@pytest.mark.parametrize("stop", [1, 5, 6, 8])
def test_a_resumed_deployment_has_the_same_forecasts(tmp_path: Path, stop: int) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole = Forecasting(tmp_path / "whole")
    whole.run()
    story = Forecasting(tmp_path / "halves")
    run_blocks(list(blocks(TABLE, ROWS, SIZE))[:stop], story.parts, story.progress, total=10)
    again = Forecasting(tmp_path / "halves")
    again.service.make_default(story.service.default_version or 1)
    again.run()
    events = [event for event in [*story.listener.events, *again.listener.events] if isinstance(event, BlockScored)]
    assert [event.forecast for event in events] == [
        event.forecast for event in whole.listener.events if isinstance(event, BlockScored)
    ]

    def logged(points: list[LoggedMetric]) -> list[tuple[str, float, int | None]]:
        return [(point.key, point.value, point.step) for point in points if "threshold" in point.key]

    assert logged([*story.mlflow.points, *again.mlflow.points]) == logged(whole.mlflow.points)


def test_an_outbox_makes_forecasts_of_blocks_it_did_not_see(tmp_path: Path) -> None:
    """MLflow was away until the process ended: the next one sends what the first would have sent."""
    story = Forecasting(tmp_path)
    story.run()
    late, forecasts = Run(), Forecasts(0.8, story.parts.reference_of)
    Outbox(story.journal, "d", late, forecasts, sent=0, tell=story.listener).flush()  # type: ignore[arg-type]
    assert [point.value for point in late.points] == [point.value for point in story.mlflow.points]


def test_the_policy_retrains_before_the_threshold(tmp_path: Path) -> None:
    """In the loop: the same policy flags, and what it knows are the reference and the serving version's blocks."""
    story = Forecasting(tmp_path)
    story.parts.policy = ForecastBelow(0.8, 3, cooldown=2)
    story.run()
    flagged = [block.index for block in story.progress.blocks if block.flagged]
    forecasts = story.forecasts.of(story.progress.blocks)
    expected = [
        block.index for block in story.progress.blocks if block.accuracy < 0.8 or forecasts[block.index].median <= 3
    ]
    assert flagged == expected
    assert flagged
    assert story.progress.blocks[-1].version == 2


def test_options_name_the_policy() -> None:
    for name, ahead in (("forecast", 3), ("forecast:7", 7), ("forecast:7@change", 7)):
        options = DeployOptions(policy=name, threshold_accuracy=0.6, cooldown_blocks=4)
        policy = getattr(options.decides(5), "policy", options.decides(5))
        assert isinstance(policy, ForecastBelow)
        assert (policy.blocks, policy.threshold, policy.cooldown) == (ahead, 0.6, 4)
        assert DeployOptions.from_json(options.to_json()) == options
        assert options.detector() is None


@pytest.mark.parametrize("name", ["forecast:", "forecast:0", "forecast:51", "forecast:2.5", "forecast:x"])
def test_options_refuse_other_values(name: str) -> None:
    with pytest.raises(UsageError, match="expected forecast:BLOCKS:ACCURACY"):
        DeployOptions(policy=name)
