"""Estimates without labels on a stream: beside the truth where a rule moves, right where it stays, and refusals."""

from dataclasses import replace

import numpy as np
import pytest

from drift.data.blocks import Reference, ScoredBlock, Table
from drift.detect.label_free import ATC, CBPE, PAPE, AccuracyEstimate
from drift.errors import BlockError
from drift.replays.evaluation import label_proxies
from drift.replays.evaluation.label_proxies import LabelFreeEstimates, MethodEstimates, estimate_stream
from drift.replays.play import Stream
from drift.replays.versions import ReplayVersion
from drift.report.replay import estimates_chart

ROWS, START, SIZE = 9_000, 1_000, 400
SMALL = 50  # resamples


def table(jump: int) -> Table:
    """The chance of class 1 rises with a feature; from a row on it falls with it."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(ROWS, 2)).astype(np.float32)
    chance = 1 / (1 + np.exp(-1.5 * features[:, 0] * np.where(np.arange(ROWS) < jump, 1, -1)))
    return Table("turning", ("x", "y"), features, (rng.random(ROWS) < chance).astype(np.int64), ("no", "yes"), None)


def version(table: Table) -> ReplayVersion:
    """One that knows the chances before the jump."""
    yes = 1 / (1 + np.exp(-1.5 * table.features[:, 0]))
    answers = np.column_stack([1 - yes, yes]).astype(np.float32)
    return ReplayVersion(range(START), answers, answers.argmax(axis=1) == table.labels)


@pytest.fixture(scope="module")
def turning() -> LabelFreeEstimates:
    made = table(5_000)
    found = estimate_stream(Stream(made, START, SIZE), version(made))
    assert found is not None
    return found


def test_estimates_are_right_while_the_rule_stays_and_wrong_when_it_turns(turning: LabelFreeEstimates) -> None:
    assert [track.method for track in turning.tracks] == ["atc", "cbpe", "pape"]
    for track in turning.tracks:
        before = [one for one in track.estimates if one.block < 10]
        after = [one for one in track.estimates if one.block >= 10]
        assert abs(np.mean([one.error for one in before])) < 0.03, track.method
        assert np.mean([one.low <= one.truth <= one.high for one in before]) > 0.7, track.method
        assert np.mean([one.error for one in after]) > 0.3, track.method  # concept drift: the page's failing case
        assert not any(one.low <= one.truth <= one.high for one in after), track.method
        assert track.bias == pytest.approx(np.mean([one.error for one in track.estimates]))
        assert track.mean_absolute_error is not None
        assert track.mean_absolute_error >= abs(track.bias or 0)
        assert "concept drift" in track.fails_when


def test_the_reference_is_the_first_blocks_and_is_not_estimated(turning: LabelFreeEstimates) -> None:
    assert (turning.reference_blocks, turning.reference_rows) == (3, 3 * SIZE)
    assert turning.blocks == tuple(range(3, 20))
    made = table(5_000)
    right = version(made).right
    assert turning.reference_accuracy == pytest.approx(right[START : START + 3 * SIZE].mean())
    assert turning.truths[2] == pytest.approx(right[START + 5 * SIZE : START + 6 * SIZE].mean())
    assert turning.unchanged_bias == pytest.approx(turning.reference_accuracy - np.mean(turning.truths))
    short = estimate_stream(Stream(made, START, 100), version(made), estimators=[ATC(resamples=SMALL)])
    assert short is not None
    assert (short.reference_blocks, short.reference_rows) == (10, 1_000)


def test_labels_of_later_blocks_change_no_estimate(turning: LabelFreeEstimates) -> None:
    made = table(START + 3 * SIZE)  # the rule turns right after the reference
    quick = [ATC(resamples=SMALL), CBPE(resamples=SMALL)]
    same = estimate_stream(Stream(made, START, SIZE), version(made), estimators=quick)
    assert same is not None
    assert same.truths != turning.truths
    for one, other in zip(turning.tracks[:2], same.tracks, strict=True):
        assert [(told.block, told.accuracy, told.high) for told in one.estimates] == [
            (told.block, told.accuracy, told.high) for told in other.estimates
        ]


class Stubborn(CBPE):
    """Refuses every other block, and any that shows its labels."""

    def accuracy(self, reference: Reference, scored: ScoredBlock) -> AccuracyEstimate:
        assert scored.block.labels is None
        if scored.block.index % 2:
            raise BlockError(f"not block {scored.block.index}")
        return super().accuracy(reference, scored)


def test_refusals_are_counted(turning: LabelFreeEstimates) -> None:
    made = table(5_000)
    found = estimate_stream(Stream(made, START, SIZE), version(made), estimators=[Stubborn(resamples=SMALL)])
    assert found is not None
    (track,) = found.tracks
    assert (track.requested, len(track.estimates), track.refusal) == (17, 8, "not block 3")
    figure = estimates_chart(found)
    assert [trace["name"] for trace in figure["data"]] == [
        "95 % interval of cbpe",
        "truth",
        "the reference's accuracy",
        "cbpe",
    ]
    assert estimates_chart(turning)["data"][0]["x"][0] == 3


def test_where_nobody_answers_the_page_is_still_made() -> None:
    """Where all answers to the reference are right nothing can be calibrated."""
    made = table(5_000)
    sure = replace(made, labels=(made.features[:, 0] > 0).astype(np.int64))
    found = estimate_stream(Stream(sure, START, SIZE), version(sure))
    assert found is not None
    for track in found.tracks:
        assert (track.estimates, track.bias, track.mean_absolute_error, track.coverage) == ((), None, None, None)
        assert "expected a reference with right and wrong answers" in track.refusal
    assert estimates_chart(found)["data"][0]["name"] == "truth"


def test_a_stream_of_one_block_has_no_estimates() -> None:
    made = table(5_000)
    assert estimate_stream(Stream(made, START, ROWS - START), version(made)) is None
    two = estimate_stream(Stream(made, START, (ROWS - START) // 2), version(made))
    assert two is not None
    assert (two.reference_blocks, two.blocks) == (1, (1,))


def test_long_streams_and_blocks_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_proxies, "MOST_ROWS", 100)
    monkeypatch.setattr(label_proxies, "MOST_BLOCKS", 6)
    monkeypatch.setattr(label_proxies, "MOST_OF", {"pape": 2})
    made = table(5_000)
    found = estimate_stream(
        Stream(made, START, SIZE), version(made), estimators=[ATC(resamples=SMALL), PAPE(resamples=SMALL)]
    )
    assert found is not None
    asked: dict[str, MethodEstimates] = {track.method: track for track in found.tracks}
    assert [one.block for one in asked["atc"].estimates] == [3, 6, 9, 12, 15, 18]
    assert asked["pape"].requested == 2
    right = version(made).right[START + 3 * SIZE : START + 4 * SIZE : 4]
    assert asked["atc"].estimates[0].truth == pytest.approx(right.mean())
