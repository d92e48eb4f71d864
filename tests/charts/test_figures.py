"""Pictures for MLflow: each shows the numbers it was given, the awkward ones too."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure

from drift.charts import figures
from drift.data.blocks import Reference
from drift.models.fit import Epoch
from drift.models.search import Status, TrialOutcome

LABELS = np.asarray([0, 0, 0, 1, 1])
PROBABILITIES = np.asarray([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.2, 0.8]], np.float32)
REFERENCE = Reference(np.zeros((5, 1), np.float32), LABELS, PROBABILITIES)


def drawn(figure: Figure) -> bytes:
    """The picture as PNG, as MLflow gets it."""
    png = BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def outcome(index: int, accuracy: float, status: Status) -> TrialOutcome:
    return TrialOutcome(index, {"width": 16}, accuracy, status)


def test_learning_curves_have_a_point_for_every_epoch() -> None:
    epochs = [Epoch(number, 0.6 - 0.1 * number, 0.65, 0.7, 0.1) for number in (1, 2, 3)]
    figure = figures.learning_curves(epochs)
    training = figure.axes[0].lines[0]
    assert np.array_equal(training.get_xdata(), [1, 2, 3])
    assert np.allclose(np.asarray(training.get_ydata()), [0.5, 0.4, 0.3])
    assert drawn(figure).startswith(b"\x89PNG")


def test_search_history_shows_the_best_completed_trial_so_far() -> None:
    outcomes = [
        outcome(0, 0.6, Status.COMPLETED), outcome(1, 0.9, Status.STOPPED),
        outcome(2, 0.7, Status.COMPLETED), outcome(3, float("nan"), Status.FAILED),
    ]  # fmt: skip
    figure = figures.search_history(outcomes)
    best = figure.axes[0].lines[-1]
    assert np.allclose(np.asarray(best.get_ydata()), [0.6, 0.6, 0.7, 0.7])
    assert drawn(figure).startswith(b"\x89PNG")


def test_search_history_when_everything_failed() -> None:
    assert drawn(figures.search_history([outcome(0, float("nan"), Status.FAILED)])).startswith(b"\x89PNG")


@pytest.mark.parametrize("classes", [("no", "yes"), ("$5 to $10", "<b>&</b>"), ("$", "\\frac")])
def test_confusion_matrix_with_any_names(classes: tuple[str, str]) -> None:
    figure = figures.confusion_matrix(REFERENCE, classes)
    assert [text.get_text() for text in figure.axes[0].texts] == ["2\n67%", "1\n33%", "0\n0%", "2\n100%"]
    assert drawn(figure).startswith(b"\x89PNG")


def test_calibration_counts_every_row() -> None:
    figure = figures.calibration_curve(REFERENCE)
    (bars,) = figure.axes[1].collections
    ends = [np.asarray(path.vertices)[1] for path in bars.get_paths()]
    assert sum(height for _, height in ends) == len(LABELS)
    assert drawn(figure).startswith(b"\x89PNG")
