"""The benchmark of replays: when a learner is told what, and that its table holds everybody."""

import numpy as np
import pytest

from benchmarks.replay import compared, delayed, records, row
from drift.replays.options import POLICIES
from drift.replays.play import Stream
from tests.replays.test_play import ROWS, SIZE, START, fit, moving_table


class Recorder:
    """Remembers what it was asked and told, in order; predicts the label that it learned last, with none at first."""

    def __init__(self, mute_for: int = 0) -> None:
        self.calls: list[tuple[str, float]] = []
        self.labels: list[int] = []
        self.mute_for = mute_for  # predictions

    def predict_one(self, x: dict[str, float]) -> int | None:
        self.calls.append(("predict", x["x"]))
        self.mute_for -= 1
        return None if self.mute_for >= 0 else self.labels[-1]

    def learn_one(self, x: dict[str, float], y: int) -> None:
        self.calls.append(("learn", x["x"]))
        self.labels.append(y)


@pytest.fixture
def stream() -> Stream:
    return Stream(moving_table(), START, SIZE)


def test_labels_come_when_their_block_has_ended(stream: Stream) -> None:
    learner = Recorder()
    found = delayed(learner, stream)
    values = stream.table.features[:, 0].tolist()
    expected = [("learn", value) for value in values[:START]]
    for start in range(START, ROWS, SIZE):
        expected += [("predict", value) for value in values[start : start + SIZE]]
        expected += [("learn", value) for value in values[start : start + SIZE]]
    assert learner.calls == expected
    assert learner.labels == stream.table.labels.tolist()
    last_known = np.repeat(stream.table.labels[START - 1 : ROWS - 1 : SIZE], SIZE)
    assert (found == last_known).all()


def test_a_tail_is_a_block_or_part_of_one() -> None:
    learner = Recorder()
    assert len(delayed(learner, Stream(moving_table(), 210, 60))) == ROWS - 210
    asked = "".join(kind[0] for kind, _ in learner.calls)
    assert asked == "l" * 210 + ("p" * 60 + "l" * 60) * 12 + "p" * 70 + "l" * 70


def test_no_prediction_is_a_wrong_one(stream: Stream) -> None:
    found = delayed(Recorder(mute_for=3), stream)
    assert (found[:3] == -1).all()
    assert (found[3:] >= 0).all()


def test_everybody_is_in_the_table_on_the_same_rows(stream: Stream) -> None:
    names = ["never", "every:4", "oracle:1"]
    found = list(
        records(stream, names, seed=3, window_rows=100, fit=fit, learners={"the last label": lambda seed: Recorder()})
    )
    assert [record["who"] for record in found] == ["3 policies together", *names, "the last label"]
    together, _ = compared(stream, names, seed=3, window_rows=100, fit=fit)
    assert [record["accuracy"] for record in found[1:4]] == [one.measures.accuracy for one in together.outcomes]
    right = delayed(Recorder(), stream) == stream.table.labels[START:]
    assert found[4]["accuracy"] == pytest.approx(right.mean())
    assert all(record["seconds"] > 0 and record["cpu_seconds"] >= 0 for record in found)
    lines = [row(record) for record in found]
    assert lines[0].startswith("| 3 policies together |  |  |  | ")
    assert lines[2].startswith("| every:4 | 3 | 0.")
    assert {line.count("|") for line in lines} == {7}


def test_eight_policies_are_timed() -> None:
    assert len(POLICIES.split(",")) == 8
