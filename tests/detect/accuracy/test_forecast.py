"""Forecasts of the first block below a threshold: against plain implementations, and their coverage as a statistic."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from benchmarks.accuracy_paths import PROCESSES
from benchmarks.forecast import Case, drawn, judged, ours
from drift.detect import ThresholdForecast, forecast_threshold
from drift.detect.accuracy.forecast import HORIZON, LEVEL, NEWEST, SHORT_LENGTH, largest_below
from drift.detect.accuracy.structural import HAZARD, JUMP, arcsine, filtered, grid, simulated
from drift.errors import BlockError

Path = NDArray[np.float64]


def naive_filter(correct: list[int], rows: list[int], which: int) -> tuple[float, Path, Path]:
    """Log weight, mean and covariance of one combination, by the matrices of the Kalman filter as textbooks have it.

    Each block is filtered twice, as if it had jumped and as if not; the two results are mixed by their moments.
    """
    of = {name: float(values[which]) for name, values in grid()._asdict().items()}
    move = np.array([[1, 1, 0], [0, of["damping"], 0], [0, 0, of["correlation"]]])
    steps = np.diag([of["step"] ** 2, of["bend"] ** 2, (1 - of["correlation"] ** 2) * of["spread"] ** 2])
    jumps = np.diag([JUMP**2, 0, 0])
    look = np.array([[1.0, 0, 1]])
    mean, covariance = np.array([0.9, 0, 0]), np.diag([0.35**2, of["slope"] ** 2, of["spread"] ** 2])
    weight = of["log_prior"]
    for x, n in zip(correct, rows, strict=True):
        mean = move @ mean
        likelihoods, means, covariances = [], [], []
        for probability, noise in ((1 - HAZARD, steps), (HAZARD, steps + jumps)):
            before = move @ covariance @ move.T + noise
            variance = (look @ before @ look.T).item() + 1 / (4 * n + 2)
            error = arcsine(x, n) - (look @ mean).item()
            likelihoods.append(probability * math.exp(-(error**2) / variance / 2) / math.sqrt(variance))
            gain = (before @ look.T).ravel() / variance
            means.append(mean + gain * error)
            covariances.append((np.eye(3) - np.outer(gain, look)) @ before)
        weight += math.log(sum(likelihoods))
        shares = np.array(likelihoods) / sum(likelihoods)
        mean = shares @ np.array(means)
        covariance = sum(
            share * (own + np.outer(each - mean, each - mean))
            for share, each, own in zip(shares, means, covariances, strict=True)
        )
    return weight, mean, covariance


def test_filters_agree_with_matrices() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(20, 400, 25).tolist()
    correct = rng.binomial(rows, np.linspace(0.9, 0.6, 25)).tolist()
    state = filtered(correct, rows)
    plain = [naive_filter(correct, rows, which) for which in range(len(state.weights))]
    weights = np.exp(np.array([weight for weight, _, _ in plain]) - max(weight for weight, _, _ in plain))
    np.testing.assert_allclose(state.weights, weights / weights.sum(), rtol=1e-8)
    np.testing.assert_allclose(state.mean.T, [mean for _, mean, _ in plain], atol=1e-10)
    np.testing.assert_allclose(np.moveaxis(state.covariance, 2, 0), [each for _, _, each in plain], atol=1e-10)


def test_quantiles_agree_with_counts_drawn_block_by_block() -> None:
    """The share of simulated futures that have passed by each quantile, with every count drawn, 20,000 of them."""
    rng = np.random.default_rng(1)
    correct = rng.binomial(100, np.linspace(0.9, 0.8, 20)).tolist()
    forecast = forecast_threshold(correct, [100] * 20, 0.75)
    paths = simulated(filtered(correct, [100] * 20), HORIZON, draws=20_000, rng=rng)
    counts = rng.binomial(100, np.sin(np.clip(paths, 0, math.pi / 2)) ** 2)
    passed = np.maximum.accumulate(counts < 75, axis=0).mean(axis=1)
    for end, share in ((forecast.low, 0.1), (forecast.median, 0.5), (forecast.high, 0.9)):
        reached = passed[-1] if math.isinf(end) else passed[int(end) - 1]
        before = 0 if end == 1 else passed[-1] if math.isinf(end) else passed[int(end) - 2]
        assert before - 0.03 <= share  # 1,000 draws: a standard error of .016
        assert math.isinf(end) or share <= reached + 0.03
    assert forecast.probability_next == pytest.approx(passed[0], abs=0.02)


def test_a_count_is_below_as_blocks_are() -> None:
    for rows in (1, 7, 20, 336, 1007):
        for threshold in (0.0, 0.1, 0.55, 0.7, 1 / 3, 1.0):
            below = [count for count in range(rows + 1) if count / rows < threshold]
            assert largest_below(threshold, rows) == max(below, default=-1)


def test_a_steady_model_is_safe_and_a_falling_one_is_not() -> None:
    steady = forecast_threshold([900] * 30, [1000] * 30, 0.7)
    assert math.isinf(steady.median)
    assert steady.probability_next < 0.01
    falling = [950 - 10 * block for block in range(20)]  # .76 now: .01 a block
    forecast = forecast_threshold(falling, [1000] * 20, 0.7)
    assert forecast.low <= 6 <= forecast.high
    assert 3 <= forecast.median <= 9


def test_forecasts_come_nearer_as_accuracy_falls() -> None:
    falling = [950 - 10 * block for block in range(26)]
    medians = [forecast_threshold(falling[:stop], [1000] * stop, 0.7).median for stop in range(8, 26, 3)]
    assert medians == sorted(medians, reverse=True)
    assert medians[-1] <= 5


def test_a_sudden_fall_is_believed_at_once() -> None:
    """From .8 to .5 in one block of 100: what comes next is near .5, not near .8."""
    forecast = forecast_threshold([80] * 12 + [50], [100] * 13, 0.65)
    assert forecast.median <= 2
    assert forecast.probability_next > 0.5


def test_one_block_says_little() -> None:
    """Of one block of 100 rows at .8, the level is within .1 and its variance unknown: the interval is wide."""
    forecast = forecast_threshold([80], [100], 0.7)
    assert forecast.high - forecast.low > 10


def test_a_reference_narrows_the_first_forecast() -> None:
    alone = forecast_threshold([15], [20], 0.5)
    accepted = forecast_threshold([15], [20], 0.5, reference=(800, 1000))
    assert accepted.probability_next < alone.probability_next


def test_blocks_below_the_threshold_are_expected_again() -> None:
    forecast = forecast_threshold([60] * 8, [100] * 8, 0.7)
    assert (forecast.median, forecast.low, forecast.high) == (1, 1, 1)
    assert forecast.probability_next > 0.9


def test_same_blocks_same_forecast() -> None:
    blocks = [90, 85, 88, 50], [100, 100, 100, 60]
    assert forecast_threshold(*blocks, 0.7) == forecast_threshold(*blocks, 0.7)
    old = [50] * 10 + [90] * NEWEST
    assert forecast_threshold(old, [100] * len(old), 0.7) == forecast_threshold(old[10:], [100] * NEWEST, 0.7)


def test_extremes_have_forecasts() -> None:
    for correct, rows, threshold in ((0, 20, 0.5), (20, 20, 0.5), (20, 20, 1.0), (0, 20, 0.0), (1, 1, 0.5)):
        forecast = forecast_threshold([correct] * 5, [rows] * 5, threshold)
        assert 1 <= forecast.low <= forecast.median <= forecast.high
        assert 0 <= forecast.probability_next <= 1
    assert math.isinf(forecast_threshold([0] * 5, [20] * 5, 0.0).low)  # nothing is below 0


@pytest.mark.parametrize(
    ("correct", "rows", "options"),
    [
        ([], [], {}),
        ([1, 2], [3], {}),
        ([5], [4], {}),
        ([-1], [4], {}),
        ([0], [0], {}),
        ([1], [4], {"reference": (5, 4)}),
        ([1], [4], {"threshold": 1.1}),
        ([1], [4], {"threshold": math.nan}),
        ([1], [4], {"level": 1.0}),
        ([1], [4], {"horizon": 0}),
    ],
)
def test_what_is_no_series_of_blocks_is_refused(correct: list[int], rows: list[int], options: dict[str, float]) -> None:
    with pytest.raises(BlockError, match="expected"):
        forecast_threshold(correct, rows, **{"threshold": 0.5, **options})  # type: ignore[arg-type]


def test_short_fits_a_column() -> None:
    ends = [1.0, 9.0, 10.0, 50.0, math.inf]
    for low in ends:
        for median in (end for end in ends if end >= low):
            for high in (end for end in ends if end >= median):
                made = ThresholdForecast(0.7, median, low, high, LEVEL, HORIZON, 0.1)
                assert len(made.short) <= SHORT_LENGTH
                assert made.short.isascii()
                assert made.short.startswith(">50" if math.isinf(median) else f"{median:.0f}")


# ---- coverage: the share of first passages inside the interval, as a statistic ----


def covered(process: str, *, rows: int, streams: int, seed: int) -> int:
    """Streams of which the first block below a threshold, .02 to .12 below the first accuracy, is in the interval."""
    return int(sum(judged(case, ours(case))[0] for case in drawn(process, rows, streams, seed)))


def test_intervals_are_scored_as_published() -> None:
    """Width, and 2 / .2 times the distance outside, of the number of blocks censored at 20: Gneiting and Raftery."""
    case = Case(0, [80], 100, (80, 100), 0.7, first=21)
    inside = ThresholdForecast(0.7, 12, 5, math.inf, LEVEL, 20, 0.1)
    assert judged(case, inside) == (1.0, 16.0, 16.0, 9.0)
    outside = ThresholdForecast(0.7, 12, 5, 18, LEVEL, 20, 0.1)
    assert judged(case, outside) == pytest.approx((0.0, 13.0, 43.0, 9.0))


def test_intervals_cover_where_the_model_is_right() -> None:
    """200 streams of the model's own prior: at least 80 %, less a binomial bound of 1 in 1,000."""
    assert covered("the model itself", rows=200, streams=200, seed=0) >= binom.ppf(0.001, 200, LEVEL)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 336])
@pytest.mark.parametrize("process", PROCESSES)
def test_coverage_over_processes(process: str, rows: int) -> None:
    """400 streams each: at least 80 %, less a binomial bound of 1 in 1,000 (a false failure in 1 of 60 sweeps)."""
    assert covered(process, rows=rows, streams=400, seed=0) >= binom.ppf(0.001, 400, LEVEL)
