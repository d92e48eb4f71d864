"""Ramps of severity over batches."""

import pytest

from drift.errors import UsageError
from drift.images.streams.evolution import RAMPS, Ramp


def over(ramp: Ramp, batches: int, **options: float) -> list[float]:
    return [ramp(index, batches, **options) for index in range(batches)]  # type: ignore[arg-type]


def test_the_registry_knows_them_all() -> None:
    assert list(RAMPS) == ["clean", "sudden", "gradual", "recurring"]


def test_what_each_looks_like() -> None:
    assert over(RAMPS["clean"], 4) == [0, 0, 0, 0]
    assert over(RAMPS["sudden"], 5, start=0.4, severity=0.7) == [0, 0, 0.7, 0.7, 0.7]
    assert over(RAMPS["gradual"], 6, start=1 / 3, severity=0.8) == pytest.approx([0, 0, 0.2, 0.4, 0.6, 0.8])
    assert over(RAMPS["recurring"], 9, start=0.1, severity=1.0, period=2) == [0, 1, 1, 0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("name", RAMPS)
def test_every_ramp_stays_in_its_range(name: str) -> None:
    """Nothing before the start, at most `severity` after it, and nothing at all where it starts after the end."""
    for batches in (1, 2, 7, 40):
        for start in (0.0, 0.5, 1.0):
            ramp = over(RAMPS[name], batches, start=start, severity=0.6)
            assert max(ramp) <= 0.6
            assert not any(ramp[: round(start * batches)])
            if name != "clean" and start < 1 and round(start * batches) < batches:
                assert max(ramp) == pytest.approx(0.6)
    assert over(RAMPS[name], 10, severity=0.0) == [0] * 10


@pytest.mark.parametrize(
    ("index", "options", "said"),
    [
        (10, {}, "expected a batch from 0 to 9, got 10"),
        (-1, {}, "expected a batch from 0 to 9, got -1"),
        (0, {"start": 1.5}, "share of the batches from 0 to 1, got 1.5"),
        (0, {"severity": -0.5}, "severity from 0 .* to 1 .*, got -0.5"),
        (0, {"period": 0}, "period of 1 batch or more, got 0"),
    ],
)
@pytest.mark.parametrize("name", RAMPS)
def test_values_out_of_range_are_refused(name: str, index: int, options: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        RAMPS[name](index, 10, **options)  # type: ignore[arg-type]
