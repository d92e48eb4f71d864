"""Alerts: opened by batches that are consistently bad, acknowledged, closed, never twice, told at the right time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from drift.errors import StateError, UsageError
from drift.monitor.alerts.channels.protocol import Message
from drift.monitor.alerts.check import acknowledge, check, close
from drift.monitor.alerts.messages import QuietHours, Watch
from drift.monitor.alerts.rules import (
    DistancePoint,
    LossEvidence,
    LossPoint,
    follow_freshness,
    follow_harm,
    follow_runs,
)
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.pipeline.reference import ReferenceLimits
from drift.monitor.reference.limits import AlarmSpec, RunRule
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.store import MonitorStore, alerts, references
from drift.monitor.store.records import Alert, Batch, Quality
from tests.monitor.worlds import World, agree, monitor_of, take_in

WORLD = World(batches=24, rows=150, moved_from=12)


def batch(at: int) -> Batch:
    came = datetime.fromtimestamp(at, UTC).isoformat()
    return Batch(at, f"b{at}", float(at), None, None, 100, 100, "", "", "", {}, Quality(), came)


def followed(flags: str, *, first: int = 0) -> list[DistancePoint]:
    """A history of `x` for bad and `.` for good."""
    return [DistancePoint(batch(first + at), sign == "x", "far") for at, sign in enumerate(flags)]


def alert(state: str, seen: int) -> Alert:
    """One that has looked at the batches up to a number."""
    return Alert(1, "s", state, "b0", 0.0, tuple(range(seen + 1)), "", "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("x.x.", []),
        ("xx.x", [("open", 3)]),
        ("xxx", [("open", 2)]),
        ("x..xx.x", [("open", 6)]),
        ("xxx....", [("open", 2), ("close", 6)]),
        ("xxx..x....", [("open", 2), ("close", 9)]),
        ("xxx....xxx", [("open", 2), ("close", 6), ("open", 9)]),
        ("xxxxxxxx", [("open", 2)]),
    ],
)
def test_the_run_rule_opens_and_closes(flags: str, expected: list[tuple[str, int]]) -> None:
    found = follow_runs("s", followed(flags), rule=RunRule(), last=None)
    assert [(one.what, one.batch.id) for one in found] == expected


@pytest.mark.parametrize("cut", range(1, 10))
def test_looking_after_every_batch_is_as_looking_once(cut: int) -> None:
    flags = "xxx..x....xxxx"
    once = follow_runs("s", followed(flags), rule=RunRule(), last=None, cooldown=2)
    changes, last = [], None
    for end in range(cut, len(flags) + cut, cut):
        for one in follow_runs("s", followed(flags[:end]), rule=RunRule(), last=last, cooldown=2):
            changes.append(one)
            state = "open" if one.what == "open" else "closed"
            last = alert(state, one.batch.id)
    assert [(one.what, one.batch.id) for one in changes] == [(one.what, one.batch.id) for one in once]


def test_after_a_closing_the_signal_is_left_alone_for_a_while() -> None:
    flags = "xxx....xxxxxx"
    found = follow_runs("s", followed(flags), rule=RunRule(), last=None, cooldown=4)
    assert [(one.what, one.batch.id) for one in found] == [("open", 2), ("close", 6), ("open", 11)]


def test_batches_that_an_alert_has_seen_count_no_more() -> None:
    assert follow_runs("s", followed("xxx"), rule=RunRule(), last=alert("closed", 2)) == []
    again = follow_runs("s", followed("xxxxxx"), rule=RunRule(), last=alert("closed", 2))
    assert [(one.what, one.batch.id) for one in again] == [("open", 5)]


def test_old_batches_that_come_late_close_no_alert_that_was_opened_after_them() -> None:
    late = [*followed("....", first=4), *followed("xxx", first=8), *followed(".", first=11)]
    opened = Alert(1, "s", "open", "b10", 10.0, (8, 9, 10), "", "")
    assert follow_runs("s", late, rule=RunRule(), last=opened) == []
    over = follow_runs("s", [*late, *followed("...", first=12)], rule=RunRule(), last=opened)
    assert [(one.what, one.batch.id) for one in over] == [("close", 14)]


def test_late_batches_alarm_together_only_if_they_are_neighbours_in_time() -> None:
    seen = Alert(1, "s", "closed", "b0", 0.0, tuple(range(3, 20)), "", "")
    between = [*followed("xx", first=1), *followed("." * 17, first=3), *followed("x", first=20)]
    assert follow_runs("s", between, rule=RunRule(), last=seen) == []


@pytest.mark.parametrize("rows", [30, 200, 2_000])
def test_one_ruined_batch_is_no_harm_and_two_are(rows: int) -> None:
    rng = np.random.default_rng(rows)
    harm = LossEvidence((rng.uniform(size=4_000) < 0.1).astype(float))
    losses = rng.binomial(rows, 0.1, size=60) / rows
    for bad, opened in (((30,), []), ((30, 31), [31]), ((0,), []), ((30, 50), [])):
        history = [LossPoint(batch(at), 1.0 if at in bad else float(loss), rows) for at, loss in enumerate(losses)]
        assert [one.batch.id for one in follow_harm("accuracy", history, harm=harm, last=None)] == opened


def test_after_a_closing_harm_is_left_alone_for_a_while_too() -> None:
    harm = LossEvidence((np.random.default_rng(0).uniform(size=4_000) < 0.1).astype(float))
    history = [LossPoint(batch(at), 0.5, 200) for at in range(20)]
    for cooldown, first in ((0, 11), (4, 14)):
        [opened] = follow_harm("accuracy", history, harm=harm, last=alert("closed", 9), cooldown=cooldown)
        assert opened.batch.id == first


def test_a_reference_without_errors_and_no_tolerance_is_watched_too() -> None:
    history = [LossPoint(batch(at), 0.0 if at < 10 else 0.2, 100) for at in range(20)]
    [opened] = follow_harm("accuracy", history, harm=LossEvidence(np.zeros(1_000), tolerated_loss=0.0), last=None)
    assert 10 < opened.batch.id < 14


def test_evidence_of_harm_opens_once_and_begins_anew_after_a_closing() -> None:
    rng = np.random.default_rng(0)
    harm = LossEvidence((rng.uniform(size=4_000) < 0.1).astype(float), expected_run_length=2_000)
    history = [LossPoint(batch(at), 0.1 if at < 10 else 0.3, 200) for at in range(30)]
    [opened] = follow_harm("accuracy", history, harm=harm, last=None)
    assert 10 <= opened.batch.id <= 14
    assert "tolerated 0.1" in opened.reason
    assert follow_harm("accuracy", history, harm=harm, last=alert("acknowledged", 29)) == []
    assert follow_harm("accuracy", history, harm=harm, last=alert("closed", 29)) == []
    more = [*history, *(LossPoint(batch(at), 0.1, 200) for at in range(30, 60))]
    assert follow_harm("accuracy", more, harm=harm, last=alert("closed", 29)) == []


def test_harm_keeps_its_promise_where_the_loss_is_tolerated() -> None:
    """40 streams of 200 batches, promised 400 between alarms: in at most half of them one, within chance."""
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        harm = LossEvidence((rng.uniform(size=4_000) < 0.1).astype(float), expected_run_length=400)
        losses = rng.binomial(200, 0.1, size=200) / 200
        history = [LossPoint(batch(at), float(loss), 200) for at, loss in enumerate(losses)]
        found += len(follow_harm("accuracy", history, harm=harm, last=None))
    assert found <= 20


def test_rows_that_stay_away_open_an_alert_and_their_coming_closes_it() -> None:
    def follow(now: float, newest: int, last: Alert | None = None) -> list[str]:
        found = follow_freshness(batch(newest), seconds=100, now=now, last=last)
        return [one.what for one in found]

    assert follow(90, 0) == []
    assert follow(110, 0) == ["open"]
    opened = Alert(1, "f", "open", "b0", 0.0, (), "", "")
    assert follow(500, 0, opened) == []
    assert follow(510, 500, opened) == ["close"]
    assert follow(700, 0, replace(opened, state="closed")) == []  # the same silence is told once
    assert follow_freshness(None, seconds=1, now=9, last=None) == []


def test_an_alert_is_opened_once_however_often_it_is_looked_for(store: MonitorStore) -> None:
    take_in(store, WORLD)
    agree(store, 10)
    monitor = monitor_of(store)
    first = check(store, monitor, Watch())
    assert [one.signal for one in first.opened] == ["feature:a"]
    assert first.opened[0].batch == "day 014"
    assert "bad in 3 of the last" in first.opened[0].reason
    again = check(store, monitor, Watch())
    assert (again.opened, [one.id for one in again.open]) == ((), [first.opened[0].id])


def test_what_is_bad_is_agreed_with_the_reference(store: MonitorStore) -> None:
    take_in(store, WORLD)
    agree(store, 10)
    agree(store, 10, AlarmSpec(rule=RunRule(1, 1), expected_run_length=50))
    found = []
    with store.read() as connection:
        for reference in references.all_references(connection, monitor_of(store)):
            found.append((reference.promise.rule.bad, ReferenceLimits(reference).limits(150)["feature:a"]))
    assert [bad for bad, _ in found] == [3, 1]
    assert found[0][1] != found[1][1]
    take_in(store, [replace(WORLD, seed=1).batch(at) for at in (30, 31)])  # batches after it was agreed
    assert [one.batch for one in check(store, monitor_of(store), Watch()).opened] == ["day 030"]


def test_acknowledged_it_stays_and_no_exit_code_tells_of_it_and_closed_by_hand_it_comes_back_if_it_goes_on(
    store: MonitorStore,
) -> None:
    take_in(store, [WORLD.batch(at) for at in range(16)])
    agree(store, 10)
    monitor = monitor_of(store)
    [opened] = check(store, monitor, Watch()).opened
    changed = acknowledge(store, monitor, opened, by="Ada", why="I look at it")
    found = check(store, monitor, Watch())
    assert (found.open, [one.acknowledged_by for one in found.acknowledged]) == ((), ["Ada"])
    closed = close(store, monitor, changed, by="Ada", why="a sensor, mended")
    assert check(store, monitor, Watch(cooldown=0)).opened == ()
    take_in(store, WORLD)
    [again] = check(store, monitor, Watch(cooldown=0)).opened
    assert (again.id, again.batch) != (closed.id, closed.batch)
    assert again.batch == "day 018"
    with store.read() as connection:
        kept = alerts.find_alert(connection, monitor, opened.id)
    assert kept is not None
    assert (kept.acknowledged_why, kept.closed_why, kept.closed_by) == ("I look at it", "a sensor, mended", "Ada")


def test_it_closes_by_itself_when_batches_are_good_again(store: MonitorStore) -> None:
    good = World(batches=24, rows=150)
    frames = [(WORLD if 12 <= at < 16 else good).batch(at) for at in range(24)]
    take_in(store, frames)
    agree(store, 10)
    found = check(store, monitor_of(store), Watch())
    assert [one.state for one in found.closed] == ["closed"]
    assert found.closed[0].closed_why == "the last 4 batches are within limits"
    assert found.open == ()


def test_a_new_reference_closes_what_an_older_one_alarmed(store: MonitorStore) -> None:
    take_in(store, WORLD)
    agree(store, 10)
    monitor = monitor_of(store)
    check(store, monitor, Watch())
    agree(store, 24)
    found = check(store, monitor, Watch())
    assert found.open == ()
    assert "reference 2 was agreed by tests" in (found.closed[0].closed_why or "")
    with store.read() as connection:
        assert [one.version for one in references.all_references(connection, monitor)] == [1, 2]


def test_a_slice_that_became_bad_alone_alarms_alone(store: MonitorStore) -> None:
    world = World(batches=40, rows=400)
    frames = []
    for at in range(40):
        frame = world.batch(at)
        if at >= 20:
            wrong = ((frame["state"] == "NSW") & (np.arange(len(frame)) % 2 == 0)).to_numpy()
            frame.loc[wrong, "truth"] = np.where(frame.loc[wrong, "prediction"] == "UP", "DOWN", "UP")
        frames.append(frame)
    take_in(store, frames, slices=("north: state == NSW", "rest: state != NSW"))
    agree(store, 15)
    signals = {one.signal for one in check(store, monitor_of(store), Watch()).opened}
    assert "accuracy of north" in signals
    assert "accuracy of rest" not in signals


def test_truth_that_has_not_settled_is_no_evidence(store: MonitorStore) -> None:
    bad = World(batches=30, rows=150, wrong_from=15)
    frames = [bad.batch(at) for at in range(30)]
    for frame in frames[15:]:
        frame.loc[frame.index[: len(frame) // 2], "truth"] = None
    take_in(store, frames)
    agree(store, 12)
    assert "accuracy" not in {one.signal for one in check(store, monitor_of(store), Watch()).opened}


def test_a_slice_of_numbers_that_became_bad_alone_alarms_alone(store: MonitorStore) -> None:
    rng = np.random.default_rng(0)
    frames = []
    for day in range(24):
        x, group = rng.normal(size=150), rng.choice(["north", "rest"], size=150, p=[0.3, 0.7])
        far = 3.0 * (group == "north") * (day >= 15)
        frame = pd.DataFrame({"day": f"d{day:02d}", "group": group, "yhat": x, "y": x + rng.normal(size=150) + far})
        frames.append(frame)
    ingest(
        store, "m", frames, source="", columns=Columns("yhat", truth="y", batch="day"), ordered=True,
        batching=Batching(column="day"), slices=("north: group == 'north'", "rest: group == 'rest'"),
    )  # fmt: skip
    agree(store, 15)
    signals = {one.signal for one in check(store, monitor_of(store), Watch()).opened}
    assert "large_errors of north" in signals
    assert "large_errors of rest" not in signals


def test_a_reference_that_was_agreed_before_its_truth_is_told_to_be_blind(store: MonitorStore) -> None:
    world = World(batches=12, truth_until=0)
    take_in(store, world)
    agree(store, 6)
    assert not check(store, monitor_of(store), Watch()).blind
    take_in(store, world.known())
    assert check(store, monitor_of(store), Watch()).blind
    agree(store, 6)
    assert not check(store, monitor_of(store), Watch()).blind


@pytest.mark.slow
@pytest.mark.parametrize(("share", "wrong_from", "alarms"), [(0.9, 20, False), (0.05, 20, True), (0.05, None, False)])
def test_rows_labelled_at_random_are_judged_if_so_agreed(
    store: MonitorStore, share: float, wrong_from: int | None, alarms: bool
) -> None:
    frames = list(World(batches=60, rows=200, wrong_from=wrong_from))
    rng = np.random.default_rng(0)
    for frame in frames:
        frame.loc[rng.uniform(size=len(frame)) > 0.1, "truth"] = None
    take_in(store, frames)
    agree(store, 15, AlarmSpec(truth_share=share))
    found = check(store, monitor_of(store), Watch())
    assert ("accuracy" in {one.signal for one in found.opened}) == alarms
    assert found.unjudged == (60 if share > 0.5 else 0)


def test_early_truth_of_one_kind_is_no_drift_of_the_label(store: MonitorStore) -> None:
    frames = list(World(batches=20, rows=200))
    for frame in frames[10:]:
        frame.loc[(frame["truth"] != "UP") | (np.arange(len(frame)) > 40), "truth"] = None
    take_in(store, frames)
    agree(store, 10)
    assert check(store, monitor_of(store), Watch()).opened == ()


def test_truth_and_batches_that_come_after_a_closing_count_though_their_rows_are_older(store: MonitorStore) -> None:
    known = World(batches=45, rows=150, wrong_from=15)
    late = [known.batch(at) for at in range(25)]
    for frame in late[20:]:
        frame["truth"] = None
    take_in(store, late)
    agree(store, 12)
    opened = {one.signal: one for one in check(store, monitor_of(store), Watch()).opened}
    close(store, monitor_of(store), opened["accuracy"], by="Ada", why="mended, I think")
    assert "accuracy" not in {one.signal for one in check(store, monitor_of(store), Watch()).opened}
    take_in(store, known)
    again = [one for one in check(store, monitor_of(store), Watch()).opened if one.signal == "accuracy"]
    assert [one.batch for one in again] <= ["day 026"] and again


def test_an_alert_that_was_closed_meanwhile_is_not_opened_again(store: MonitorStore) -> None:
    take_in(store, WORLD)
    agree(store, 10)
    [opened] = check(store, monitor_of(store), Watch()).opened
    close(store, monitor_of(store), opened, by="Ada", why="mended")
    for change in (acknowledge, close):
        with pytest.raises(StateError, match="closed meanwhile"):
            change(store, monitor_of(store), opened, by="Bob", why="too late")


class Told:
    """A channel that remembers."""

    kind: ClassVar[str] = "told"
    target = "here"

    def send(self, message: Message) -> None:  # pragma: no cover - queued only
        raise AssertionError


def queued(store: MonitorStore) -> list[tuple[str, float]]:
    with store.read() as connection:
        found = alerts.deliveries_of(connection, monitor_of(store))
    return [(str(one.message["event"]), one.not_before) for one in found]


def test_messages_are_queued_once_and_held_back_in_quiet_hours(store: MonitorStore) -> None:
    take_in(store, WORLD)
    agree(store, 10)
    night = datetime(2026, 3, 1, 23, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    watch = Watch(channels=[Told()], quiet_hours=QuietHours.parse("22:00-07:00"), link="http://page/")
    [opened] = check(store, monitor_of(store), watch, moment=night).opened
    check(store, monitor_of(store), watch, moment=night)
    morning = datetime(2026, 3, 2, 7, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert queued(store) == [("opened", morning.timestamp())]
    acknowledge(store, monitor_of(store), opened, by="Ada", why="seen")
    assert [event for event, _ in queued(store)].count("acknowledged") == 1  # to wherever it was announced
    with store.read() as connection:
        [first, *_] = alerts.deliveries_of(connection, monitor_of(store))
    assert first.message["link"].startswith("http://page/monitors/")
    assert first.message["signal"] == "a"


@pytest.mark.parametrize(
    ("hours", "moment", "over"),
    [
        ("22:00-07:00", "2026-03-01T23:30", "2026-03-02T07:00"),
        ("22:00-07:00", "2026-03-02T06:59", "2026-03-02T07:00"),
        ("22:00-07:00", "2026-03-02T07:00", "2026-03-02T07:00"),
        ("12:00-13:00", "2026-03-02T12:15", "2026-03-02T13:00"),
        ("12:00-13:00", "2026-03-02T13:15", "2026-03-02T13:15"),
        ("22:00-07:00", "2026-03-28T23:30", "2026-03-29T07:00"),  # clocks go forward in this night
        ("22:00-02:30", "2026-10-24T23:30", "2026-10-25T02:30"),  # and back in this one
    ],
)
def test_quiet_hours_end_when_the_clock_says_so(hours: str, moment: str, over: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    found = QuietHours.parse(hours).over(datetime.fromisoformat(moment).replace(tzinfo=zone))
    assert found == datetime.fromisoformat(over).replace(tzinfo=zone)


@pytest.mark.parametrize("text", ["", "22-", "22:00", "a-b", "25:00-07:00", "22:00-22:00", "22:00Z-07:00Z"])
def test_quiet_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="22:00-07:00"):
        QuietHours.parse(text)


def test_a_clock_that_jumps_neither_opens_nor_loses_an_alert(store: MonitorStore) -> None:
    take_in(store, WORLD)
    agree(store, 10)
    monitor = monitor_of(store)
    past = datetime(1999, 1, 1, tzinfo=ZoneInfo("UTC"))
    watch = Watch(expect_every=86_400.0)
    first = check(store, monitor, watch, moment=past)
    assert {one.signal for one in first.opened} == {"feature:a"}
    late = check(store, monitor, watch, moment=past + timedelta(days=40_000))
    assert {one.signal for one in late.opened} == {"freshness"}
    back = check(store, monitor, watch, moment=past)
    assert {one.signal for one in back.closed} == {"freshness"}
    assert {one.signal for one in back.open} == {"feature:a"}
