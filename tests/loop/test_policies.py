"""Every way to decide when to retrain, on histories made by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from drift.blocks import ScoredBlock
from drift.detect import Score
from drift.errors import UsageError
from drift.loop import policies
from drift.loop.events import BlockRecord
from drift.loop.policies import CostAware, Decision, Every, History, Never, OnAlarm, Policy, Scheduled, Spaced


def record(index: int, wrong: int = 2, *, version: int = 1, score: Score | None = None) -> BlockRecord:
    scored = ScoredBlock.of_losses([1] * wrong + [0] * (20 - wrong), index)
    found = BlockRecord.of(scored, () if score is None else (score,), first_champion_correct=0, scored_at="")
    return replace(found, version=version)


def decided(policy: Policy, blocks: list[BlockRecord], retrained_at: list[int] | None = None) -> Decision:
    history = History(blocks, 0.9, retrained_at or [])
    found = policy.decide(history)
    assert policy.decide(history) == found
    return found


def retrains(policy: Policy, blocks: int) -> list[int]:
    records = [record(index) for index in range(blocks)]
    return [index for index in range(blocks) if decided(policy, records[: index + 1]).retrain]


def test_every_file_is_exported() -> None:
    files = {path.stem for path in Path(policies.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == {found.__module__.rsplit(".", 1)[1] for found in vars(policies).values() if isinstance(found, type)}


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


def test_a_retrain_is_made_when_it_pays() -> None:
    """Fresh versions had .9; the serving one has .7 in its newest blocks: .2 of 20 rows over 4 blocks is 16 answers."""
    stale = [record(0, 2), record(1, 6), record(2, 6)]
    assert decided(CostAware(15), stale).retrain
    assert not decided(CostAware(17), stale).retrain
    assert decided(CostAware(17), stale).evidence["gain"] == pytest.approx(16)
    renewed = [*stale, record(3, 2, version=2)]
    assert decided(CostAware(15), renewed).evidence["gain"] == 0
