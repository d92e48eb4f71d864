"""Measures read off counts: scikit-learn's values, the same whichever way rows were cut, and intervals that cover."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn import metrics as theirs

from drift.errors import BlockError
from drift.metrics import measures_of
from drift.metrics.classification.counts import ClassificationCounts, count_classified
from drift.metrics.intervals import wilson
from drift.metrics.protocol import Measure
from drift.metrics.regression.sums import sum_errors

CLASSES = ("a", "b", "c")
Strings = NDArray[np.object_]


def draw(rows: int, *, classes: int = 3, seed: int = 0, sure: float = 2.0) -> tuple[Strings, NDArray[np.float64]]:
    """Truths, and probabilities that are right about them."""
    rng = np.random.default_rng(seed)
    logits = sure * rng.normal(size=(rows, classes))
    spread = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes = (spread.cumsum(axis=1) > rng.uniform(size=(rows, 1))).argmax(axis=1)
    return np.asarray(CLASSES, object)[codes], spread


def count(truth: Strings, spread: NDArray[np.float64]) -> ClassificationCounts:
    names = CLASSES[: spread.shape[1]]
    return count_classified(
        truth, np.asarray(names, object)[spread.argmax(axis=1)], probabilities=spread, classes=names
    )


def by_name(found: tuple[Measure, ...]) -> dict[tuple[str, str | None], Measure]:
    return {(one.name, one.of_class): one for one in found}


@pytest.mark.parametrize("classes", [2, 3])
def test_values_are_those_of_scikit_learn(classes: int) -> None:
    truth, spread = draw(3_000, classes=classes)
    told = np.asarray(CLASSES, object)[spread.argmax(axis=1)]
    found = by_name(measures_of(count(truth, spread)))
    names = list(CLASSES[:classes])
    if classes == 2:
        area, brier = (
            theirs.roc_auc_score(truth == "b", spread[:, 1]),
            theirs.brier_score_loss(truth == "b", spread[:, 1]),
        )
    else:
        area = theirs.roc_auc_score(truth, spread, multi_class="ovr", labels=names)
        brier = ((spread - (truth[:, None] == np.asarray(names))) ** 2).sum(axis=1).mean()
    exact = {
        "accuracy": theirs.accuracy_score(truth, told),
        "balanced_accuracy": theirs.balanced_accuracy_score(truth, told),
        "f1": theirs.f1_score(truth, told, average="macro"),
        "log_loss": theirs.log_loss(truth, spread, labels=names),
        "brier": brier,
    }
    for name, value in exact.items():
        assert found[name, None].value == pytest.approx(value, rel=1e-12), name
    assert found["roc_auc", None].value == pytest.approx(area, abs=1e-3)
    for at, name in enumerate(names):
        for kind, theirs_of in (("recall", theirs.recall_score), ("precision", theirs.precision_score)):
            value = theirs_of(truth, told, labels=names, average=None)[at]
            assert found[kind, name].value == pytest.approx(value, rel=1e-12)
    assert all(one.low is None or one.low <= one.value <= (one.high or 1) for one in found.values())


@pytest.mark.parametrize("spread_of_logits", [1, 8, 25])
def test_an_area_is_right_where_a_network_is_very_sure(spread_of_logits: float) -> None:
    """Scores within 1e-6 (or 1e-15) of 0 and 1, where equal bins would hold nearly all of them in two cells."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=4_000) < 0.5
    scores = 1 / (1 + np.exp(-spread_of_logits * (1.5 * (2 * truth - 1) + rng.normal(size=4_000))))
    spread = np.column_stack([1 - scores, scores])
    found = by_name(measures_of(count(np.where(truth, "b", "a").astype(object), spread)))
    assert found["roc_auc", None].value == pytest.approx(theirs.roc_auc_score(truth, scores), abs=1e-3)


def test_the_calibration_error_is_that_of_a_plain_loop() -> None:
    truth, spread = draw(2_000)
    sure, right = spread.max(axis=1), np.asarray(CLASSES, object)[spread.argmax(axis=1)] == truth
    expected = 0.0
    for low in range(10):
        inside = (sure >= low / 10) & ((sure < (low + 1) / 10) | (low == 9))
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert by_name(measures_of(count(truth, spread)))["calibration_error", None].value == pytest.approx(expected)


@pytest.mark.parametrize("cuts", [[1], [500, 501, 1_999], [7, 1_000]])
def test_parts_merge_to_the_whole_in_any_order(cuts: list[int]) -> None:
    truth, spread = draw(2_000)
    parts = [count(*pair) for pair in zip(np.split(truth, cuts), np.split(spread, cuts), strict=True)]
    whole = by_name(measures_of(count(truth, spread)))
    for order in (parts, parts[::-1]):
        merged = by_name(measures_of(reduce(add, order)))
        for key, one in whole.items():
            assert merged[key].value == pytest.approx(one.value, rel=1e-9), key
            assert merged[key].rows == one.rows


