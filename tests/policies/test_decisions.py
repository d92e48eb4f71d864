"""Every way to decide when to retrain, on histories made by hand."""

from dataclasses import replace

import pytest

from drift.data.blocks import ScoredBlock
from drift.detect import Score
from drift.errors import UsageError
from drift.policies.alarm import OnAlarm
from drift.policies.cost import CostAware
from drift.policies.history import BlockRecord, History
from drift.policies.protocol import Decision, Policy
from drift.policies.schedules import Every, Never, Scheduled, Spaced
from drift.policies.threshold import ForecastBelow
from drift.policies.window import SinceChange, Window


def record(index: int, wrong: int = 2, *, version: int = 1, score: Score | None = None) -> BlockRecord:
    scored = ScoredBlock.of_losses([1] * wrong + [0] * (20 - wrong), index)
    found = BlockRecord.of(scored, () if score is None else (score,), first_champion_correct=0, scored_at="")
    return replace(found, version=version, start=20 * index, stop=20 * index + 20)


def decided(policy: Policy, blocks: list[BlockRecord], retrained_at: list[int] | None = None) -> Decision:
    history = History(blocks, 0.9, retrained_at or [])
    found = policy.decide(history)
    assert policy.decide(history) == found
    return found


def retrains(policy: Policy, blocks: int) -> list[int]:
    records = [record(index) for index in range(blocks)]
    return [index for index in range(blocks) if decided(policy, records[: index + 1]).retrain]


def test_by_the_calendar() -> None:
    assert retrains(Never(), 12) == []
    assert retrains(Every(), 4) == [0, 1, 2, 3]
    assert retrains(Every(4), 12) == [3, 7, 11]
    assert retrains(Scheduled({2, 5}), 12) == [2, 5]
    with pytest.raises(UsageError, match="expected to retrain every 1 block or more, got 0"):
        Every(0)


@pytest.mark.parametrize(("number", "blocks"), [(0, 10), (3, 12), (10, 44), (20, 44), (43, 135)])
def test_spaced_retrains_are_as_many_as_asked_for(number: int, blocks: int) -> None:
    found = retrains(Spaced(number, blocks), blocks)
    assert len(found) == number
    gaps = [later - earlier for earlier, later in zip([-1, *found], [*found, blocks - 1], strict=True)]
    assert max(gaps) - min(gaps) <= 1


def test_an_alarm_retrains_unless_it_is_too_soon() -> None:
    alarm = Score("harm", 250.0, threshold=200.0, detail="risk 0.3")
    quiet = Score("harm", 3.0, threshold=200.0)
    assert not decided(OnAlarm("harm"), [record(0, score=quiet)]).alarm
    found = decided(OnAlarm("harm"), [record(5, score=alarm)])
    assert (found.alarm, found.retrain) == (True, True)
    assert found.reason == "harm: 250 of 200 (risk 0.3)"
    assert found.evidence.items() >= {"statistic": 250.0, "statistic_threshold": 200.0, "accuracy": 0.9}.items()
    soon = decided(OnAlarm("harm", cooldown=3), [record(5, score=alarm)], [2])
    assert (soon.alarm, soon.retrain) == (True, False)
    tested = decided(OnAlarm("mmd"), [record(0, score=Score("mmd", 0.2, 0.001, 0.01))])
    assert tested.evidence.items() >= {"statistic": 0.2, "p_value": 0.001}.items()
    assert not decided(OnAlarm("mmd"), [record(0, score=alarm)]).alarm


def test_an_alarm_is_repeated_as_long_as_accuracy_stays_low() -> None:
    """A detector of changes alarms once, after block 2; the retrain was refused, and 8 of 20 are wrong ever since."""
    quiet, loud = (Score("ddm", value, threshold=1.0) for value in (0.0, 2.0))
    low = [record(0, 2, score=quiet), record(1, 2, score=quiet), replace(record(2, 8, score=loud), flagged=True)]
    low += [record(index, 8, score=quiet) for index in range(3, 6)]
    policy = OnAlarm("ddm", cooldown=2, repeat=True)
    found = decided(policy, low, retrained_at=[2])
    assert (found.alarm, found.retrain) == (True, True)
    assert "ddm: alarm of block 2, and accuracy is still 0.660 in the last 5 blocks, below 0.9" in found.reason
    assert not decided(policy, low[:5], retrained_at=[2]).retrain  # within the cool-down
    assert not decided(OnAlarm("ddm", cooldown=2), low, retrained_at=[2]).alarm
    better = [*low[:3], *(record(index, 2, score=quiet) for index in range(3, 9))]
    assert not decided(policy, better, retrained_at=[2]).alarm
    assert not decided(policy, [*low, record(6, 8, version=2, score=quiet)], retrained_at=[2]).alarm
    again = [*better, *(record(index, 9, score=quiet) for index in range(9, 13))]  # long after the alarm was over
    assert not decided(policy, again, retrained_at=[2]).alarm


