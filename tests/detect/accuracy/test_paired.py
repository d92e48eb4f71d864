"""The paired test: published numbers, level, coverage."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from drift.detect import mcnemar_test
from drift.detect.accuracy.paired import difference_interval
from drift.errors import BlockError


def vectors(both: int, champion: int, challenger: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = (both, champion, challenger, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize("level", [0.001, 0.05, 0.0625, 0.2])
def test_interval_and_p_value_always_agree(level: float) -> None:
    """Every pair of counts up to 40, among few and many rows: 0 is outside just where p <= level, on the right side."""
    binom_cdf = [binom.cdf(np.arange(both + 1), both, 0.5) for both in range(81)]
    for wins in range(41):
        for losses in range(41):
            for rows in {max(1, wins + losses), 2_000}:
                low, high = difference_interval(wins, losses, rows, level=level)
                p_value = min(1.0, 2 * binom_cdf[wins + losses][min(wins, losses)])
                assert (low > 0 or high < 0) == (p_value <= level)
                assert -1 <= low <= (wins - losses) / rows <= high <= 1
                assert (low > 0) == (p_value <= level and wins > losses)


@pytest.mark.parametrize(
    ("rows", "disagree", "difference"),
    [(806, 0.09, 0.05), (806, 0.01, 0.01), (100, 0.05, 0.05), (100, 0.5, 0.3), (2_000, 0.002, -0.001), (40, 0.3, 0)],
)
def test_interval_covers_the_difference(rows: int, disagree: float, difference: float) -> None:
    """At .95, also where the two hardly ever disagree (1,000 runs, bound .0005)."""
    rng, runs = np.random.default_rng(1), 1_000
    differing = rng.binomial(rows, disagree, runs)
    wins = rng.binomial(differing, (1 + difference / disagree) / 2)
    covered = 0
    for won, both in zip(wins.tolist(), differing.tolist(), strict=True):
        low, high = difference_interval(won, both - won, rows)
        covered += low <= difference <= high
    assert covered >= binom.ppf(0.0005, runs, 0.95)


def test_counts_and_exact_p_value() -> None:
    test = mcnemar_test(*vectors(36, 2, 12, 0))
    assert (test.only_champion, test.only_challenger, test.rows) == (2, 12, 50)
    assert test.p_value == pytest.approx(2 * binom.cdf(2, 14, 0.5)) == binomtest(12, 14).pvalue
    assert test.difference == pytest.approx(0.2) == pytest.approx(test.challenger_accuracy - test.champion_accuracy)
    assert test.better


def test_equal_models_are_not_better() -> None:
    test = mcnemar_test(*vectors(30, 0, 0, 20))
    assert (test.p_value, test.difference, test.better) == (1.0, 0.0, False)
    assert test.low < 0 < test.high


def test_a_worse_challenger_is_not_better_however_sure() -> None:
    test = mcnemar_test(*vectors(0, 40, 1, 0))
    assert test.p_value < 1e-6
    assert not test.better


def test_interval_mirrors_and_keeps_its_range() -> None:
    for wins, losses, rows in ((12, 2, 50), (0, 0, 20), (20, 0, 20), (5, 5, 10)):
        low, high = difference_interval(wins, losses, rows)
        back_low, back_high = difference_interval(losses, wins, rows)
        assert (low, high) == pytest.approx((-back_high, -back_low), abs=1e-9)
        assert -1 <= low <= (wins - losses) / rows <= high <= 1


def test_false_promotions_and_coverage_over_many_seeds() -> None:
    """Under equal models: promoted at most level / 2 of the time; the interval covers 0 at its confidence."""
    rng, runs = np.random.default_rng(0), 3_000
    promoted = covered = 0
    for _ in range(runs):
        champion, challenger = (rng.random((2, 300)) < 0.7) ^ (rng.random(300) < 0.1)
        test = mcnemar_test(champion, challenger)
        promoted += test.better
        covered += test.low <= 0 <= test.high
    assert promoted <= binom.ppf(0.9995, runs, 0.025)
    assert binom.ppf(0.0005, runs, 0.95) <= covered


def test_shapes_must_agree() -> None:
    with pytest.raises(BlockError, match=r"champion_correct\.shape=\(3,\) and challenger_correct\.shape=\(2,\)"):
        mcnemar_test(np.ones(3, bool), np.ones(2, bool))
