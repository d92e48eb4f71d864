"""What a small reference does to false alarms: the figures that the warning gives."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from drift.detect import small_reference


def alarm_rates(reference_rows: int, *, block_rows: int = 200, references: int = 60, blocks: int = 100) -> np.ndarray:
    """Share of blocks without drift that alarm at level .05, for each of several references."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(references):
        reference = rng.normal(size=reference_rows)
        p_values = [ks_2samp(reference, rng.normal(size=block_rows), method="asymp").pvalue for _ in range(blocks)]
        rates.append(np.mean(np.asarray(p_values) <= 0.05))
    return np.asarray(rates)


@pytest.mark.slow
def test_alarms_depend_on_the_reference_where_it_is_small() -> None:
    """At 200 against 200, from 0.00 to 0.20 and 0.05 on average; ten blocks of reference halve the spread at least."""
    small, large = alarm_rates(200), alarm_rates(2_000)
    assert small.min() <= 0.005
    assert 0.15 <= small.max() <= 0.25
    assert 0.03 <= small.mean() <= 0.06
    assert large.std() < small.std() / 1.5
    assert large.max() <= 0.15


def test_the_sentence_comes_below_ten_blocks() -> None:
    assert small_reference(2_000, 200) is None
    sentence = small_reference(1_999, 200)
    assert sentence is not None
    assert sentence.startswith("the reference has 1,999 rows, fewer than 10 blocks of 200")
    assert "between 0.00 and 0.20" in sentence
