"""Limits of distances and losses, and the between-batch variance beyond sampling variance that they allow for.

How far a batch may be from the reference before it counts as bad, so that the run rule keeps its guarantee.

The run rule alarms at a bad batch of which enough of those just before were bad, too: by default 3 of the last 4. The
guarantee is on the mean number of false alarms. P-values cannot give it: all batches are compared with the same
reference, so that if it was drawn far from the truth, all are far from it. Here the reference is drawn, too: for each
draw, the chance of a bad batch, and from it that of an alarm; the limit is the smallest that keeps the mean of the
latter. Between-batch variance beyond sampling variance is drawn as the reference shows it (`variance`).

Between-batch variance of a reference beyond sampling variance: days that differ, rows that come in runs.

Counts of batches in the cells of a signal go in; out comes what further batches are drawn with. Batches are compared
in the metric of chi-squared, in which sampling variance is the same in all directions. Along each direction in which
they differ (an eigenvector of their covariance), the variance of rows in random order is subtracted (parallel
analysis, Horn 1965). The rest was seen in a few batches only, so it is drawn from its posterior: that of a normal
variance after two more batches without any excess. Days that move a signal one way make a long tail along one
direction, which a wider spread in all directions would not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.detect.profiles.binning import Bins, CellCounts, NamedCounts, QuantileBins
from drift.detect.profiles.distances import jensen_shannon
from drift.errors import UsageError

Counted = NDArray[np.int64]  # rows of each group in each cell, (groups, cells)
Numbers = NDArray[np.float64]

LEAST_GROUPS = 5  # that say how much batches differ
MOST_GROUPS = 64
SHUFFLES = 40
PRIOR = 2  # batches with sampling variance alone that count as seen, too
LEVELS = 0.2, 0.5  # lenient: a missed effect breaks the false-alarm rate, a spurious one only widens the limit


@dataclass(frozen=True)
class BetweenBatchVariance:
    """Between-batch variance beyond sampling variance, along directions of the cells' shares.

    Attributes:
        directions: (directions, cells), of length 1 in the metric of chi-squared.
        variances: of batches along each direction, (directions,).
        sampling: sampling variance along each direction, the mean over rows in random order, (directions,).
        groups: batches that were seen.
    """

    directions: Numbers
    variances: Numbers
    sampling: Numbers
    groups: int

    @property
    def excess(self) -> float:
        """Mean chi-squared distance of a batch from all of them beyond sampling variance."""
        return float(np.maximum(self.variances - self.sampling, 0).sum())

    def draw(self, draws: int, rng: np.random.Generator) -> Numbers:
        """Posterior draws of the standard deviations beyond sampling variance, (draws, directions)."""
        degrees = self.groups - 1
        squares = self.variances * degrees + self.sampling * PRIOR
        variances = squares / rng.chisquare(degrees + PRIOR, size=(draws, len(self.variances)))
        return np.asarray(np.sqrt(np.maximum(variances - self.sampling, 0)))

    def move(self, chances: Numbers, deviations: Numbers, batches: int, rng: np.random.Generator) -> Numbers:
        """Chances of the cells in each of some batches, (batches, cells), drawn around those of a typical batch.

        The reference is the mean of its own batches, so all others are also moved by what its mean is off.

        Args:
            chances: of a typical batch, (cells,); cells beyond those of the directions are left as they are.
            deviations: one row of `draw`.
            batches: how many.
            rng: generator.
        """
        own = rng.standard_normal((batches, len(deviations)))
        shared = rng.standard_normal(len(deviations)) / np.sqrt(self.groups)
        moved = np.tile(chances, (batches, 1))
        moved[:, : self.directions.shape[1]] += ((own + shared) * deviations) @ self.directions
        np.maximum(moved, 0, out=moved)
        return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def between_batch_variance(counts: Counted) -> BetweenBatchVariance | None:
    """Of groups of rows; None if there are fewer than five, or only one cell has rows."""
    counts = counts[counts.sum(axis=1) > 0]
    groups, cells = counts.shape
    whole = counts.sum(axis=0)
    filled = whole > 0
    if groups < LEAST_GROUPS or filled.sum() < 2:
        return None
    shares = whole[filled] / whole.sum()
    standing = _standing(counts[:, filled], shares)
    _, values, directions = np.linalg.svd(standing, full_matrices=False)
    rank = min(groups, len(shares)) - 1  # centred groups, and shares that sum to 1
    spread = np.zeros((rank, cells))
    spread[:, filled] = directions[:rank] * np.sqrt(shares)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(counts.sum(axis=1), shares, size=(SHUFFLES, groups))
    shuffled = np.linalg.svd(np.stack([_standing(sample, shares) for sample in drawn]), compute_uv=False)
    variances, sampling = values[:rank] ** 2 / (groups - 1), shuffled[:, :rank] ** 2 / (groups - 1)
    level = np.clip(4 / groups, *LEVELS)  # few groups show little
    seen = np.cumprod(variances > np.quantile(sampling, 1 - level, axis=0)).astype(bool)
    return BetweenBatchVariance(spread[seen], variances[seen], sampling.mean(axis=0)[seen], groups)


def _standing(counts: Counted, shares: Numbers) -> Numbers:
    """Groups as deviations from their mean, in the metric of chi-squared, (groups, cells)."""
    apart = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray((apart - apart.mean(axis=0)) / np.sqrt(shares))


def merge_adjacent(counts: Counted, rows: float) -> Counted:
    """Adjacent groups put together until each has so many rows, or a fifth of all if that is less."""
    sizes = counts.sum(axis=1)
    wanted = min(rows, sizes.sum() / LEAST_GROUPS)
    merged: list[Counted] = []
    open_rows = wanted
    for group, size in zip(counts, sizes, strict=True):
        if open_rows >= wanted:
            merged.append(group.copy())
            open_rows = size
        else:
            merged[-1] += group
            open_rows += size
    if len(merged) > 1 and open_rows < wanted:
        last = merged.pop()
        merged[-1] += last
    return np.stack(merged)


def cut_evenly(rows: int, parts: int) -> list[int]:
    """Sizes of so many stretches of as many rows each as can be."""
    return [len(part) for part in np.array_split(np.arange(rows), max(1, min(parts, rows)))]


def spread_ranges(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where at most 64 of the batches begin and end, spread over all."""
    ends = np.cumsum(sizes)
    chosen = np.unique(np.linspace(0, len(sizes) - 1, min(MOST_GROUPS, len(sizes))).round().astype(int))
    return [(int(ends[at] - sizes[at]), int(ends[at])) for at in chosen]


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
