"""E-detector of features distributed unlike a fixed reference, with a guaranteed average run length; no labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Reference, ScoredBlock
from drift.detect.detectors.protocol import Score, require_finite, require_width
from drift.detect.sequential.dependence import Dependence, measure_dependence
from drift.detect.sequential.evidence import Evidence, after, alternatives, log_bets, nothing
from drift.detect.sequential.intervals import mean_interval
from drift.errors import BlockError

HIGHEST = 0.999  # mean under the null from which on there is nothing to bet on
LEAST_ROWS = 40  # of a reference
MOST_SHOWN = 1e300  # evidence beyond this is shown as this


@dataclass(frozen=True)
class FeatureStatistic:
    """One number in [0, 1] for each row, whose mean says where a feature lies, or how widely it is spread.

    Attributes:
        feature: its name.
        change: what a larger mean says.
        highest: mean under the null, with the sampling error of the reference on top.
    """

    feature: str
    change: str
    highest: float


@dataclass(eq=False)
class FeatureEvidence:
    """Alarms when bets against "each feature's rows come as in the reference" have grown enough; needs no labels.

    Tests against one fixed reference are wrong together if that reference was drawn unluckily, so their p-values over
    blocks cannot be multiplied or followed. Here half of the reference's rows fixes the ranks of every feature; the
    other half says, with a confidence interval, how high their mean and their distance from the middle may be; and bets
    are against the interval's end (in the manner of Shaer et al. 2026). The mean over all bets is an e-detector: with
    probability `confidence` over references, the mean number of blocks to a false alarm is at least
    `expected_run_length`. How far rows of a block count is measured on the reference, in the order of time, for
    blocks of its size.

    Attributes:
        reference: the rows that blocks are compared with.
        expected_run_length: blocks between false alarms, at least; more than 1.
        confidence: over references, in (0, 1).
        ignore: features to leave out, such as the calendar.
    """

    name: ClassVar[str] = "feature_evidence"
    reference: Reference = field(repr=False)
    expected_run_length: float = 200.0
    confidence: float = 0.95
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.expected_run_length > 1 or not 0 < self.confidence < 1:
            raise BlockError(
                "expected an expected run length of more than 1 block and a confidence in (0, 1),"
                f" got {self.expected_run_length:g} and {self.confidence:g}"
            )
        self.reset(self.reference)

    def reset(self, reference: Reference) -> None:
        """Forget every block, and compare with another reference from now on."""
        if len(reference) < LEAST_ROWS:
            raise BlockError(f"expected a reference of {LEAST_ROWS} rows or more, got {len(reference)}: collect more")
        unknown = sorted(set(self.ignore) - set(reference.names))
        if unknown or set(reference.names) <= set(self.ignore):
            what = f"no feature called {', '.join(unknown)}" if unknown else "no feature left to watch"
            raise BlockError(f"expected features to ignore among {', '.join(reference.names)}, not all; got {what}")
        self.reference = reference
        self._watched = [at for at, name in enumerate(reference.names) if name not in self.ignore]
        require_finite(reference.features[:, self._watched], [reference.names[at] for at in self._watched])
        self._sorted = np.sort(reference.features[::2, self._watched].astype(np.float64), axis=0)
        self._statistics = self._learn(reference)
        self._dependence = dict[int, list[Dependence]]()
        self._evidence = [nothing(len(alternatives(min(HIGHEST, each.highest)))) for each in self._statistics]

    def score(self, scored: ScoredBlock) -> Score:
        """The evidence as if the block were taken into account now."""
        evidence = self._step(scored.block.features)
        logs = np.array([float(wealth.log_value) for wealth in evidence])
        whole = float(np.logaddexp.reduce(logs) - np.log(len(logs)))
        most = self._statistics[int(np.argmax(logs))]
        value = float(np.exp(min(whole, np.log(MOST_SHOWN))))
        return Score(self.name, value, detail=f"{most.feature} {most.change}", threshold=self.expected_run_length)

    def update(self, scored: ScoredBlock) -> None:
        """Take a block into account."""
        self._evidence = self._step(scored.block.features)

    def _values(self, features: NDArray[np.generic]) -> NDArray[np.float64]:
        """Statistics of rows (n, d), (n, 4 d'): larger, smaller, farther from the middle, nearer to it, by feature."""
        require_width(features, len(self.reference.names))
        require_finite(features[:, self._watched], [self.reference.names[at] for at in self._watched])
        columns = []
        for place, at in enumerate(self._watched):
            values, known = features[:, at].astype(np.float64), self._sorted[:, place]
            below, upto = np.searchsorted(known, values, "left"), np.searchsorted(known, values, "right")
            rank = (below + upto) / (2 * len(known))
            far = np.abs(2 * rank - 1)
            columns += [rank, 1 - rank, far, 1 - far]
        return np.column_stack(columns)

    def _learn(self, reference: Reference) -> list[FeatureStatistic]:
        values = self._values(reference.features[1::2])
        share = (1 - self.confidence) / values.shape[1]
        changes = ("larger", "smaller", "farther out", "nearer to the middle")
        statistics = []
        for at, column in enumerate(values.T):
            dependence = measure_dependence(column, len(column) // 10)
            rows = len(column) / min(dependence.inflation, len(column))
            highest = mean_interval(float(column.mean()) * rows, rows, level=2 * share)[1]
            feature = reference.names[self._watched[at // 4]]
            statistics.append(FeatureStatistic(feature, changes[at % 4], highest))
        return statistics

    def _measured(self, rows: int) -> list[Dependence]:
        """Dependence of each statistic in blocks of so many rows, measured on the reference once."""
        if rows not in self._dependence:
            values = self._values(self.reference.features)
            self._dependence[rows] = [measure_dependence(column, rows) for column in values.T]
        return self._dependence[rows]

    def _step(self, features: NDArray[np.generic]) -> list[Evidence]:
        means, dependence = self._values(features).mean(axis=0), self._measured(len(features))
        states = []
        for evidence, statistic, mean, dependent in zip(
            self._evidence, self._statistics, means, dependence, strict=True
        ):
            if statistic.highest >= HIGHEST:  # it cannot become larger: nothing to bet on
                states.append(evidence)
                continue
            bets = log_bets(mean, statistic.highest, alternatives(statistic.highest), dependent.effective_rows)
            states.append(after(evidence, bets))
        return states
