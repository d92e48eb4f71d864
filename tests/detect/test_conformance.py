"""Every check crossed with every detector."""

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact, ks_2samp

import drift.detect
from drift.blocks import Answer, Block, Floats, Reference, ScoredBlock
from drift.detect import AccuracyDrop, Detector, FeatureShift, PredictionShift, Score, chance_of_at_most
from drift.detect.accuracy import chance_band, drop_p_value
from drift.detect.univariate import ks_tests
from drift.errors import BlockError

NAMES = ("a", "b", "c")
MAKE: dict[str, Callable[[Reference], Detector]] = {
    "accuracy": AccuracyDrop,
    "features": lambda reference: FeatureShift(reference, feature_names=NAMES),
    "predictions": lambda reference: PredictionShift(reference, classes=("no", "yes")),
}


def rows(rng: np.random.Generator, n: int, *, shift: float = 0.0) -> tuple[Floats, np.ndarray, Floats]:
    """Features, labels that a logistic rule gives, and that rule's probabilities; `shift` moves all three."""
    features = rng.normal(size=(n, 3)).astype(np.float32) + np.float32(shift)
    yes = 1 / (1 + np.exp(-features[:, 0]))
    labels = (rng.random(n) < (yes if not shift else 1 - yes)).astype(np.int64)
    return features, labels, np.column_stack([1 - yes, yes]).astype(np.float32)


def reference_of(rng: np.random.Generator, n: int = 4_000) -> Reference:
    features, labels, probabilities = rows(rng, n)
    return Reference(features, labels, probabilities)


def scored_of(rng: np.random.Generator, n: int = 200, *, shift: float = 0.0) -> ScoredBlock:
    features, labels, probabilities = rows(rng, n, shift=shift)
    return ScoredBlock(Block(0, range(n), features, labels, None), Answer(probabilities, 1), 0.0)


