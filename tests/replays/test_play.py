"""A replay, beside one done by hand: what is known when, what is trained on which rows, and what is never looked at."""

from pathlib import Path

import numpy as np
import pytest

from drift.data.blocks import Answer, Floats, Reference, Rows, Table
from drift.detect import Harm
from drift.errors import DataError, TrainingError
from drift.policies.alarm import OnAlarm
from drift.policies.schedules import Every, Never, Scheduled
from drift.policies.window import SinceChange, Window
from drift.replays.play import Stream, play
from drift.replays.versions import ReplayVersions

ROWS, START, SIZE = 1_000, 200, 50


class Threshold:
    """Predicts class 1 above the best cut of its training rows."""

    def __init__(self, train: Rows) -> None:
        cuts = np.quantile(train.features[:, 0], np.linspace(0, 1, 41))
        rights = [((train.features[:, 0] > cut) == train.labels).mean() for cut in cuts]
        self.cut = cuts[int(np.argmax(rights))]

    def predict(self, features: Floats) -> Answer:
        yes = (features[:, 0] > self.cut).astype(np.float32) * 0.8 + 0.1
        return Answer(np.column_stack([1 - yes, yes]), 0)


def fit(train: Rows, classes: int, seed: int) -> Threshold:
    assert classes == 2
    return Threshold(train)


def moving_table(jump: int = 500) -> Table:
    """Class 1 above a threshold that jumps at a row."""
    rng = np.random.default_rng(0)
    features = rng.random((ROWS, 1)).astype(np.float32)
    threshold = np.where(np.arange(ROWS) < jump, 0.3, 0.7)
    return Table("moving", ("x",), features, (features[:, 0] > threshold).astype(np.int64), ("no", "yes"), None)


@pytest.fixture
def stream() -> Stream:
    return Stream(moving_table(), START, SIZE)


def versions(stream: Stream, cache: Path | None = None) -> ReplayVersions:
    return ReplayVersions(stream.table, fit, family="threshold", cache=cache)


def test_never_is_one_model(stream: Stream) -> None:
    found = play(stream, versions(stream), Never(), seed=0, window_rows=200)
    model = Threshold(stream.table.part(range(START)))
    answers = model.predict(stream.table.features[START:]).probabilities.argmax(axis=1)
    assert (found.predictions == answers).all()
    assert found.accuracy == pytest.approx((answers == stream.table.labels[START:]).mean())
    assert found.retrains == ()


def test_a_retrain_learns_from_the_window_and_answers_the_next_block(stream: Stream) -> None:
    found = play(stream, versions(stream), Scheduled({5, 7}), seed=0, window_rows=100)
    assert [retrain.rows for retrain in found.retrains] == [range(400, 500), range(500, 600)]
    assert [block.version for block in found.blocks] == [1] * 6 + [2, 2] + [3] * 8
    assert found.blocks[5].accuracy > 0.95
    assert found.blocks[6].accuracy < 0.7
    assert found.blocks[8].accuracy >= 0.9


def test_a_policy_may_choose_the_window(stream: Stream) -> None:
    found = play(stream, versions(stream), Window(Scheduled({5, 7}), 150), seed=0, window_rows=100)
    assert [retrain.rows for retrain in found.retrains] == [range(350, 500), range(450, 600)]
    since = play(stream, versions(stream), SinceChange(Scheduled({7}), least=1), seed=0, window_rows=400)
    (retrain,) = since.retrains
    assert retrain.rows == range(500, 600)  # the threshold jumps at row 500
    assert since.blocks[8].accuracy > found.blocks[6].accuracy


def test_later_rows_change_nothing(stream: Stream) -> None:
    """With the labels and features of later rows thrown about, everything up to them stays as it was."""
    other = moving_table()
    other.features[700:], other.labels[700:] = 0.5, np.arange(300) % 2
    for policy in (Every(2), OnAlarm("harm")):
        pair = [
            play(one, versions(one), policy, seed=0, window_rows=100, detector=Harm)
            for one in (stream, Stream(other, START, SIZE))
        ]
        assert pair[0].blocks[:10] == pair[1].blocks[:10]
        assert (pair[0].predictions[:500] == pair[1].predictions[:500]).all()


