"""Exact tests of an accuracy."""

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact

from drift.detect import chance_of_at_most
from drift.detect.accuracy.block_tests import chance_band, drop_p_value


def test_a_drop_is_judged_as_fisher_would() -> None:
    for correct, rows, reference_correct, reference_rows in ((10, 20, 30, 40), (0, 5, 700, 800), (20, 20, 40, 40)):
        table = [[correct, rows - correct], [reference_correct, reference_rows - reference_correct]]
        expected = fisher_exact(np.asarray(table), alternative="less").pvalue
        assert drop_p_value(correct, rows, reference_correct, reference_rows) == pytest.approx(expected, rel=1e-9)


def test_no_p_value_is_zero() -> None:
    assert drop_p_value(0, 20_000, 20_000, 20_000) > 0


def test_chance_equals_the_binomial_distribution() -> None:
    for correct, n, accuracy in ((10, 20, 0.7), (0, 20, 0.55), (20, 20, 0.99)):
        assert chance_of_at_most(correct, n, accuracy) == pytest.approx(binom.cdf(correct, n, accuracy), rel=1e-12)


def test_chance_band_holds_what_it_says() -> None:
    low, high = chance_band(336, 0.7)
    inside = binom.cdf(round(high * 336), 336, 0.7) - binom.cdf(round(low * 336) - 1, 336, 0.7)
    assert 0.95 <= inside < 0.97
