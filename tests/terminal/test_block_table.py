"""The table of scored blocks fits the terminal, whatever the rows, the versions and the times."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from drift.detect import Score, ThresholdForecast
from drift.policies.history import BlockRecord
from drift.terminal.block_table import DEFAULT_WIDTH, block_line, columns_that_fit, header_line

BLOCK = BlockRecord(
    15, 22464, 22800, "1997-08-17T23:30:00", "1997-08-24T23:30:00", 3, 186, 0.913, 0.1, True,
    tuple(Score(name, 0.5, p) for name, p in (("accuracy", 3.8e-05), ("features", 2.5e-95), ("predictions", 1.2e-11))),
    180, "2026-01-01T00:00:00",
)  # fmt: skip
FORECAST = ThresholdForecast(0.7, 12, 10, 30, level=0.8, horizon=50, probability_next=0.05)
LARGEST = replace(BLOCK, index=99_999, start=9_999_664, stop=10_000_000, version=999)


@pytest.mark.parametrize("last_time", [BLOCK.last_time, None])
@pytest.mark.parametrize("width", [79, 99, 119])
def test_largest_block_fits_and_stays_under_its_header(last_time: str | None, width: int) -> None:
    columns = columns_that_fit(replace(BLOCK, last_time=last_time), width)
    header = header_line(columns)
    line = block_line(columns, replace(LARGEST, last_time=last_time), FORECAST)
    assert len(header) <= width
    assert len(line) <= width
    assert line.endswith("12[10,30]")
    assert header.index("p acc.") + len("p acc.") == line.index("3.8e-05") + len("3.8e-05")


def test_default_table_has_block_row_time_version_and_p_values() -> None:
    line = block_line(columns_that_fit(BLOCK, DEFAULT_WIDTH), BLOCK, None)
    assert line.split() == [
        "15", "22464", "1997-08-24", "23:30", "3", "0.554", "3.8e-05", "<", "1e-12", "1.2e-11",
    ]  # fmt: skip


def test_a_wide_terminal_shows_every_column() -> None:
    headers = [column.header for column in columns_that_fit(BLOCK, 119)]
    assert headers == [
        "block", "rows", "until", "v", "accuracy", "wrong", "conf.", "p acc.", "p feat.", "p pred.", "below in",
    ]  # fmt: skip
    line = block_line(columns_that_fit(BLOCK, 119), BLOCK, None)
    assert "22464–22799" in line
    assert "  150  0.913" in line


def test_a_forecast_beyond_the_horizon_fits() -> None:
    beyond = replace(FORECAST, median=math.inf, low=9, high=math.inf)
    line = block_line(columns_that_fit(BLOCK, DEFAULT_WIDTH), LARGEST, beyond)
    assert line.endswith(">50 [9,-]")
    assert len(line) <= DEFAULT_WIDTH
