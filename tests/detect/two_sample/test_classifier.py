"""The classifier two-sample test: SciPy's U, a threshold that agrees with the p-value, its level and power."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom, mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from drift.datasets.elec import load_elec
from drift.detect.two_sample.classifier import classifier_test, highest_kept
from drift.errors import BlockError

Draw = Callable[[np.random.Generator, int], np.ndarray]
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=(n, 3)),
    "heavy tails": lambda rng, n: rng.standard_cauchy((n, 3)),
    "ties": lambda rng, n: rng.poisson(1, (n, 3)),
    "two values": lambda rng, n: rng.integers(0, 2, (n, 3)),
}
QUICK = {("normal", (20, 20)), ("ties", (90, 61))}


class Means:
    """Projects rows on the difference of the means; quick, and learns noise as any other."""

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> Means:
        self.direction = rows[labels == 1].mean(axis=0) - rows[labels == 0].mean(axis=0)
        return self

    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray((rows @ self.direction).round(3))


class Probabilities(Means):
    """Answers as classifiers without a decision function do."""

    decision_function = None  # type: ignore[assignment]

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        yes = 1 / (1 + np.exp(-(rows @ self.direction)))
        return np.column_stack([1 - yes, yes])


class Constant(Means):
    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        return np.zeros(len(rows))


class Broken(Means):
    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), np.nan)


def two(n: int = 120, m: int = 80, *, shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.normal(shift, 1, size=(m, 3))


def test_equals_scipy_and_scikit_learn() -> None:
    """The same halves, by hand: U and its p-value are SciPy's, U / (n m) is scikit-learn's AUC."""
    x, y = two(121, 80, shift=0.4)
    found = classifier_test(x, y, classifier=LogisticRegression(), seed=3)
    rng = np.random.default_rng(3)
    left, right = x[rng.permutation(121)], y[rng.permutation(80)]
    model = LogisticRegression().fit(np.concatenate([left[:60], right[:40]]), np.repeat([0, 1], [60, 40]))
    scores = [model.decision_function(rows) for rows in (left[60:], right[40:])]
    expected = mannwhitneyu(scores[1], scores[0], alternative="greater", method="asymptotic")
    assert found.rows == (61, 40)
    assert found.classifier == "LogisticRegression"
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    assert found.statistic == pytest.approx(
        roc_auc_score(np.repeat([0, 1], [61, 40]), np.concatenate(scores)), rel=1e-12
    )


def test_the_threshold_says_what_the_p_value_says() -> None:
    """At any level, with and without ties."""
    for n, m, ties in ((10, 10, False), (10, 17, True), (60, 40, True)):
        rng = np.random.default_rng(0)
        for _ in range(200):
            scores = rng.normal(size=n + m) + np.repeat([0, rng.uniform(-1, 2)], [n, m])
            scores = scores.round(0) if ties else scores
            found = mannwhitneyu(scores[n:], scores[:n], alternative="greater", method="asymptotic")
            for level in (0.001, 0.01, 0.05, 0.3, 0.5, 0.9, float(found.pvalue) * 1.001, float(found.pvalue) * 0.999):
                if level < 1:
                    assert (found.pvalue <= level) == (found.statistic > highest_kept(scores, n, m, level))


def test_verdict_and_threshold_agree() -> None:
    for seed in range(200):
        found = classifier_test(*two(seed=seed, shift=0.2), classifier=Means(), level=0.2)
        assert found.rejected == (found.statistic > found.threshold)
        assert 0.5 < found.threshold <= 1
    never = classifier_test(*two(20, 20, shift=9), classifier=Means(), level=1e-7)
    assert (never.statistic, never.threshold, never.rejected) == (1.0, 1.0, False)


def rejections(draw: Draw, classifier: Any, *, runs: int, rows: tuple[int, int]) -> int:
    rng = np.random.default_rng(2)
    tests = (
        classifier_test(draw(rng, rows[0]), draw(rng, rows[1]), classifier=classifier, seed=seed)
        for seed in range(runs)
    )
    return sum(found.rejected for found in tests)


@pytest.mark.parametrize(
    ("draw", "rows"),
    [
        pytest.param(draw, rows, marks=() if (draw, rows) in QUICK else pytest.mark.slow)
        for draw in DRAWS
        for rows in ((20, 20), (90, 61))
    ],
)
def test_level(draw: str, rows: tuple[int, int]) -> None:
    """As promised at the fewest rows, too; few distinct scores make it conservative."""
    runs = 1_000
    low, high = (binom.ppf(tail, runs, 0.05) for tail in (0.0005, 0.9995))
    count = rejections(DRAWS[draw], Means(), runs=runs, rows=rows)
    assert count <= high
    if draw not in ("ties", "two values"):
        assert count >= low


def test_level_on_elec() -> None:
    rows = load_elec().features[17_000:25_000, :5]

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return rows[rng.choice(len(rows), n)]

    assert rejections(draw, Means(), runs=1_000, rows=(100, 60)) <= binom.ppf(0.9995, 1_000, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("draw", DRAWS)
def test_level_of_the_default_classifier(draw: str) -> None:
    assert rejections(DRAWS[draw], None, runs=1_000, rows=(120, 80)) <= binom.ppf(0.9995, 1_000, 0.05)


@pytest.mark.parametrize("change", ["mean", "spread", "dependence"])
def test_power_of_the_default_classifier(change: str) -> None:
    rng, seen = np.random.default_rng(4), 0
    for seed in range(8):
        x, y = rng.normal(size=(2, 600, 10))
        if change == "mean":
            y[:, 0] += 0.8
        elif change == "spread":
            y[:, 0] *= 1.8
        else:
            y[:, 1] = 0.8 * y[:, 0] + 0.6 * y[:, 1]
        seen += classifier_test(x, y, seed=seed).rejected
    assert seen >= 7


def test_the_same_seed_gives_the_same_numbers_and_the_callers_classifier_stays_as_it_was() -> None:
    x, y = two(shift=0.3)
    mine = Means()
    one, again = (classifier_test(x, y, classifier=mine, seed=5) for _ in range(2))
    assert one == again
    assert not hasattr(mine, "direction")
    assert one.statistic != classifier_test(x, y, classifier=mine, seed=6).statistic
    default = [classifier_test(torch.as_tensor(x), torch.as_tensor(y), seed=1) for _ in range(2)]
    assert default[0] == default[1] == classifier_test(x, y, seed=1)


def test_scores_that_never_differ_say_nothing() -> None:
    found = classifier_test(*two(), classifier=Constant())
    assert (found.statistic, found.p_value, found.rejected) == (0.5, 1.0, False)
    assert found.statistic <= found.threshold


def test_probabilities_do_as_well() -> None:
    x, y = two(shift=1)
    assert classifier_test(x, y, classifier=Probabilities()).rejected


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        (*two(19, 80), {}, "at least 20 rows in each sample, half of them to train a classifier; got 19 and 80"),
        (np.zeros((30, 3)), np.zeros((40, 5)), {}, "expected samples of one width"),
        (np.full((30, 3), np.nan), np.zeros((40, 3)), {}, "expected finite values"),
        (*two(), {"level": 0}, "level between 0 and 1"),
        (*two(), {"classifier": object()}, "expected a classifier with fit, .* got object"),
        (*two(), {"classifier": Broken()}, "expected a finite score for each of 100 rows"),
    ],
)
def test_bad_input(x: np.ndarray, y: np.ndarray, options: dict[str, Any], words: str) -> None:
    with pytest.raises(BlockError, match=words):
        classifier_test(x, y, **options)


def test_few_rows_are_enough_to_see_samples_far_apart() -> None:
    rng = np.random.default_rng(0)
    assert classifier_test(rng.normal(size=(20, 2)), rng.normal(50, 1, size=(20, 2))).rejected
