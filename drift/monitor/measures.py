"""Measures with intervals, read off counts: of classification from `Outcomes`, of regression from `Residuals`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.monitor.outcomes import Outcomes
from drift.monitor.residuals import Residuals

DRAWS = 400  # of a bootstrap
LEVEL = 0.05


@dataclass(frozen=True)
class Measure:
    """One number of a batch."""

    name: str
    value: float
    low: float | None  # of its interval; None where none can be given
    high: float | None
    rows: int  # that it was measured on
    of_class: str | None = None


def measures_of(outcomes: Outcomes, *, level: float = LEVEL, seed: int = 0) -> tuple[Measure, ...]:
    """All measures that the counts allow; those that they do not are left out.

    - `accuracy`, and by class `recall` and `precision`: with Wilson's interval (1927).
    - `balanced_accuracy` (mean recall of the classes that occur) and `f1` (macro, as scikit-learn's): with a Bayesian
      bootstrap of the confusion matrix (Rubin 1981).
    - `roc_auc`, of each class against the rest and as their mean: with DeLong's variance (1988) on the logit scale.
    - `log_loss` in nats and `brier` (of two classes of one of them, else summed over classes): normal intervals.
    - `calibration_error`: mean distance of confidence and accuracy in ten bins (Naeini et al. 2015), biased upwards
      in small batches, so that it is given no interval.

    Args:
        outcomes: of one row or more.
        level: intervals are at confidence 1 - level.
        seed: of bootstraps.
    """
    if not outcomes.rows:
        return ()
    rng = np.random.default_rng(seed)
    right, rows = int(np.trace(outcomes.confusion)), outcomes.rows
    found = [Measure("accuracy", right / rows, *wilson(right, rows, level), rows)]
    found += _of_confusion(outcomes, level, rng)
    found += _areas(outcomes, level)
    for name, sums in (("log_loss", outcomes.log_loss), ("brier", outcomes.brier)):
        if sums is not None:
            mean = float(sums[0]) / rows
            spread = _z(level) * sqrt(max(float(sums[1]) / rows - mean**2, 0.0) / rows)
            found.append(Measure(name, mean, max(0.0, mean - spread), mean + spread, rows))
    if outcomes.calibration is not None:
        found.append(_calibration(outcomes.calibration, rows))
    return tuple(found)


def measures_of_residuals(residuals: Residuals, *, level: float = LEVEL) -> tuple[Measure, ...]:
    """`mae`, `rmse` and `bias` (prediction less truth) in the units of the truth, with normal intervals.

    That of RMSE is of the mean square, by the variance of squares.
    """
    rows = residuals.rows
    if not rows:
        return ()
    if rows < 2:  # one row says nothing of how rows differ
        values = {"mae": residuals.absolute.mean, "rmse": sqrt(residuals.square.mean), "bias": residuals.error.mean}
        return tuple(Measure(name, value, None, None, rows) for name, value in values.items())
    z = _z(level)
    bias, mae, mse = residuals.error.mean, residuals.absolute.mean, residuals.square.mean
    spreads = [
        z * sqrt(part.squares / max(1, rows - 1) / rows)
        for part in (residuals.error, residuals.absolute, residuals.square)
    ]
    squares = max(0.0, mse - spreads[2]), mse + spreads[2]
    return (
        Measure("mae", mae, max(0.0, mae - spreads[1]), mae + spreads[1], rows),
        Measure("rmse", sqrt(mse), sqrt(squares[0]), sqrt(squares[1]), rows),
        Measure("bias", bias, bias - spreads[0], bias + spreads[0], rows),
    )


def wilson(count: float, rows: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share.

    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]
    """
    z, share = _z(level), count / rows
    centre, half = share + z**2 / (2 * rows), z * sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    low, high = ((centre + sign * half) / (1 + z**2 / rows) for sign in (-1, 1))
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def _z(level: float) -> float:
    return NormalDist().inv_cdf(1 - level / 2)


def _of_confusion(outcomes: Outcomes, level: float, rng: np.random.Generator) -> Iterator[Measure]:
    confusion, rows = outcomes.confusion, outcomes.rows
    of_truth, of_prediction, right = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    balanced = float(_balanced(of_truth[None], right[None])[0])
    drawn = _drawn(confusion, rng)
    yield Measure("balanced_accuracy", balanced, *_ends(_balanced(drawn[0], drawn[2]), balanced, level), rows)
    f1 = _f1(of_truth[None], of_prediction[None], right[None])[0]
    f1_drawn = _f1(*drawn)
    there = (of_truth + of_prediction) > 0
    macro = float(f1[there].mean())
    yield Measure("f1", macro, *_ends(f1_drawn[:, there].mean(axis=1), macro, level), rows)
    for place, name in enumerate(outcomes.classes):
        for kind, counts in (("recall", of_truth), ("precision", of_prediction)):
            if counts[place]:
                value = float(right[place] / counts[place])
                yield Measure(kind, value, *wilson(right[place], counts[place], level), int(counts[place]), name)
        if there[place]:
            value = float(f1[place])
            yield Measure("f1", value, *_ends(f1_drawn[:, place], value, level), rows, name)


def _drawn(confusion: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    """Weights of rows by truth, by prediction, and of right ones, (draws, k) each; only of cells that have rows."""
    from scipy.sparse import csr_array

    truth, told = np.nonzero(confusion)
    again = rng.standard_gamma(confusion[truth, told], size=(DRAWS, len(truth)))
    places, shape = np.arange(len(truth)), (len(truth), len(confusion))
    sums = [again @ csr_array((np.ones(len(truth)), (places, codes)), shape) for codes in (truth, told)]
    right = again @ csr_array(((truth == told).astype(np.float64), (places, truth)), shape)
    return np.asarray(sums[0]), np.asarray(sums[1]), np.asarray(right)


def _balanced(of_truth: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Mean recall over the classes that occur, (draws,)."""
    there = of_truth[0] > 0
    return np.asarray((right[:, there] / of_truth[:, there]).mean(axis=1))


def _f1(of_truth: NDArray[Any], of_prediction: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """F1 of each class, (draws, k); 0 for one that never occurs."""
    both = of_truth + of_prediction
    return np.asarray(2 * right / np.where(both > 0, both, 1.0))


def _ends(drawn: NDArray[np.float64], value: float, level: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, [level / 2, 1 - level / 2])
    return min(float(low), value), max(float(high), value)


def _areas(outcomes: Outcomes, level: float) -> Iterator[Measure]:
    """Areas under the curves of each class against the rest, and their mean."""
    if outcomes.scores is None or len(outcomes.classes) < 2:
        return
    found = {}
    for name, scores in zip(outcomes.classes, outcomes.scores, strict=True):
        if scores.any(axis=1).all():
            found[name] = area_under_curve(scores[1], scores[0])
    if not found:
        return
    mean = sum(area for area, _ in found.values()) / len(found)
    deviation = sum(sqrt(variance) for _, variance in found.values()) / len(found)  # as if they moved together
    yield Measure("roc_auc", mean, *_logit_ends(mean, deviation, level), outcomes.rows)
    if len(outcomes.classes) > 2:
        for name, (area, variance) in found.items():
            yield Measure("roc_auc", area, *_logit_ends(area, sqrt(variance), level), outcomes.rows, name)


def area_under_curve(positive: NDArray[np.int32], negative: NDArray[np.int32]) -> tuple[float, float]:
    """Area under the ROC curve and its variance, from counts by rising score; ties count half (DeLong et al. 1988).

    Args:
        positive: (cells,) rows of the class.
        negative: (cells,) other rows.
    """
    m, n = int(positive.sum()), int(negative.sum())
    below = (np.cumsum(negative) - negative / 2) / n  # share of negatives below a positive in each cell
    above = 1 - (np.cumsum(positive) - positive / 2) / m
    area = float((positive * below).sum() / m)
    spreads = [
        float((counts * (places - area) ** 2).sum()) / max(1, rows - 1) / rows
        for counts, places, rows in ((positive, below, m), (negative, above, n))
    ]
    return area, sum(spreads)


def _logit_ends(area: float, deviation: float, level: float) -> tuple[float | None, float | None]:
    if not 0 < area < 1 or deviation == 0:
        return None, None
    logit, spread = np.log(area / (1 - area)), _z(level) * deviation / (area * (1 - area))
    low, high = (float(1 / (1 + np.exp(-(logit + sign * spread)))) for sign in (-1, 1))
    return low, high


def _calibration(bins: NDArray[np.float64], rows: int) -> Measure:
    _, sure, right = bins.T
    return Measure("calibration_error", float(np.abs(sure - right).sum() / rows), None, None, rows)
