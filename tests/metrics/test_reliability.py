"""The one calibration error, of the loop, the monitor and MLflow."""

import numpy as np
import pytest

from drift.metrics import measures_of
from drift.metrics.classification.counts import confusion, count_classified
from drift.metrics.classification.reliability import calibration_error, count_reliability, counted, reliability

LABELS = np.asarray([0, 0, 1, 1, 1])
PROBABILITIES = np.asarray([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1]], np.float32)


def test_confusion_counts_labels_against_predictions() -> None:
    assert confusion(LABELS, PROBABILITIES.argmax(1), 2).tolist() == [[1, 1], [1, 2]]


def test_the_error_is_the_weighted_gap_of_the_curve() -> None:
    bins = reliability(LABELS, PROBABILITIES)
    assert sum(part.rows for part in bins) == 5
    assert calibration_error(counted(LABELS, PROBABILITIES)) == pytest.approx(
        sum(abs(part.confidence - part.accuracy) * part.rows / 5 for part in bins)
    )


def test_perfectly_calibrated_probabilities_have_no_error() -> None:
    rng = np.random.default_rng(0)
    yes = rng.random(200_000).astype(np.float32)
    labels = (rng.random(200_000) < yes).astype(np.int64)
    assert calibration_error(counted(labels, np.column_stack([1 - yes, yes]))) < 0.01


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_the_loop_and_the_monitor_have_the_same_number(classes: int) -> None:
    """To the last digit: the loop logs what the monitor measures of the same answers."""
    rng = np.random.default_rng(classes)
    spread = rng.dirichlet(np.ones(classes), size=400)
    labels = rng.integers(classes, size=400)
    names = [f"class {code:02d}" for code in range(classes)]
    told, true = (np.asarray(names, object)[codes] for codes in (spread.argmax(axis=1), labels))
    measures = measures_of(count_classified(true, told, probabilities=spread, classes=names))
    (monitored,) = [one.value for one in measures if one.name == "calibration_error"]
    assert calibration_error(counted(labels, spread)) == monitored


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    counts = count_reliability(np.array([1.0, 0.95, 0.0]), np.array([True, True, False]))
    assert counts[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]
