"""Evidence without labels: the promise for fixed references, power, and what is refused."""

from collections.abc import Callable

import numpy as np
import pytest

from drift.data.blocks import Floats, Reference, ScoredBlock
from drift.detect.sequential.feature_evidence import FeatureEvidence
from drift.errors import BlockError


def rows(rng: np.random.Generator, n: int, *, shift: float = 0.0, spread: float = 1.0) -> Floats:
    """Three features: normal, skewed, and of few values."""
    found = np.column_stack([rng.normal(shift, spread, n), rng.exponential(size=n), rng.integers(0, 3, n)])
    return found.astype(np.float32)


def blocks_to_alarm(detector: FeatureEvidence, draw: Callable[[], Floats], most: int) -> int:
    for block in range(most):
        scored = ScoredBlock.of_features(draw(), block)
        if detector.score(scored).alarm:
            return block + 1
        detector.update(scored)
    return most


def test_the_promise_holds_for_each_reference() -> None:
    """For nearly every small reference, not only on average over them, runs are as long as promised."""
    rng, short = np.random.default_rng(0), 0
    for _ in range(10):
        reference = Reference.of_features(rows(rng, 300), ("a", "b", "c"))
        lengths = [
            blocks_to_alarm(FeatureEvidence(reference, expected_run_length=10), lambda: rows(rng, 40), 40)
            for _ in range(6)
        ]
        short += int(np.mean(lengths) < 10)
    assert short <= 1


@pytest.mark.parametrize(
    ("change", "detail"),
    [({"shift": 1.0}, "a larger"), ({"shift": -1.0}, "a smaller"), ({"spread": 3.0}, "a farther out")],
)
def test_changes_are_found_and_named(change: dict[str, float], detail: str) -> None:
    rng = np.random.default_rng(1)
    detector = FeatureEvidence(Reference.of_features(rows(rng, 2_000), ("a", "b", "c")))
    assert blocks_to_alarm(detector, lambda: rows(rng, 48, **change), 60) <= 12
    assert detector.score(ScoredBlock.of_features(rows(rng, 48, **change))).detail == detail


def test_ignored_features_and_reset() -> None:
    rng = np.random.default_rng(2)
    reference = Reference.of_features(rows(rng, 1_000), ("a", "b", "c"))
    detector = FeatureEvidence(reference, ignore=("a",))
    assert blocks_to_alarm(detector, lambda: rows(rng, 48, shift=3.0), 20) == 20
    loud = FeatureEvidence(reference)
    blocks_to_alarm(loud, lambda: rows(rng, 48, shift=3.0), 20)
    block = ScoredBlock.of_features(rows(rng, 48))
    assert loud.score(block) == loud.score(block)
    loud.reset(reference)
    assert loud.score(block) == FeatureEvidence(reference).score(block)


def test_a_constant_feature_never_alarms() -> None:
    """Nor does one that is constant but for one row in thousands."""
    rng = np.random.default_rng(4)
    features = np.column_stack([np.zeros(1_000), rng.random(1_000) < 2e-4, rng.normal(size=1_000)]).astype(np.float32)
    detector = FeatureEvidence(Reference.of_features(features), expected_run_length=1_000)
    for _ in range(60):
        drawn = np.column_stack([np.zeros(336), rng.random(336) < 2e-4, rng.normal(size=336)]).astype(np.float32)
        block = ScoredBlock.of_features(drawn)
        assert not detector.score(block).alarm
        detector.update(block)


def test_what_cannot_be_watched_is_refused() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(BlockError, match="expected a reference of 40 rows or more, got 20"):
        FeatureEvidence(Reference.of_features(rows(rng, 20)))
    with pytest.raises(BlockError, match="expected an expected run length"):
        FeatureEvidence(Reference.of_features(rows(rng, 100)), expected_run_length=1)
    for ignored in (("d",), ("0", "1", "2")):
        with pytest.raises(BlockError, match="expected features to ignore among 0, 1, 2"):
            FeatureEvidence(Reference.of_features(rows(rng, 100)), ignore=ignored)
    detector = FeatureEvidence(Reference.of_features(rows(rng, 100)))
    with pytest.raises(BlockError, match=r"expected 3 features, as in the reference; got shape \(5, 2\)"):
        detector.score(ScoredBlock.of_features(rows(rng, 5)[:, :2]))
