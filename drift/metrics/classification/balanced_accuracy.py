"""Balanced accuracy: mean recall of the classes that occur."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.metrics.classification.counts import ClassificationMetric, ClassificationReading
from drift.metrics.intervals import drawn_ends
from drift.metrics.protocol import Measure


def _measure(reading: ClassificationReading) -> Iterator[Measure]:
    by_label, _, right = reading.margins
    value = float(_balanced(by_label[None], right[None])[0])
    drawn = _balanced(reading.drawn[0], reading.drawn[2])
    yield Measure("balanced_accuracy", value, *drawn_ends(drawn, value, reading.level), reading.rows)


def _balanced(by_label: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Mean recall over the classes that occur, (draws,)."""
    there = by_label[0] > 0
    return np.asarray((right[:, there] / by_label[:, there]).mean(axis=1))


BALANCED_ACCURACY = ClassificationMetric(
    "balanced_accuracy", "mean recall of the classes that occur", _measure, order=2
)
