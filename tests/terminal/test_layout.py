"""Tables and lines of prose at 80 and 120 columns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from drift.comparison import compare_tables
from drift.comparison.text import lines
from drift.images.results.summaries import text_table
from drift.replays.summary import PolicySummary, table_lines
from drift.terminal import fold, line_width

COLUMNS = ("batch", "severity", "accuracy", "confidence", "calibration error", "mmd_fused", "untrained_autoencoder")
ROWS = [
    ("0", "0.00", "0.970", "0.951", "0.010", "0.23", "0.2"),
    ("19", "1.00", "0.310", "0.951", "0.310", "⚑ < 1e-12", "⚑ over 1,000,000 of 200"),
]


@pytest.mark.parametrize("width", [79, 119])
def test_tables_of_images_fit_and_lose_no_cell(width: int) -> None:
    text = text_table(COLUMNS, ROWS, width)
    assert max(map(len, text)) <= width
    for row in ROWS:
        assert all(any(cell in line for line in text) for cell in row)


@pytest.mark.parametrize("width", [79, 119])
def test_tables_of_replay_fit(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    line = PolicySummary(
        "page_hinkley@change+recall", retrains=10, accuracy=0.7412, spread=0.0012, recovered=1.0, kappa=0.4,
        kappa_m=0.4, kappa_temporal=-0.123, alarms=12, false_alarms=None, delay=None, seconds=1234.5,
    )  # fmt: skip
    monkeypatch.setattr("drift.replays.summary.policy_summaries", lambda results: [line])
    baselines = SimpleNamespace(majority=0.5, no_change=0.6)
    results = SimpleNamespace(outcomes=[1, 2], names=["one"], baselines=baselines)  # of two seeds
    *text, _ = table_lines(cast(Any, results), width=width)
    assert max(map(len, text)) <= width
    assert all("0.7412" in line or "accuracy" in line for line in text)


@pytest.mark.parametrize("width", [79, 119])
def test_tables_of_compare_fit(width: int) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"a_long_name_{at}": rng.normal(size=300) for at in range(3)})
    found = compare_tables(frame, frame + 3, permutations=99)
    text = list(lines(found, width=width))
    table = text[text.index("") + 1 : text.index("") + 5]
    assert table[0].split()[0] == "column"
    assert max(map(len, table)) <= width
    assert all("a_long_name_" in line for line in table[1:])


def test_prose_is_folded_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "2026-11-30 02:43:15  deploy    – → 1    ada: " + "a reason " * 20
    monkeypatch.setenv("COLUMNS", "80")
    assert line_width() == 79
    folded = fold(line.strip(), indent=21).splitlines()
    assert max(map(len, folded)) <= 79
    assert all(part.startswith(" " * 21 + "reason") or part.startswith(" " * 21 + "a") for part in folded[1:])
    assert " ".join(part.strip() for part in folded) == line.strip()
