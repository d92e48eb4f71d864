"""A change of champion by hand ends with a command that goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import DataError, TrackingError
from drift.loop import proposals
from drift.loop.card import Card, DataSource
from drift.loop.events import RolledBack
from drift.loop.proposals import after_promotion, after_rollback

CARD = Card(("x",), ("no", "yes"), {}, (0, 2_900), (2_900, 3_000), "", DataSource("/data/two.csv", "a"))
SERVER = {"server": "http://h:1", "server_folder": None}
SCORES = "drift deploy --mlflow_experiment_name e --register_model_name two_model --data /data/two.csv --label a"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (3_500, f"next: to score later rows with version 4: {SCORES} --start_row 3000 --server http://h:1"),
        (3_010, f"{SCORES} --start_row 3000 --block_size 10 --test_data_rows 10 --server http://h:1"),
        (
            3_000,
            "next: no row is left to score with version 4: add later rows at the end of the table and then:"
            f" {SCORES} --server http://h:1",
        ),
    ],
)
def test_after_a_promotion_later_rows_are_scored(monkeypatch: pytest.MonkeyPatch, rows: int, line: str) -> None:
    monkeypatch.setattr(DataSource, "load", lambda source: range(rows))
    challenger = SimpleNamespace(version=SimpleNamespace(number=4), card=CARD, held_out=range(2_800, 3_000))
    ring: Any = SimpleNamespace(
        championship=SimpleNamespace(registry=SimpleNamespace(name="two_model")), experiment="e"
    )
    verdict: Any = SimpleNamespace(challenger=challenger)
    assert after_promotion(verdict, ring, SERVER).endswith(line)


@pytest.mark.parametrize("previous", [2, None])
@pytest.mark.parametrize("gone", [None, TrackingError("away"), DataError("no such file")])
def test_after_a_rollback_later_rows_are_scored_or_it_is_undone(
    monkeypatch: pytest.MonkeyPatch, previous: int | None, gone: Exception | None
) -> None:
    def card_of(*args: Any) -> Card:
        if gone is not None:
            raise gone
        return CARD

    monkeypatch.setattr(proposals, "card_of", card_of)
    monkeypatch.setattr(proposals, "experiment_of", lambda store, run: "e")
    monkeypatch.setattr(proposals, "last_row_seen", lambda *args: 3_200)
    monkeypatch.setattr(DataSource, "load", lambda source: range(4_000))
    registry = SimpleNamespace(name="two_model", store=None, get=lambda number: SimpleNamespace(run_id="r"))
    championship: Any = SimpleNamespace(registry=registry, journal=None)
    line = after_rollback(championship, RolledBack(1, previous, "ada", "no server"), {"server": None})
    status = "next: drift status --register_model_name two_model"
    assert line.startswith(
        f"next: to score later rows with version 1: {SCORES} --start_row 3200" if not gone else status
    )
    undo = "; to undo the rollback: drift rollback --register_model_name two_model"
    assert line.endswith(undo) is (previous is not None)
