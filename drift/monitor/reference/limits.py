"""How far a batch may be from the reference before it counts as bad, so that the run rule keeps its guarantee.

The run rule alarms at a bad batch of which enough of those just before were bad, too: by default 3 of the last 4. The
guarantee is on the mean number of false alarms. P-values cannot give it: all batches are compared with the same
reference, so that if it was drawn far from the truth, all are far from it. Here the reference is drawn, too: for each
draw, the chance of a bad batch, and from it that of an alarm; the limit is the smallest that keeps the mean of the
latter. Between-batch variance beyond sampling variance is drawn as the reference shows it (`variance`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.detect.profiles.binning import Bins, QuantileBins
from drift.detect.profiles.counts import CellCounts, NamedCounts
from drift.detect.profiles.distances import jensen_shannon
from drift.errors import UsageError
from drift.monitor.reference.batch_variation import BetweenBatchVariance

REFERENCES, BATCHES = 200, 400  # draws, at most
MOST_NUMBERS = 8_000_000  # that are drawn for one limit
GRID = 80  # limits that are tried
HALF = 0.5  # a row in each cell that is added where nothing is known (Jeffreys)


@dataclass(frozen=True)
class RunRule:
    """Bad batches that alarm: `bad` of the last `window`, the newest one among them.

    Attributes:
        bad: least number of bad batches.
        window: newest batches among which they are counted.
    """

    bad: int = 3
    window: int = 4

    @classmethod
    def parse(cls, text: str) -> RunRule:
        """A rule from text such as `3/4`.

        Raises:
            UsageError: anything else, fewer than two bad batches, or a window of more than 100.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None or not 2 <= int(match[1]) <= int(match[2]) <= 100:
            raise UsageError(f"expected bad batches such as 3/4, two or more of at most 100, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def chance(self, of_bad: NDArray[np.float64]) -> NDArray[np.float64]:
        """The chance of an alarm at a batch, if each is bad with a chance of its own, independently."""
        from scipy.stats import binom

        return np.asarray(of_bad * binom.sf(self.bad - 2, self.window - 1, of_bad))

    def alarms(self, bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether it alarms at each batch, (batches,)."""
        sums = np.convolve(bad.astype(np.int64), np.ones(self.window, np.int64))[: len(bad)]
        return bad & (sums >= self.bad)


@dataclass(frozen=True)
class AlarmSpec:
    """What counts as bad, and the guarantee on false alarms; part of a reference, since limits depend on both.

    Attributes:
        expected_run_length: batches between false alarms of the whole monitor, in the mean and at least.
        rule: of bad batches that alarm.
        tolerated_loss: accuracy, or share of large errors, that may be lost without an alert.
        truth_share: of a batch's labels that must have come before its errors count, from 0 to 1.
    """

    expected_run_length: float = 1000.0
    rule: RunRule = RunRule()
    tolerated_loss: float = 0.02
    truth_share: float = 0.9

    @property
    def words(self) -> str:
        """As people read it."""
        return (
            f"{self.rule.bad} bad batches of {self.rule.window} alarm, and so does an error rate (of numbers: a share"
            f" of large errors) that has grown by more than {self.tolerated_loss:g}, once {self.truth_share:.0%} of a"
            f" batch's truth is known; by chance once in {self.expected_run_length:,g} batches"
        )

    def rate(self, signals: int) -> float:
        """False alarms per batch that each of the monitor's signals may make; evidence of harm has half of all."""
        return 0.5 / (self.expected_run_length * signals)


def bucket(rows: float) -> int:
    """The largest of 1, 2, 3, 4, 6, 8, 12, ... up to `rows`: limits are calibrated for those, so on the safe side."""
    power = 1 << (max(1, int(rows)).bit_length() - 1)
    return power + power // 2 if power > 1 and rows >= power + power // 2 else power


def distance_limit(
    bins: Bins,
    reference: CellCounts | NamedCounts,
    rows: int,
    *,
    rate: float,
    rule: RunRule,
    variance: BetweenBatchVariance | None = None,
) -> float:
    """The Jensen-Shannon divergence above which a batch is bad, in nats.

    Args:
        bins: of the signal.
        reference: its counts there.
        rows: of a batch.
        rate: alarms per batch that are allowed.
        rule: what makes an alarm of bad batches.
        variance: between batches of the reference, by cells in the order of `cells_of`; None if there is none.
    """
    rng = np.random.default_rng(0)
    shares, chances = _drawn_references(bins, reference, rng)
    batches = min(BATCHES, max(50, MOST_NUMBERS // chances.size))
    distances = np.zeros((len(chances), batches))
    deviations = variance.draw(len(chances), rng) if variance is not None else None
    for at, (share, chance) in enumerate(zip(shares, chances, strict=True)):
        if variance is not None and deviations is not None and deviations[at].any():
            counts = rng.multinomial(rows, variance.move(chance, deviations[at], batches, rng))
        else:
            counts = rng.multinomial(rows, chance, size=batches)
        distances[at] = jensen_shannon(share[:, None], counts.T / rows)
    return _smallest(distances, rate, rule)


def cells_of(counts: CellCounts | NamedCounts, reference: CellCounts | NamedCounts) -> list[int]:
    """Rows in the cells of a reference, those that are missing last."""
    if isinstance(counts, CellCounts):
        return [*counts.counts, counts.missing]
    assert isinstance(reference, NamedCounts)  # noqa: S101 - they are counted in the reference's bins
    named = [counts.counts.get(name, 0) for name in sorted(reference.counts)]
    return [*named, counts.present - sum(named), counts.missing]


def loss_limit(
    wrong: float, reference_rows: float, rows: float, *, rate: float, rule: RunRule, inflation: float = 1.0
) -> float:
    """The mean loss of a batch above which it is bad.

    Args:
        wrong: losses of the reference, added up.
        reference_rows: of it.
        rows: of the batch.
        rate: alarms per batch that are allowed.
        rule: what makes an alarm of bad batches.
        inflation: of the variance of a mean loss by rows that hang together, 1 or more (see `dependence`).
    """
    from scipy.stats import beta, binom

    known, effective = reference_rows / inflation, max(1, int(rows / inflation))
    right = known - wrong / inflation
    shares = (np.arange(REFERENCES) + 0.5) / REFERENCES
    true = beta.ppf(shares, wrong / inflation + HALF, right + HALF)
    counts = np.arange(effective + 1)
    low, high = 0, effective  # with all of them wrong a batch is never above
    while low < high:
        middle = (low + high) // 2
        if rule.chance(np.asarray(binom.sf(counts[middle], effective, true))).mean() <= rate:
            high = middle
        else:
            low = middle + 1
    return low / effective


def _drawn_references(
    bins: Bins, reference: CellCounts | NamedCounts, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of a reference and the chances behind them, (draws, cells) each; the last cell is the missing one."""
    if isinstance(bins, QuantileBins) and isinstance(reference, CellCounts):
        counts = np.asarray([*reference.counts, reference.missing], np.float64)
        present = max(reference.present, 1)
        weights = np.asarray(bins.weights if sum(bins.counts) == reference.present else counts[:-1] + HALF)
        draws = _draws(len(counts))
        missing = rng.beta(reference.missing + HALF, present + HALF, size=(draws, 1))
        cells = rng.dirichlet(np.maximum(weights, 1e-3), size=draws)
        shares = np.broadcast_to(counts / counts.sum(), (draws, len(counts)))
        return np.asarray(shares), np.concatenate([cells * (1 - missing), missing], axis=1)
    assert isinstance(reference, NamedCounts)  # noqa: S101 - by `sides_of`, which has met them before
    named = cells_of(reference, reference)
    # As many rows fall into values not seen before as are alone in theirs (Good 1953). What the reference has of them
    # no batch has, and the other way round: each gets a cell that the other leaves empty.
    once = sum(count == 1 for count in named)
    counts = np.asarray([*named, max(once, HALF)], np.float64)
    chances = counts / counts.sum()
    rows = max(1, sum(named))
    drawn = rng.multinomial(rows, chances, size=_draws(len(counts) + 1)) / rows
    none = np.zeros((len(drawn), 1))
    of_batches = np.broadcast_to(chances, drawn.shape)
    return np.concatenate([drawn, none], axis=1), np.concatenate([of_batches[:, :-1], none, of_batches[:, -1:]], axis=1)


def _draws(cells: int) -> int:
    return max(40, min(REFERENCES, MOST_NUMBERS // (100 * cells)))


def _smallest(distances: NDArray[np.float64], rate: float, rule: RunRule) -> float:
    """The smallest limit at which alarms are rare enough, by drawn distances (references, batches)."""
    grid = np.unique(np.quantile(distances, 1 - np.geomspace(0.5, 1 / distances.size, GRID)))
    for limit in grid:
        chances = rule.chance((distances > limit).mean(axis=1))
        if chances.mean() + chances.std() / np.sqrt(len(chances)) <= rate:
            return float(limit)
    return float(grid[-1])