def test_a_detector_is_given_each_version_anew(stream: Stream) -> None:
    """The first block of a version is its reference, and is not scored; the alarm comes after the jump."""
    references: list[Reference] = []

    def made(reference: Reference) -> Harm:
        references.append(reference)
        return Harm(reference, expected_run_length=20)

    found = play(stream, versions(stream), OnAlarm("harm"), seed=0, window_rows=100, detector=made)
    assert len(references) == len(found.retrains) + 1
    assert [bool(block.scores) for block in found.blocks[:3]] == [False, True, True]
    assert found.alarms
    assert found.alarms[0] >= 6
    assert found.retrains[0].block == found.alarms[0]
    assert len(references[0]) == SIZE


def test_the_cache_saves_training(stream: Stream, tmp_path: Path) -> None:
    first, second = versions(stream, tmp_path), versions(stream, tmp_path)
    played = [play(stream, one, Every(3), seed=1, window_rows=200) for one in (first, second)]
    assert first.trained == len(played[0].retrains) + 1 == 6
    assert second.trained == 0
    assert played[0].blocks == played[1].blocks
    other = ReplayVersions(stream.table, fit, family="another", cache=tmp_path)
    other.get(range(200), 1)
    assert other.trained == 1
    broken = next(tmp_path.rglob("0-200-1.npy"))
    broken.write_bytes(broken.read_bytes()[:50])
    third = versions(stream, tmp_path)
    third.get(range(200), 1)
    assert third.trained == 1


def test_the_model_of_a_version_is_the_one_that_answered(stream: Stream, tmp_path: Path) -> None:
    """The last one trained is at hand; another one is trained again, and answers the same."""
    first = versions(stream, tmp_path)
    old, new = first.get(range(200), 1), first.get(range(100, 300), 1)
    first.model(new)
    assert first.trained == 2
    for version in (old, new):
        answers = first.model(version).predict(stream.table.features[version.first :]).probabilities
        assert (answers == version.probabilities).all()
    assert first.trained == 4
    second = versions(stream, tmp_path)
    cached = second.get(range(200), 1)
    assert second.trained == 0
    second.model(cached)
    assert second.trained == 1


def test_the_first_rows_are_a_stream_of_their_own(stream: Stream) -> None:
    """Up to them, all comes out as in the whole stream."""
    short = Stream.of_first(stream.table, START, SIZE, 300)
    assert short.rows == range(START, START + 300)
    assert len(short.table) == START + 300
    whole, part = (play(one, versions(one), Every(2), seed=0, window_rows=100) for one in (stream, short))
    assert part.blocks == whole.blocks[:6]
    assert (part.predictions == whole.predictions[:300]).all()
    assert Stream.of_first(stream.table, START, SIZE, None) == stream
    for rows in (SIZE - 1, 801):
        with pytest.raises(DataError, match=rf"--test_data_rows from 50 \(one block\) to 800, .* got {rows}"):
            Stream.of_first(stream.table, START, SIZE, rows)


def test_after_the_last_block_nothing_is_trained(stream: Stream) -> None:
    found = play(stream, versions(stream), Every(), seed=0, window_rows=100)
    assert len(found.retrains) == len(found.blocks) - 1


def test_what_cannot_be_replayed_is_refused(stream: Stream) -> None:
    with pytest.raises(DataError, match="expected --start_rows from 100 to 950"):
        Stream(stream.table, 980, 50)
    with pytest.raises(DataError, match="expected rows from 0 on"):
        versions(stream).get(range(200), 0).answers(range(-1, 210))
    stream.table.labels[:200] = 1
    with pytest.raises(TrainingError, match="rows 0 to 199 are all of one class"):
        play(stream, versions(stream), Never(), seed=0, window_rows=100)


def test_a_window_of_one_class_leaves_the_version_in_place(stream: Stream) -> None:
    stream.table.labels[400:500] = 1
    found = play(stream, versions(stream), Scheduled({5, 7}), seed=0, window_rows=100)
    assert [retrain.block for retrain in found.retrains] == [7]
    assert found.failed == ("after block 5: rows 400 to 499 are all of one class",)
