"""Answers and labels that are missing: neither right nor wrong, and refused with their position where losses begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from drift.data.blocks import Answer, Block, Reference, ScoredBlock
from drift.detect import STREAMING, AccuracyDrop, Detector, Harm, forecast_threshold, mcnemar_test
from drift.detect.sequential.evidence import log_bets
from drift.detect.sequential.intervals import mean_interval, risk_intervals
from drift.errors import BlockError
from drift.metrics.classification.reliability import reliability


def answered(rows: int = 60, **bad: Any) -> tuple[Reference, ScoredBlock]:
    """A model right in two rows of three, as a reference and as a block."""
    labels, probabilities = np.asarray([0, 0, 1] * (rows // 3)), np.asarray([[0.6, 0.4]] * rows, np.float32)
    labels, probabilities = bad.get("labels", labels), bad.get("probabilities", probabilities)
    features = np.zeros((rows, 1), np.float32)
    block = ScoredBlock(Block(3, range(rows), features, labels, None), Answer(probabilities, 1), 0.0)
    return Reference(features, labels, probabilities), block


MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "probability": (
        {"probabilities": np.asarray([[0.6, 0.4]] * 7 + [[np.nan, np.nan]] * 53, np.float32)},
        r"\[nan, nan\] in row 7 \(53 such rows\)",
    ),
    "one class": ({"probabilities": np.asarray([[0.6, 0.4], [0.9, np.nan]] * 30)}, "in row 1 "),
    "label": ({"labels": np.asarray([0.0, 1.0, np.nan] * 20)}, "got nan in row 2"),
    "None": ({"labels": np.asarray([0, 1, 1, None] * 15, object)}, "got None in row 3"),
    "NA": ({"labels": pd.array([0, None, 1] * 20, dtype="Int64")}, "got (<NA>|nan) in row 1"),
    "text": ({"labels": np.asarray(["0", "1"] * 30)}, "got '0' in row 0"),
    "half": ({"labels": np.asarray([0.0, 0.5] * 30)}, "got 0.5 in row 1"),
    "too few": ({"labels": np.zeros(59, int)}, "expected 60 labels of block 3"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_answer_or_label_is_neither_right_nor_wrong(kind: str) -> None:
    bad, words = MISSING[kind]
    good, _ = answered()
    if kind == "too few":  # a reference refuses that as it is made
        block = ScoredBlock(Block(3, range(60), good.features, bad["labels"], None), Answer(good.probabilities, 1), 0.0)
    else:
        reference, block = answered(**bad)
        with pytest.raises(BlockError, match=f"of the reference.*{words}"):
            _ = reference.accuracy
        with pytest.raises(BlockError, match=words):
            AccuracyDrop(reference).score(answered()[1])
        with pytest.raises(BlockError, match=words):
            Harm(reference).score(answered()[1])
    detectors: list[Detector] = [AccuracyDrop(good), Harm(good), STREAMING["ddm"](good)]
    for detector in detectors:
        with pytest.raises(BlockError, match=words):
            detector.score(block)
    with pytest.raises(BlockError, match="block 3"):
        _ = block.accuracy


def test_whole_labels_of_every_type_count_alike() -> None:
    plain = answered()[1].losses
    for labels in (
        np.asarray([0.0, 0.0, 1.0] * 20),
        pd.array([0, 0, 1] * 20, dtype="Int64"),
        np.asarray([0, 0, 1] * 20, object),
    ):
        np.testing.assert_array_equal(answered(labels=labels)[1].losses, plain)
        assert answered(labels=labels)[0].accuracy == pytest.approx(2 / 3)
    never_seen = answered(labels=np.full(60, -1))[1]
    assert never_seen.wrong == 60


@pytest.mark.parametrize("bad", [float("nan"), None, -0.1, 1.5])
def test_intervals_and_bets_refuse_a_missing_mean_loss(bad: Any) -> None:
    with pytest.raises(BlockError, match=r"expected mean losses of 0 to 1, got .* in block 1"):
        risk_intervals([0.1, bad, 0.1], [10] * 3)
    with pytest.raises(BlockError, match="expected mean losses from 0 to 1"):
        log_bets([0.1, bad], 0.2, np.asarray([0.4]), [10, 10])
    with pytest.raises(BlockError, match="expected losses that add up to 0 to 10"):
        mean_interval(float("nan") if bad is None else bad * 10, 10, level=0.05)


@pytest.mark.parametrize("rows", [[10, 10], [10, float("nan"), 10], [10, 0, 10], [10, float("inf"), 10]])
def test_intervals_refuse_rows_that_are_none(rows: list[float]) -> None:
    with pytest.raises(BlockError, match="expected effective rows of 3 blocks"):
        risk_intervals([0.1] * 3, rows)
    with pytest.raises(BlockError):
        forecast_threshold([1] * len(rows), [row if row != 10 else -1 for row in rows], 0.5)  # type: ignore[misc]


@pytest.mark.parametrize("bad", [np.nan, None, 0.5])
def test_the_paired_test_refuses_what_is_not_known_to_be_right(bad: Any) -> None:
    known, unknown = [True, False, True], np.asarray([True, bad, False], object)
    for pair in ((known, unknown), (unknown, known)):
        with pytest.raises(BlockError, match=r"expected right answers of 0 or 1, got .* in row 1"):
            mcnemar_test(*pair)
    assert mcnemar_test([1, 0, 1, 1], [1, 1, 1, 0]) == mcnemar_test(
        np.asarray([1, 0, 1, 1]) > 0, np.asarray([1, 1, 1, 0]) > 0
    )


def test_a_model_that_answers_nan_is_not_taken_for_class_0() -> None:
    """Answers that a champion and a challenger are compared by come from here."""
    with pytest.raises(BlockError, match=r"expected probabilities of version 4, got \[nan, nan\] in row 0"):
        _ = Answer(np.full((3, 2), np.nan, np.float32), 4).predictions
    with pytest.raises(BlockError, match="in row 0"):
        reliability(np.zeros(3, np.int64), np.full((3, 2), np.nan, np.float32))