def test_every_detector_is_in_the_sweep() -> None:
    """A class of any file beside the protocol that can score, update and reset is a detector."""
    found = set()
    for path in Path(drift.detect.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            methods = {part.name for part in getattr(node, "body", []) if isinstance(part, ast.FunctionDef)}
            if isinstance(node, ast.ClassDef) and methods >= {"score", "update", "reset"} and path.stem != "protocol":
                found.add(node.name)
    assert len(found) >= 3
    assert {type(make(reference_of(np.random.default_rng(0), 50))).__name__ for make in MAKE.values()} == found


@pytest.mark.parametrize("name", MAKE)
def test_a_question_changes_nothing(name: str) -> None:
    """The same block gets the same score twice, also after an update with it."""
    rng = np.random.default_rng(1)
    detector, block = MAKE[name](reference_of(rng)), scored_of(rng)
    first = detector.score(block)
    detector.update(block)
    assert detector.score(block) == first
    assert first.detector == detector.name == name
    assert 0 < first.p_value <= 1


@pytest.mark.parametrize("name", MAKE)
def test_reset_takes_the_new_reference(name: str) -> None:
    """After a reset, the detector scores as one that was made with that reference."""
    rng = np.random.default_rng(2)
    old, new, block = reference_of(rng), reference_of(rng, 500), scored_of(rng, shift=0.3)
    detector = MAKE[name](old)
    detector.reset(new)
    assert detector.score(block) == MAKE[name](new).score(block)


@pytest.mark.parametrize("name", MAKE)
def test_level(name: str) -> None:
    """Without drift and with independent rows, alarms come at most at the level (99.9 % binomial bound)."""
    rng, runs = np.random.default_rng(3), 1_000
    features, labels, probabilities = rows(rng, 20_000)
    yes = probabilities[:, 1]
    detector = MAKE[name](Reference(features, labels, probabilities))
    alarms = sum(detector.score(scored_of(rng, 100)).alarm for _ in range(runs))
    assert alarms <= binom.ppf(0.999, runs, 0.01)
    assert 0.4 < yes.mean() < 0.6


@pytest.mark.parametrize("reference_rows", [40, 800])
@pytest.mark.parametrize("name", MAKE)
def test_level_with_a_small_reference(name: str, reference_rows: int) -> None:
    """The reference is a sample, too: with a fresh one each time, alarms still come at most at the level."""
    rng, runs = np.random.default_rng(7), 600
    alarms = 0
    for _ in range(runs):
        alarms += MAKE[name](reference_of(rng, reference_rows)).score(scored_of(rng, 60)).alarm
    assert alarms <= binom.ppf(0.999, runs, 0.01)


@pytest.mark.parametrize("name", MAKE)
def test_power(name: str) -> None:
    """A plain drift is noticed in nearly every block."""
    rng = np.random.default_rng(4)
    detector = MAKE[name](reference_of(rng))
    assert sum(detector.score(scored_of(rng, shift=1.0)).alarm for _ in range(50)) >= 48


def test_ignored_features_are_not_watched() -> None:
    rng = np.random.default_rng(8)
    reference, block = reference_of(rng), scored_of(rng)
    block.block.features[:, 1] += 9
    assert not FeatureShift(reference, feature_names=NAMES, ignore=("b",)).score(block).alarm


def test_a_drop_is_judged_as_fisher_would() -> None:
    for correct, rows, reference_correct, reference_rows in ((10, 20, 30, 40), (0, 5, 700, 800), (20, 20, 40, 40)):
        table = [[correct, rows - correct], [reference_correct, reference_rows - reference_correct]]
        expected = fisher_exact(np.asarray(table), alternative="less").pvalue
        assert drop_p_value(correct, rows, reference_correct, reference_rows) == pytest.approx(expected, rel=1e-9)


def test_no_p_value_is_zero() -> None:
    zeros, ones = np.zeros((5_000, 2), np.float32), np.ones((5_000, 2), np.float32)
    assert ks_tests(zeros, ones, NAMES[:2], level=0.01).p_value > 0
    assert drop_p_value(0, 20_000, 20_000, 20_000) > 0


def test_feature_shift_names_the_column() -> None:
    rng = np.random.default_rng(5)
    reference, block = reference_of(rng), scored_of(rng)
    block.block.features[:, 1] += 2
    assert FeatureShift(reference, feature_names=NAMES).score(block).detail == "b"


@pytest.mark.parametrize("shift", [0.0, 0.05, 1.0])
def test_shifts_are_scipys_ks_by_bonferroni(shift: float) -> None:
    rng = np.random.default_rng(6)
    reference, block = reference_of(rng), scored_of(rng, shift=shift)
    one, two = reference.features, block.block.features
    naive = [ks_2samp(one[:, j], two[:, j]) for j in range(3)]
    worst = int(np.argmin([result.pvalue for result in naive]))
    score = FeatureShift(reference, feature_names=NAMES).score(block)
    assert score == Score("features", naive[worst].statistic, min(1.0, 3 * naive[worst].pvalue), 0.01, NAMES[worst])
    only = ks_2samp(reference.probabilities[:, 0], block.answer.probabilities[:, 0])
    score = PredictionShift(reference, classes=("no", "yes")).score(block)
    assert score == Score("predictions", only.statistic, only.pvalue, 0.01, "P(no)")


def test_other_columns_than_the_reference_are_refused() -> None:
    with pytest.raises(BlockError, match="expected 3 columns, as in the reference; got 5"):
        ks_tests(np.zeros((9, 3), np.float32), np.zeros((20, 5), np.float32), NAMES, level=0.01)


def test_chance_equals_the_binomial_distribution() -> None:
    for correct, n, accuracy in ((10, 20, 0.7), (0, 20, 0.55), (20, 20, 0.99)):
        assert chance_of_at_most(correct, n, accuracy) == pytest.approx(binom.cdf(correct, n, accuracy), rel=1e-12)


def test_chance_band_holds_what_it_says() -> None:
    low, high = chance_band(336, 0.7)
    inside = binom.cdf(round(high * 336), 336, 0.7) - binom.cdf(round(low * 336) - 1, 336, 0.7)
    assert 0.95 <= inside < 0.97