def test_a_window_of_so_many_rows() -> None:
    found = decided(Window(Every(2), 50), [record(0), record(1)])
    assert (found.retrain, found.window_rows) == (True, 50)
    with pytest.raises(UsageError, match="expected a window of 1 row or more, got 0"):
        Window(Never(), 0)


def test_a_window_since_accuracy_changed() -> None:
    """Blocks 0 to 5 have 2 of 20 wrong, 6 to 9 have 8: the change is before block 6, and 80 rows are left."""
    blocks = [record(index, 2 if index < 6 else 8) for index in range(10)]
    found = decided(SinceChange(Every(), least=1), blocks)
    assert found.window_rows == 80
    assert "learns from 80 rows since a change before block 6" in found.reason
    few = decided(SinceChange(Every(), least=120), blocks)
    assert few.window_rows == 120
    assert "learns from 120 rows, the least, of which 80 are since a change before block 6" in few.reason
    assert decided(SinceChange(Never()), blocks).window_rows is None
    renewed = [*blocks, record(10, 2, version=2)]
    assert decided(SinceChange(Every()), renewed).window_rows is None  # one block tells of no change


def test_a_retrain_is_made_when_it_pays() -> None:
    """Fresh versions had .9; the serving one has .7 in its newest blocks: .2 of 20 rows over 4 blocks is 16 answers."""
    stale = [record(0, 2), record(1, 6), record(2, 6)]
    assert decided(CostAware(15), stale).retrain
    assert not decided(CostAware(17), stale).retrain
    assert decided(CostAware(17), stale).evidence["gain"] == pytest.approx(16)
    renewed = [*stale, record(3, 2, version=2)]
    assert decided(CostAware(15), renewed).evidence["gain"] == 0


def test_forecasts_retrain_before_the_threshold() -> None:
    """Wrong answers of 20 grow by one every second block: flagged before a block is below .5, and not at once."""
    falling = [record(index, 1 + index // 2) for index in range(24)]
    below = next(block.index for block in falling if block.accuracy < 0.5)
    first = next(stop - 1 for stop in range(1, 25) if decided(ForecastBelow(0.5, 3), falling[:stop]).retrain)
    assert 8 < first < below
    found = decided(ForecastBelow(0.5, 3), falling[: first + 1])
    assert found.reason.startswith("accuracy is expected below 0.5 in ")
    assert found.evidence["threshold"] == 0.5
    assert 1 <= found.evidence["blocks_to_threshold"] <= 3
    assert found.evidence["chance"] > 0  # what a person who is asked wants to know
    waiting = decided(ForecastBelow(0.5, 3, cooldown=2), falling[: first + 1], [first - 1])
    assert waiting.alarm
    assert not waiting.retrain
    assert waiting.reason.endswith("but retrained within 2 blocks")


def test_looking_further_ahead_retrains_no_later() -> None:
    falling = [record(index, 1 + index // 2) for index in range(24)]
    firsts = [
        next(stop for stop in range(1, 25) if decided(ForecastBelow(0.5, blocks), falling[:stop]).retrain)
        for blocks in (1, 3, 6, 12)
    ]
    assert firsts == sorted(firsts, reverse=True)
    assert firsts[-1] < firsts[0]


def test_a_block_below_the_threshold_is_flagged_whatever_is_forecast() -> None:
    steady = [record(index, 2) for index in range(20)]
    found = decided(ForecastBelow(0.5, 1), [*steady, record(20, 11)])
    assert found.retrain
    assert found.reason == "accuracy 0.450 < threshold 0.500"
    assert not decided(ForecastBelow(0.5, 1), steady).alarm