def test_a_class_that_comes_later_is_counted_as_if_it_had_always_been_known() -> None:
    truth, spread = draw(600)
    early, late = truth != "c", truth == "c"
    two = spread[early][:, :2] / spread[early][:, :2].sum(axis=1, keepdims=True)
    told_early = np.asarray(["a", "b"], object)[two.argmax(axis=1)]
    told_late = np.asarray(CLASSES, object)[spread[late].argmax(axis=1)]
    parts = count_classified(truth[early], told_early, probabilities=two, classes=("a", "b")) + count_classified(
        truth[late], told_late, probabilities=spread[late], classes=CLASSES
    )
    all_truth, all_told = np.concatenate([truth[early], truth[late]]), np.concatenate([told_early, told_late])
    all_spread = np.concatenate([np.column_stack([two, np.zeros(len(two))]), spread[late]])
    found = by_name(measures_of(parts))
    assert found["accuracy", None].value == pytest.approx(theirs.accuracy_score(all_truth, all_told))
    assert found["log_loss", None].value == pytest.approx(theirs.log_loss(all_truth, all_spread, labels=list(CLASSES)))
    brier = ((all_spread - (all_truth[:, None] == np.asarray(CLASSES))) ** 2).sum(axis=1).mean()
    assert found["brier", None].value == pytest.approx(brier)


def test_the_probability_of_the_predicted_class_alone_is_enough_for_two_classes_and_not_for_three() -> None:
    truth, spread = draw(800, classes=2)
    told = np.asarray(CLASSES, object)[spread.argmax(axis=1)]
    all_known = by_name(measures_of(count(truth, spread)))
    guessed = by_name(measures_of(count_classified(truth, told, confidence=spread.max(axis=1))))
    assert guessed["log_loss", None].value == pytest.approx(all_known["log_loss", None].value)
    assert guessed["roc_auc", None].value == pytest.approx(all_known["roc_auc", None].value)
    truth, spread = draw(800)
    told = np.asarray(CLASSES, object)[spread.argmax(axis=1)]
    found = {name for name, _ in by_name(measures_of(count_classified(truth, told, confidence=spread.max(axis=1))))}
    assert found == {"accuracy", "balanced_accuracy", "f1", "recall", "precision", "calibration_error"}


def test_arrays_of_unequal_lengths_are_refused() -> None:
    with pytest.raises(BlockError, match="expected one prediction"):
        count_classified(["a", "b"], ["a"])


def accuracy(truth: Strings, spread: NDArray[np.float64]) -> float:
    return float((np.asarray(CLASSES, object)[spread.argmax(axis=1)] == truth).mean())


def area(truth: Strings, spread: NDArray[np.float64]) -> float:
    return float(theirs.roc_auc_score(truth, spread, multi_class="ovr", labels=list(CLASSES)))


def f1(truth: Strings, spread: NDArray[np.float64]) -> float:
    return float(theirs.f1_score(truth, np.asarray(CLASSES, object)[spread.argmax(axis=1)], average="macro"))


@pytest.mark.parametrize(("name", "value"), [("accuracy", accuracy), ("roc_auc", area), ("f1", f1)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(
    name: str, value: Callable[[Strings, NDArray[np.float64]], float]
) -> None:
    """95 % intervals of 200 batches of 300 rows, against the value on 60,000: at least .90 of them, within chance."""
    true = value(*draw(60_000, seed=99))
    inside = 0
    for seed in range(200):
        one = by_name(measures_of(count(*draw(300, seed=seed))))[name, None]
        assert one.low is not None and one.high is not None
        inside += one.low <= true <= one.high
    assert inside >= binom.ppf(0.001, 200, 0.92)


def test_regression_is_that_of_plain_numpy_and_its_intervals_cover() -> None:
    inside = {"mae": 0, "rmse": 0, "bias": 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=400)
        errors = rng.normal(0.1, 1.0, size=400)
        half = sum_errors(truth[:150], (truth + errors)[:150]) + sum_errors(truth[150:], (truth + errors)[150:])
        found = {one.name: one for one in measures_of(half)}
        assert found["mae"].value == pytest.approx(np.abs(errors).mean())
        assert found["rmse"].value == pytest.approx(np.sqrt((errors**2).mean()))
        assert found["bias"].value == pytest.approx(errors.mean())
        expected = {"mae": 0.8018, "rmse": np.sqrt(1.01), "bias": 0.1}  # of a normal variable at .1 with deviation 1
        for name, true in expected.items():
            assert found[name].low is not None and found[name].high is not None
            inside[name] += (found[name].low or 0.0) <= true <= (found[name].high or 0.0)
    assert min(inside.values()) >= binom.ppf(0.001, 200, 0.94)


@pytest.mark.parametrize(("right", "rows"), [(0, 20), (20, 20), (1, 1), (8, 10)])
def test_wilsons_interval_holds_its_share(right: int, rows: int) -> None:
    low, high = wilson(right, rows)
    assert 0 <= low <= right / rows <= high <= 1
    assert low > 0 or right == 0
