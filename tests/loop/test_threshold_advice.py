"""A threshold above what the model was accepted with is warned of, and one that flags 1 block in 100 is proposed."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from drift.loop.threshold_advice import threshold_advice


@pytest.mark.parametrize("accuracy", [0.51, 0.68, 0.734, 0.9, 0.999])
@pytest.mark.parametrize("rows", [20, 50, 336, 1_000])
def test_the_proposal_flags_one_block_in_100_and_is_highest(accuracy: float, rows: int) -> None:
    advice = threshold_advice(1.0, accuracy, rows)
    assert advice is not None
    assert advice.proposed is not None
    counts = range(rows + 1)
    flagged = sum(binom.pmf(right, rows, accuracy) for right in counts if right / rows < advice.proposed)
    lowest_kept = next(right for right in counts if right / rows >= advice.proposed)
    assert flagged <= 0.01
    assert flagged + binom.pmf(lowest_kept, rows, accuracy) > 0.01
    assert f"--threshold_accuracy {advice.proposed:.10g} flags at most 1 block in 100" in advice.words


@pytest.mark.parametrize(
    ("threshold", "warned"), [(0.55, False), (0.66, False), (0.685, True), (0.7, True), (0.99, True)]
)
def test_thresholds_that_flag_most_blocks_are_warned_of(threshold: float, warned: bool) -> None:
    advice = threshold_advice(threshold, 0.68, 1_000)
    assert (advice is not None) is warned
    if advice is not None:
        right = [count for count in range(1_001) if count / 1_000 < threshold]
        assert advice.flagged_share == pytest.approx(binom.cdf(max(right), 1_000, 0.68))


def test_blocks_too_small_for_any_threshold_are_named() -> None:
    advice = threshold_advice(0.9, 0.5, 5)
    assert advice is not None
    assert advice.proposed is None
    assert "take a larger --block_size" in advice.words
