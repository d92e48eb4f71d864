"""P-values have one definition and one rounding, wherever they are shown."""

from __future__ import annotations

import pytest

from drift.detect import AccuracyDrop, Score
from drift.detect.permutation.p_values import format_p_value, p_text
from drift.policies.history import History
from drift.policies.threshold import BelowThreshold
from tests.fakes import SignPredictor, stream


@pytest.mark.parametrize("p_value", [5e-324, 1e-12, 0.000999, 0.01449, 0.0196, 0.999, 1.0])
def test_a_p_value_is_short_and_never_zero(p_value: float) -> None:
    text = format_p_value(p_value)
    assert len(text) <= 7
    assert float(text.removeprefix("< ")) > 0
    assert Score("x", 0.0, p_value).words == f"p {p_text(p_value)}"


def test_the_question_and_the_table_show_one_p_value() -> None:
    """The evidence of a flag is the p-value of the detector `accuracy` on the same block."""
    from drift.data.blocks import ScoredBlock
    from drift.policies.history import BlockRecord

    table, predictor = stream(300, drift_at=200), SignPredictor(1)
    reference = predictor.reference(table, range(100))
    noisy = type(reference)(
        reference.features, reference.labels.copy(), reference.probabilities, reference.names, reference.class_names
    )
    noisy.labels[:20] = 1 - noisy.labels[:20]
    block = table.block(0, range(200, 230))
    scored = ScoredBlock(block, predictor.predict(block.features), 0.1)
    score = AccuracyDrop(noisy).score(scored)
    record = BlockRecord.of(scored, (score,), first_champion_correct=0, scored_at="")
    evidence = (
        BelowThreshold(0.9).decide(History([record], noisy.accuracy, (), (round(noisy.accuracy * 100), 100))).evidence
    )
    assert evidence["chance"] == pytest.approx(score.p_value, rel=1e-12)
    assert evidence["recent_chance"] == pytest.approx(score.p_value, rel=1e-12)
