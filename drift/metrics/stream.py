"""Measures of predictions of a stream, beside what needs no model. Used by replays and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drift.data.blocks import Integers


@dataclass(frozen=True)
class Baselines:
    """What needs no model, on the same rows.

    Attributes:
        majority: accuracy of the most frequent class of the rows before, in [0, 1].
        no_change: accuracy of repeating the last label, which needs every label at once, in [0, 1].
    """

    majority: float
    no_change: float


@dataclass(frozen=True)
class StreamMeasures:
    """Of predictions; each kappa is 1 at best, 0 for what it is compared with, and below 0 for worse.

    Attributes:
        accuracy: in [0, 1].
        kappa: beside predictions drawn at random with the same shares (Cohen 1960).
        kappa_m: beside the majority class (Bifet et al. 2015).
        kappa_temporal: beside repeating the last label (Žliobaitė et al. 2015).
    """

    accuracy: float
    kappa: float
    kappa_m: float
    kappa_temporal: float


def baselines(labels: Integers, start: int) -> Baselines:
    """Of the rows from `start` on.

    Args:
        labels: of the whole stream, (n,), in the order of time.
        start: the first row that is scored, 1 or more.
    """
    scored = labels[start:]
    majority = np.bincount(labels[:start]).argmax()
    return Baselines(float((scored == majority).mean()), float((labels[start - 1 : -1] == scored).mean()))


def stream_measures(labels: Integers, predictions: Integers, beside: Baselines) -> StreamMeasures:
    """Of `predictions` (n,) on the rows that `beside` was computed on."""
    accuracy = float((labels == predictions).mean())
    classes = int(max(labels.max(), predictions.max())) + 1
    shares = [np.bincount(part, minlength=classes) / len(part) for part in (labels, predictions)]
    return StreamMeasures(
        accuracy,
        _beyond(accuracy, float(shares[0] @ shares[1])),
        _beyond(accuracy, beside.majority),
        _beyond(accuracy, beside.no_change),
    )


def _beyond(accuracy: float, other: float) -> float:
    """The share of what `other` leaves to be gained; 0 if it leaves nothing."""
    return (accuracy - other) / (1 - other) if other < 1 else 0.0
