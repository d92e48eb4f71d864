"""Tables and lines of prose at 80 and 120 columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from drift.comparison import compare_tables
from drift.comparison.text import lines
from drift.images.results.summaries import text_table
from drift.replays.summary import _fitted
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
def test_tables_of_replay_fit(width: int) -> None:
    header = ["policy", "retrains", "accuracy", "± seeds", "of hindsight", "kappa-t", "alarms", "seconds"]
    row = ["page_hinkley@change+recall", "10", "0.7412", "0.0012", "100%", "-0.123", "12", "1234.5"]
    text = list(_fitted([header, row], width))
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
