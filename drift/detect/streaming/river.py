"""River's drift detectors, with River's defaults, each an adapter of a few lines. The one door to River.

All restart themselves at the row after an alarm, from nothing: also ADWIN and KSWIN, which at the alarm itself still
hold the newest rows. None knows the reference: they compare rows with earlier rows since the restart. ADWIN, KSWIN and
Page-Hinkley alarm when the error falls, too; the others look for rises alone. docs/decisions/0009 says what this costs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from random import Random
from typing import Any, ClassVar

import numpy as np

from drift.detect.columns.column_tests import ks
from drift.detect.columns.two_sample_columns import TwoSampleColumn
from drift.detect.streaming.protocol import RowwiseDetector

LEAST_STATISTIC = 0.1  # of KSWIN's test, below which River does not alarm


@dataclass(eq=False)
class _SameOptions(RowwiseDetector):
    """A detector that River has under the same names of options; `river` is its class in `river.drift`."""

    river: ClassVar[str]

    def _made(self) -> Any:
        from river import drift

        options = (field.name for field in fields(self) if field.name not in ("reference", "only_worse"))
        return attrgetter(self.river)(drift)(**{name: getattr(self, name) for name in options})


@dataclass(eq=False)
class Adwin(_SameOptions):
    """ADWIN: cuts its window of rows where two parts differ (Bifet and Gavaldà 2007). Looks every 32 rows.

    The error rose if its mean over the rows kept is above that over the rows dropped.

    Attributes:
        delta: of a false cut at one look, in (0, 1).
    """

    name: ClassVar[str] = "adwin"
    river: ClassVar[str] = "ADWIN"
    delta: float = 0.002

    def _before(self, detector: Any) -> tuple[float, float]:
        return detector.total, detector.width

    def _rose(self, detector: Any, before: tuple[float, float], loss: float) -> bool:
        dropped, rows = before[0] + loss - detector.total, before[1] + 1 - detector.width
        return bool(detector.estimation > dropped / rows)


@dataclass(eq=False)
class Ddm(_SameOptions):
    """DDM: the error rate since the restart rose above its lowest (Gama et al. 2004).

    Attributes:
        drift_threshold: standard deviations.
    """

    name: ClassVar[str] = "ddm"
    river: ClassVar[str] = "binary.DDM"
    drift_threshold: float = 3.0


@dataclass(eq=False)
class Eddm(RowwiseDetector):
    """EDDM: errors follow one another sooner than they did (Baena-García et al. 2006).

    Its level, mean distance plus two standard deviations, is compared with the highest since the restart, which may be
    due to chance in the first few errors: false alarms come in runs, and how many one stream has says little about the
    next.
    River divides by n - 1 in the variance, MOA by n, which lowers the first levels: in 50,000 rows of error .1 River's
    form has 49 false alarms and MOA's 1, in 50,000 others 9 and 28, in a million 701 and 456 (a test holds this).

    Attributes:
        beta: of the highest level, in (0, 0.95].
    """

    name: ClassVar[str] = "eddm"
    beta: float = 0.9

    def _made(self) -> Any:
        from river.drift.binary import EDDM

        return EDDM(alpha=max(0.95, self.beta), beta=self.beta)


@dataclass(eq=False)
class HddmA(_SameOptions):
    """HDDM-A: the mean error rose by more than Hoeffding's bound (Frías-Blanco et al. 2015), one-sided.

    Attributes:
        drift_confidence: of a false alarm at one row, in (0, 1).
    """

    name: ClassVar[str] = "hddm_a"
    river: ClassVar[str] = "binary.HDDMA"
    drift_confidence: float = 0.001


@dataclass(eq=False)
class HddmW(_SameOptions):
    """HDDM-W: a weighted mean error rose by more than McDiarmid's bound (Frías-Blanco et al. 2015), one-sided.

    Attributes:
        drift_confidence: of a false alarm at one row, in (0, 1).
        lambda_val: the newest row's weight, in (0, 1).
    """

    name: ClassVar[str] = "hddm_w"
    river: ClassVar[str] = "binary.HDDMW"
    drift_confidence: float = 0.001
    lambda_val: float = 0.05


@dataclass(eq=False)
class Fhddm(_SameOptions):
    """FHDDM: accuracy of the newest rows fell from its highest by Hoeffding's bound (Pesaranghader and Viktor 2016).

    River's documentation asks for errors, but its code alarms when the mean of what it is given falls: given errors, it
    alarms when the model gets better. So it is given right answers, as in the article.

    Attributes:
        sliding_window_size: rows.
        confidence_level: of a false alarm at one row, in (0, 1).
    """

    name: ClassVar[str] = "fhddm"
    river: ClassVar[str] = "binary.FHDDM"
    sliding_window_size: int = 100
    confidence_level: float = 1e-6

    def _given(self, losses: Iterable[float]) -> Iterable[float]:
        return (1 - loss for loss in losses)


@dataclass(eq=False)
class PageHinkley(_SameOptions):
    """Page-Hinkley: sums of deviations from the running mean, one for each direction (Page 1954).

    The error rose if the sum for rises is past the threshold.

    Attributes:
        threshold: summed losses.
        delta: change of the mean that is let pass.
    """

    name: ClassVar[str] = "page_hinkley"
    river: ClassVar[str] = "PageHinkley"
    threshold: float = 50.0
    delta: float = 0.005

    def _rose(self, detector: Any, before: Any, loss: float) -> bool:
        # River does not tell which of its two sums it was; nothing public gives it exactly
        return bool(detector._sum_increase - detector._min_increase > self.threshold)


@dataclass(eq=False)
class Kswin(RowwiseDetector):
    """KSWIN: a Kolmogorov-Smirnov test of the newest rows against as many older ones, drawn (Raab et al. 2020).

    The error rose if its mean over the newest rows is above that over the older ones of the window. Draws repeat
    themselves after every restart, because River seeds them anew. A row takes about a millisecond.

    River takes the test's p-value from the law for numbers without ties. For losses of 0 and 1 it is several times too
    large: 3 errors in 30 rows against 14 in 30 have p = .035, and given the ties .0034, so that with River's law many
    rises are missed. `exact_given_ties` takes the other: more rises are found, with more false alarms, whose number
    River's law keeps far below what `alpha` stands for (docs/decisions/0009 has the figures).

    Attributes:
        alpha: level of one test, in (0, 1).
        window_size: rows that are kept.
        stat_size: newest rows among them.
        seed: of the draws.
        exact_given_ties: whether p-values are exact given the ties, as in `feature_tests`; River's by default.
    """

    name: ClassVar[str] = "kswin"
    alpha: float = 0.005
    window_size: int = 100
    stat_size: int = 30
    seed: int = 0
    exact_given_ties: bool = False

    def _made(self) -> Any:
        from river.drift import KSWIN

        if self.exact_given_ties:
            return _TiedKswin(self.alpha, self.window_size, self.stat_size, self.seed)
        return KSWIN(alpha=self.alpha, window_size=self.window_size, stat_size=self.stat_size, seed=self.seed)

    def _before(self, detector: Any) -> Any:
        return detector.window  # at an alarm, River takes another one, so that this keeps the older rows

    def _rose(self, detector: Any, before: Any, loss: float) -> bool:
        older = list(islice(before, len(before) - self.stat_size))
        return bool(np.mean(detector.window) > np.mean(older))


class _TiedKswin:
    """River's KSWIN step by step, with p-values given the ties."""

    def __init__(self, alpha: float, window_size: int, stat_size: int, seed: int) -> None:
        self.alpha, self.window_size, self.stat_size, self.seed = alpha, window_size, stat_size, seed
        self._begin()

    def _begin(self) -> None:
        self.drift_detected = False
        self.window: deque[float] = deque(maxlen=self.window_size)
        self._rng = Random(self.seed)  # River's draws

    def update(self, loss: float) -> None:
        """Take a row."""
        if self.drift_detected:
            self._begin()
        self.window.append(loss)
        if len(self.window) < self.window_size:
            return
        rows, older = list(self.window), self.window_size - self.stat_size
        drawn = [rows[at] for at in self._rng.sample(range(older), self.stat_size)]
        statistic, p_value = _tied_test(tuple(sorted(drawn)), tuple(sorted(rows[older:])))
        if p_value <= self.alpha and statistic > LEAST_STATISTIC:
            self.drift_detected = True
            self.window = deque(rows[older:], maxlen=self.window_size)


@lru_cache(4_096)  # of losses of 0 and 1 there are 961 pairs of 30 rows
def _tied_test(older: tuple[float, ...], newest: tuple[float, ...]) -> tuple[float, float]:
    column = TwoSampleColumn("loss", np.asarray(older, np.float64), np.asarray(newest, np.float64))
    return ks(column, 0, np.random.default_rng(0))
