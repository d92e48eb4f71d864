"""Measures beside formulas written out, and the figures that are known of ELEC."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from drift.datasets.elec import load_elec
from drift.metrics.stream import Baselines, baselines, stream_measures


def test_baselines_of_elec_are_the_known_ones() -> None:
    """Repeating the last label is right in .8533 of all rows but the first, the majority class in .5755."""
    labels = load_elec().labels
    found = baselines(labels, 1_007)
    assert baselines(labels, 1).no_change == pytest.approx(0.8533, abs=1e-4)
    assert max(np.bincount(labels)) / len(labels) == pytest.approx(0.5755, abs=1e-4)
    assert found.majority == pytest.approx((labels[1_007:] == np.bincount(labels[:1_007]).argmax()).mean())


def test_kappas() -> None:
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 3, 500), rng.integers(0, 3, 500)
    predictions[:300] = labels[:300]
    found = stream_measures(labels, predictions, Baselines(0.4, 0.85))
    assert found.accuracy == pytest.approx((labels == predictions).mean())
    assert found.kappa == pytest.approx(cohen_kappa_score(labels, predictions))
    assert found.kappa_m == pytest.approx((found.accuracy - 0.4) / 0.6)
    assert found.kappa_temporal == pytest.approx((found.accuracy - 0.85) / 0.15)
    assert found.kappa_temporal < 0 < found.kappa_m
    perfect = stream_measures(labels, labels, Baselines(0.4, 1.0))
    assert (perfect.kappa, perfect.kappa_m, perfect.kappa_temporal) == (1, 1, 0)
