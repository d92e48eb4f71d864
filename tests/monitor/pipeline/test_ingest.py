"""Ingest: every batch once, whole or not at all; truth joined whenever it comes; one line for what cannot be used."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drift.errors import DataError, UsageError
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.pipeline.labels import in_force, join_labels, measure_all
from drift.monitor.sources.batches import Batching, period_of
from drift.monitor.sources.column_roles import Columns
from drift.monitor.sources.rows import from_bytes, joined, to_bytes
from drift.monitor.sources.values import LONGEST
from drift.monitor.store import MonitorStore, batches, references
from tests.monitor.worlds import COLUMNS, World, agree, monitor_of, take_in


def stored(store: MonitorStore) -> dict[str, tuple[int, int]]:
    """Rows and known truths by batch."""
    with store.read() as connection:
        return {one.name: (one.rows, one.known) for one in batches.all_batches(connection, monitor_of(store))}


def measures(store: MonitorStore, name: str) -> list[float]:
    with store.read() as connection:
        found = batches.history(connection, monitor_of(store), [name])
        order = [batch.id for batch in batches.all_batches(connection, monitor_of(store))]
    return [found[batch][0].measure.value for batch in order if batch in found]


def test_batches_come_in_once_whatever_how_often_they_are_given(store: MonitorStore) -> None:
    world = World()
    first, again = take_in(store, world), take_in(store, world)
    assert (first.stored, first.rows, again.stored, again.unchanged) == (8, 1600, 0, 8)
    assert stored(store) == {f"day {at:03d}": (200, 200) for at in range(8)}


def test_rows_come_back_as_they_went_in(store: MonitorStore) -> None:
    world = World(batches=1)
    take_in(store, world)
    with store.read() as connection:
        [batch] = batches.all_batches(connection, monitor_of(store))
        rows = joined([rows for _, rows in batches.rows_of(connection, batch.id)])
    frame = world.batch(0)
    assert rows.keys.tolist() == [str(value) for value in frame["id"]]
    np.testing.assert_array_equal(rows.features["a"].to_numpy(), frame["a"].to_numpy())
    assert rows.features["state"].tolist() == frame["state"].tolist()
    assert rows.labels.tolist() == frame["truth"].tolist()
    assert rows.times is not None
    assert (rows.times == frame["at"].to_numpy().astype("datetime64[ms]")).all()
    assert from_bytes(to_bytes(rows)).prediction.tolist() == frame["prediction"].tolist()


def test_accuracy_is_that_of_the_rows(store: MonitorStore) -> None:
    world = World()
    take_in(store, world, slices=("high: a > 0 and state != 'VIC'",))
    expected = [float((frame["prediction"] == frame["truth"]).mean()) for frame in world]
    np.testing.assert_allclose(measures(store, "accuracy"), expected)
    with store.read() as connection:
        found = batches.history(connection, monitor_of(store), ["accuracy"], whole=False)
    of_slice = [one.measure for one in found[min(found)] if one.of_slice == "high"]
    frame = world.batch(0)
    chosen = frame[(frame["a"] > 0) & (frame["state"] != "VIC")]
    assert of_slice[0].rows == len(chosen)
    assert of_slice[0].value == pytest.approx((chosen["prediction"] == chosen["truth"]).mean())


def test_truth_that_comes_later_in_the_same_rows_is_joined(store: MonitorStore) -> None:
    take_in(store, World(truth_until=5))
    assert stored(store)["day 005"] == (200, 0)
    done = take_in(store, World())
    assert (done.truths, done.stored) == (600, 0)
    assert all(known == 200 for _, known in stored(store).values())
    assert take_in(store, World(truth_until=5)).truths == 0  # that it is missing in the source takes nothing away
    assert stored(store)["day 005"] == (200, 200)


def test_truth_by_key_is_joined_once_and_waits_for_rows_that_have_not_come(store: MonitorStore) -> None:
    world = World(batches=4, truth_until=0)
    take_in(store, [world.batch(at) for at in range(3)])
    truths = pd.concat(list(world.known()))
    keys = truths["id"].astype(str).to_numpy(object)
    given = truths["truth"].to_numpy(object)
    first = join_labels(store, monitor_of(store), keys, given)
    assert (first.joined, first.waiting, first.batches) == (600, 200, 3)
    again = join_labels(store, monitor_of(store), keys, given)
    assert (again.joined, again.changed, again.same) == (0, 0, 600)
    take_in(store, [world.batch(3)])
    assert stored(store)["day 003"] == (200, 200)
    with store.read() as connection:
        assert batches.waiting_labels(connection, monitor_of(store)) == {}
    expected = [float((frame["prediction"] == frame["truth"]).mean()) for frame in world.known()]
    np.testing.assert_allclose(measures(store, "accuracy"), expected)


def test_truth_of_rows_that_share_keys_stays_with_its_batch(store: MonitorStore) -> None:
    world = World(batches=2, truth_until=0)
    frames = [world.batch(at).assign(id=np.arange(200)) for at in range(2)]
    take_in(store, frames)
    known = [frames[0].assign(truth=frames[0]["prediction"]),
             frames[1].assign(truth=np.where(frames[1]["prediction"] == "UP", "DOWN", "UP"))]  # fmt: skip
    assert take_in(store, known).truths == 400
    assert measures(store, "accuracy") == [1.0, 0.0]
    assert take_in(store, known).truths == 0


def test_truth_that_comes_while_rows_are_read_is_joined(store: MonitorStore) -> None:
    world = World(batches=3, truth_until=0)
    truths = pd.concat(list(world.known()))
    keys, given = truths["id"].astype(str).to_numpy(object), truths["truth"].to_numpy(object)

    def interrupted() -> Iterator[pd.DataFrame]:
        yield world.batch(0)
        yield world.batch(1)
        join_labels(store, monitor_of(store), keys, given)  # by another process; one batch is stored by now
        yield world.batch(2)

    take_in(store, interrupted())  # type: ignore[arg-type]
    assert {known for _, known in stored(store).values()} == {200}
    with store.read() as connection:
        assert batches.waiting_labels(connection, monitor_of(store)) == {}
    flipped = np.where(given == "UP", "DOWN", "UP").astype(object)
    join_labels(store, monitor_of(store), keys, flipped)
    take_in(store, world)
    np.testing.assert_allclose(
        measures(store, "accuracy"), [float((f["prediction"] != f["truth"]).mean()) for f in world.known()]
    )


def test_a_replaced_batch_does_not_repeat_itself(store: MonitorStore) -> None:
    take_in(store, World(batches=2))
    frame = World(seed=1).batch(0)
    take_in(store, [frame], replace=True)
    with store.read() as connection:
        assert [one.quality.repeated for one in batches.all_batches(connection, monitor_of(store))] == [0, 0]
    assert take_in(store, [pd.concat([frame, frame.iloc[:3]], ignore_index=True)]).unchanged == 1


def test_a_corrected_truth_takes_the_place_of_the_first(store: MonitorStore) -> None:
    take_in(store, World(batches=2))
    frame = World().batch(0)
    flipped = np.where(frame["truth"] == "UP", "DOWN", "UP").astype(object)
    done = join_labels(store, monitor_of(store), frame["id"].astype(str).to_numpy(object), flipped)
    assert (done.joined, done.changed) == (0, 200)
    assert measures(store, "accuracy")[0] == pytest.approx(1 - (frame["prediction"] == frame["truth"]).mean())


def test_a_batch_with_other_rows_is_refused_and_replaced_only_if_asked(store: MonitorStore) -> None:
    take_in(store, World(batches=3))
    others = World(batches=3, seed=1)
    refused = take_in(store, others)
    assert len(refused.refused) == 3
    assert measures(store, "accuracy")[0] == pytest.approx(
        (World().batch(0)["prediction"] == World().batch(0)["truth"]).mean()
    )
    assert take_in(store, others, replace=True).replaced == 3
    assert len(stored(store)) == 3


def test_the_same_key_twice_counts_once(store: MonitorStore) -> None:
    frame = World().batch(0)
    done = take_in(store, [pd.concat([frame, frame.iloc[:30]], ignore_index=True)])
    assert (done.rows, done.duplicates) == (200, 30)
    later = World().batch(1)
    later.loc[:9, "id"] = frame["id"][:10].to_numpy()
    take_in(store, [later])
    with store.read() as connection:
        newest = batches.all_batches(connection, monitor_of(store))[-1]
    assert newest.quality.repeated == 10


def test_a_batch_may_come_in_chunks_of_any_size_and_order(store: MonitorStore) -> None:
    world = World(batches=3)
    whole = pd.concat(list(world), ignore_index=True).sample(frac=1, random_state=0, ignore_index=True)
    pieces = [whole.iloc[start : start + 77].reset_index(drop=True) for start in range(0, len(whole), 77)]
    ingest(store, "m", pieces, source="test", columns=COLUMNS, batching=Batching(column="day"), ordered=False)
    assert take_in(store, world).unchanged == 3
    expected = [float((frame["prediction"] == frame["truth"]).mean()) for frame in world]
    np.testing.assert_allclose(measures(store, "accuracy"), expected)


def test_batches_are_ordered_by_their_rows_and_not_by_when_they_came(store: MonitorStore) -> None:
    world = World(batches=4)
    take_in(store, [world.batch(at) for at in (2, 0, 3, 1)])
    with store.read() as connection:
        names = [one.name for one in batches.all_batches(connection, monitor_of(store))]
    assert names == [f"day {at:03d}" for at in range(4)]


def test_a_few_rows_with_a_wrong_clock_move_no_batch(store: MonitorStore) -> None:
    world = World(batches=4)
    frames = list(world)
    frames[1].loc[:3, "at"] = np.datetime64("2099-01-01")
    frames[2].loc[:3, "at"] = np.datetime64("1970-01-01")
    take_in(store, frames)
    with store.read() as connection:
        found = batches.all_batches(connection, monitor_of(store))
    assert [one.name for one in found] == [f"day {at:03d}" for at in range(4)]
    assert max(one.fresh_at for one in found) <= time.time()


def test_an_error_in_the_middle_keeps_the_batches_before_and_nothing_of_its_own(store: MonitorStore) -> None:
    world = World(batches=4)

    def broken() -> Iterator[pd.DataFrame]:
        yield world.batch(0)
        yield world.batch(1).iloc[:50]
        raise DataError("the source is gone")

    with pytest.raises(DataError, match="gone"):
        take_in(store, broken())  # type: ignore[arg-type]
    assert list(stored(store)) == ["day 000"]
    assert take_in(store, world).stored == 3


def test_two_ingests_at_once_count_nothing_twice(place: str) -> None:
    MonitorStore(place).close()
    results: list[Any] = []

    def one() -> None:
        own = MonitorStore(place)
        results.append(take_in(own, World(batches=12)))
        own.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sum(one.stored for one in results) == 12
    assert sum(one.unchanged for one in results) == 12
    final = MonitorStore(place)
    assert stored(final) == {f"day {at:03d}": (200, 200) for at in range(12)}
    final.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="b"), "got none called b"),
        (lambda frame: frame.assign(a=["x"] * len(frame)), "expected numbers in column 'a'"),
        (lambda frame: frame.assign(p=1.7), "expected probabilities from 0 to 1 in column 'p', got 1.7"),
        (lambda frame: frame.assign(prediction=None), "expected a prediction in every row"),
        (lambda frame: frame.assign(id=None), "expected a key in every row"),
        (lambda frame: frame.assign(at="yesterday"), "expected a date"),
        (lambda frame: frame.assign(day=None), "expected a batch in every row"),
    ],
)
def test_rows_that_cannot_be_used_are_told_in_one_line(tmp_path: Any, change: Any, words: str) -> None:
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=1))
    with pytest.raises(DataError, match=words) as error:
        take_in(store, [change(World().batch(1))])
    assert "\n" not in str(error.value)
    assert list(stored(store)) == ["day 000"]


@pytest.mark.parametrize("positive", ["Yes", "c"])
def test_a_positive_class_that_is_none_of_two_is_refused_before_anything_is_stored(
    tmp_path: Any, positive: str
) -> None:
    frame = pd.DataFrame(
        {"day": "d", "x": 1.0, "p": 0.3, "prediction": ["no", "no", "yes"], "truth": ["no", "yes", None]}
    )
    frame.loc[0, "truth"] = {"Yes": "no", "c": "c"}[positive]
    store = MonitorStore(tmp_path / "m.db")
    columns = Columns("prediction", truth="truth", batch="day", probability="p", positive=positive)
    with pytest.raises(
        DataError, match=f"expected --positive to be one of two classes, got '{positive}' beside no, yes"
    ):
        ingest(store, "m", [frame], source="", columns=columns, batching=Batching(column="day"), ordered=True)
    with store.read() as connection:
        assert batches.find_monitor(connection, "m") is None


def test_other_columns_than_the_monitor_began_with_are_refused(tmp_path: Any) -> None:
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=1))
    other = Columns("truth", truth="prediction")
    with pytest.raises(UsageError, match="expected --prediction prediction"):
        ingest(store, "m", World(), source="", columns=other, batching=Batching(column="day"), ordered=True)


def test_endless_text_is_kept_short_and_apart(tmp_path: Any) -> None:
    store = MonitorStore(tmp_path / "m.db")
    frame = World(batches=1).batch(0)
    frame["state"] = ["x" * 100_000 + str(at % 3) for at in range(len(frame))]
    take_in(store, [frame])
    with store.read() as connection:
        [batch] = batches.all_batches(connection, monitor_of(store))
        [(_, rows)] = batches.rows_of(connection, batch.id)
    assert rows.features["state"].nunique() == 3
    assert rows.features["state"].str.len().max() <= LONGEST


def test_periods_and_numbers_of_rows_make_batches_and_the_last_one_waits(tmp_path: Any) -> None:
    frames = list(World(batches=4))
    for name, batching, names in (
        ("period", Batching(every="1d"), ["2026-01-01", "2026-01-02", "2026-01-03"]),
        ("rows", Batching(size=300), ["rows 0–299", "rows 300–599"]),
    ):
        store = MonitorStore(tmp_path / f"{name}.db")
        columns = Columns("prediction", truth="truth", key="id", time="at", probability="p", ignore=("day",))
        done = ingest(store, "m", frames, source="", columns=columns, batching=batching, ordered=True)
        assert list(stored(store)) == names
        assert done.unfinished in ("2026-01-04", "rows 600–899")
        done = ingest(store, "m", frames, source="", columns=columns, batching=batching, ordered=True, partial=True)
        assert (done.stored, done.unchanged) == (1, len(names))
        assert sum(rows for rows, _ in stored(store).values()) == 800


def test_a_wrong_clock_in_the_future_finishes_no_period_before_its_time(tmp_path: Any) -> None:
    now = np.datetime64("now", "ms")
    days = [now.astype("datetime64[D]") - np.timedelta64(back, "D") for back in (3, 2, 1, 0)]
    frame = World().batch(0).iloc[:41].drop(columns="day")
    frame["at"] = [*np.repeat(np.asarray(days, "datetime64[ms]"), 10), np.datetime64("2099-01-01")]
    columns = Columns("prediction", truth="truth", key="id", time="at", probability="p")
    for ordered in (True, False):
        store = MonitorStore(tmp_path / f"{ordered}.db")
        done = ingest(store, "m", [frame], source="", columns=columns, batching=Batching(every="1d"), ordered=ordered)
        assert done.unfinished == str(days[-1])
        assert list(stored(store)) == [*map(str, days[:-1]), "2099-01-01"]


def test_old_periods_are_finished_by_the_one_that_comes_after(tmp_path: Any) -> None:
    columns = Columns("prediction", truth="truth", key="id", time="at", probability="p", ignore=("day",))
    batching = Batching(every="1d")
    store = MonitorStore(tmp_path / "m.db")
    done = ingest(store, "m", World(batches=3), source="", columns=columns, batching=batching, ordered=True)
    assert (done.stored, done.unfinished) == (2, "2026-01-03")


@pytest.mark.parametrize("zone", [None, "Australia/Sydney"])
def test_a_batch_at_a_time_is_called_alike_whatever_others_come_beside_it(zone: str | None) -> None:
    midnight = pd.Timestamp("2026-01-02", tz=zone)
    noon, fraction = midnight + pd.Timedelta("12h"), midnight + pd.Timedelta("3.25s")
    labels = Batching(column="run").labels
    alone = labels(pd.DataFrame({"run": [midnight]}), None, first=0, file="")
    beside = labels(pd.DataFrame({"run": [midnight, noon, fraction]}), None, first=0, file="")
    as_objects = labels(pd.DataFrame({"run": np.asarray([midnight, noon], object)}), None, first=0, file="")
    assert alone[0] == beside[0] == as_objects[0]
    assert len(set(beside)) == 3
    if zone is None:
        assert beside.tolist() == ["2026-01-02", "2026-01-02 12:00:00", "2026-01-02 00:00:03.250000"]
    else:
        assert beside[1] == "2026-01-02 01:00:00"  # UTC


def test_a_batch_has_a_name_of_one_line() -> None:
    frame = pd.DataFrame({"run": ["a\nbatch b: no drift", "c\x1b[2J"]})
    names = Batching(column="run").labels(frame, None, first=0, file="")
    assert names.tolist() == ["a\\nbatch b: no drift", "c\\x1b[2J"]
    assert Batching().labels(frame, None, first=0, file="d\ne.csv").tolist() == ["d\\ne.csv"] * 2


def test_probabilities_are_the_same_rows_in_whatever_pieces_and_order_they_come(tmp_path: Any) -> None:
    frame = World().batch(0).rename(columns={"p": "p_UP"})
    frame["p_UP"] = np.where(frame["prediction"] == "UP", frame["p_UP"], 1 - frame["p_UP"])
    frame["p_DOWN"] = 1 - frame["p_UP"]
    columns = Columns("prediction", truth="truth", key="id", batch="day", probabilities="p_")
    for given in ([frame.iloc[:90], frame.iloc[90:]], [frame], [frame[[*frame.columns[::-1]]]]):
        done = ingest(
            MonitorStore(tmp_path / "m.db"), "m", given, source="", columns=columns, batching=Batching(column="day"),
            ordered=True,
        )  # fmt: skip
        assert done.stored + done.unchanged == 1 and not done.refused


def test_a_column_that_is_empty_at_first_is_not_taken_for_categories(tmp_path: Any) -> None:
    frames = list(World(batches=3))
    frames[0]["b"] = None
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, frames)
    with store.read() as connection:
        found = batches.find_monitor(connection, "m")
    assert found is not None and dict(found.columns.features)["b"] == "number"
    frames[0]["b"] = pd.Series([None] * len(frames[0]), dtype=object)
    frames[1]["b"] = "a text"
    with pytest.raises(DataError, match="begin another monitor with --categories b"):
        take_in(MonitorStore(tmp_path / "n.db"), frames)


def test_truth_that_comes_without_keys_leaves_a_batch_what_it_was(tmp_path: Any) -> None:
    columns = Columns("prediction", truth="truth", time="at", batch="day", ignore=("id",), probability="p")
    store, world = MonitorStore(tmp_path / "m.db"), World(batches=3, truth_until=2)

    def take() -> tuple[int, int, str]:
        ingest(store, "m", now, source="", columns=columns, batching=Batching(column="day"), ordered=True)
        with store.read() as connection:
            found = batches.newest_batch(connection, monitor_of(store))
        assert found is not None
        return found.known, found.id, found.ingested_at

    now = world
    before = take()
    now = world.known()
    after = take()
    assert (before[0], after[0]) == (0, 200)
    assert before[1:] == after[1:]


def test_weeks_begin_on_mondays() -> None:
    days = np.arange("2025-12-25", "2026-01-21", dtype="datetime64[D]").astype("datetime64[ms]")
    frame = pd.DataFrame({"at": days})
    labels = Batching(every="1w").labels(frame, days, first=0, file="")
    named = dict.fromkeys(labels)
    assert list(named) == ["2025-12-22", "2025-12-29", "2026-01-05", "2026-01-12", "2026-01-19"]
    assert all(pd.Timestamp(name).day_name() == "Monday" for name in named)


def test_regression_is_seen_by_the_predictions(tmp_path: Any) -> None:
    store = MonitorStore(tmp_path / "m.db")
    rng = np.random.default_rng(0)
    frames = []
    for day in range(12):
        x = rng.normal(size=100)
        frames.append(pd.DataFrame({"day": f"d{day:02d}", "x": x, "y": 2 * x + rng.normal(size=100), "yhat": 2 * x}))
    columns = Columns("yhat", truth="y", batch="day")
    ingest(store, "m", frames, source="", columns=columns, batching=Batching(column="day"), ordered=True)
    np.testing.assert_allclose(measures(store, "mae"), [float((f["y"] - f["yhat"]).abs().mean()) for f in frames])
    agree(store, 10)
    calibration = in_force(store, monitor_of(store))
    assert calibration is not None
    measure_all(store, monitor_of(store), calibration)
    assert len(measures(store, "large_errors")) == 12
    assert np.mean(measures(store, "large_errors")[:10]) == pytest.approx(0.1, abs=0.01)


def test_what_is_strange_in_a_batch_is_counted(store: MonitorStore) -> None:
    take_in(store, World(batches=5))
    agree(store, 5)
    frame = World().batch(6)
    frame.loc[:6, "a"] = np.nan
    frame.loc[7:9, "a"] = 99.0
    frame.loc[:3, "state"] = "<script>alert(1)</script>"
    take_in(store, [frame])
    with store.read() as connection:
        quality = batches.all_batches(connection, monitor_of(store))[-1].quality
    assert quality.missing == {"a": 7}
    assert quality.out_of_range["a"] >= 3
    assert quality.new_categories == {"state": 4}


def test_drift_is_the_same_whether_measured_at_once_or_later(tmp_path: Any) -> None:
    world = World(batches=8, moved_from=6)
    at_once, later = MonitorStore(tmp_path / "a.db"), MonitorStore(tmp_path / "b.db")
    take_in(at_once, [world.batch(at) for at in range(5)])
    agree(at_once, 5)
    calibration = in_force(at_once, monitor_of(at_once))
    assert calibration is not None
    measure_all(at_once, monitor_of(at_once), calibration)
    take_in(at_once, world)
    take_in(later, world)
    agree(later, 5)
    calibration = in_force(later, monitor_of(later))
    assert calibration is not None
    assert measure_all(later, monitor_of(later), calibration) == 8
    found = []
    for store in (at_once, later):
        with store.read() as connection:
            reference = references.current_reference(connection, monitor_of(store))
            assert reference is not None
            found.append(
                references.signal_history(connection, reference, "kl", "jensen_shannon", "psi", "limit", "bad")
            )
    assert sorted(found[0]) == sorted(found[1])
    moved = {signal: bad for batch, signal, *_, bad in found[0] if batch == 8}
    assert moved["feature:a"] and not moved["feature:b"]


@pytest.mark.parametrize("text", ["", "1x", "0d", "d", "-1h"])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="30min"):
        period_of(text)
