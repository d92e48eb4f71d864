"""A retrain by hand that was refused ends with a command that goes on."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from drift.loop.after_refusal import after_refusal
from drift.loop.cards import Card, DataSource
from drift.loop.consent import PromoteMode
from drift.loop.retrain import RetrainOptions

CARD = Card(("x",), ("no", "yes"), {}, (0, 2_900), (2_900, 3_000), "", DataSource("/data/two.csv", "a"))
NO_SERVER = {"server": None, "server_folder": None}


def told(options: RetrainOptions, *, mode: str = "auto", server: dict[str, Any] | None = None) -> str:
    """After challenger 4 was refused on rows up to 2,999."""
    challenger = SimpleNamespace(version=SimpleNamespace(number=4), card=CARD, held_out=range(2_800, 3_000))
    verdict: Any = SimpleNamespace(challenger=challenger)
    registry = SimpleNamespace(name="two_model")
    ring: Any = SimpleNamespace(
        championship=SimpleNamespace(registry=registry), options=options, experiment="my runs", mode=PromoteMode(mode)
    )
    return after_refusal(verdict, ring, server or NO_SERVER)


@pytest.mark.parametrize("mode", ["auto", "ask", "never"])
def test_further_tries_are_proposed_first(mode: str) -> None:
    line = told(RetrainOptions(window_rows=800), mode=mode, server={"server": "http://h:1", "server_folder": "/s"})
    begins = "version 4 was refused; to try again, also with larger searches and other windows: drift retrain "
    assert line.startswith(f"{begins}--mlflow_experiment_name 'my runs' --register_model_name two_model ")
    words = shlex.split(line)
    named = {name: words[words.index(f"--{name}") + 1] for name in ("until_accepted", "window_rows", "server")}
    assert named == {"until_accepted": "2", "window_rows": "800", "server": "http://h:1"}
    assert ("--promote" in words) is (mode != "never")  # which accepts none, however many are tried


@pytest.mark.parametrize(
    ("rows", "ends"),
    [
        (3_000, "; no row is left to score: add later rows at the end of the table"),
        (3_019, " --start_row 3000 --block_size 19 --test_data_rows 19"),
        (3_020, " --start_row 3000"),
    ],
)
def test_after_all_tries_more_rows_are_needed(monkeypatch: pytest.MonkeyPatch, rows: int, ends: str) -> None:
    monkeypatch.setattr(DataSource, "load", lambda source: range(rows))
    line = told(RetrainOptions(until_accepted=1))
    needed = "version 4 was refused, as all tries were: more new rows are needed"
    command = (
        "; to score later ones: drift deploy --mlflow_experiment_name 'my runs' --register_model_name two_model"
        " --data /data/two.csv --label a"
    )
    assert line == needed + ("" if rows == 3_000 else command) + ends
