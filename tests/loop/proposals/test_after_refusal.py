"""A retrain by hand that was refused ends with a command that goes on."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from drift.loop.card import Card, DataSource
from drift.loop.events import Notice
from drift.loop.options import PromoteMode, RetrainOptions
from drift.loop.proposals import after_refusal
from drift.loop.retraining import challenge as module
from tests.fakes import Listener

CARD = Card(("x",), ("no", "yes"), {}, (0, 2_900), (2_900, 3_000), "", DataSource("/data/two.csv", "a"))
NO_SERVER = {"server": None, "server_folder": None}


def told(options: RetrainOptions, *, mode: str = "auto", server: dict[str, Any] | None = None, new: int = 9) -> str:
    """After challenger 4 was refused on rows up to 2,999."""
    challenger = SimpleNamespace(
        version=SimpleNamespace(number=4), card=CARD, held_out=range(2_800, 3_000), new_rows=new
    )
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


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        (3_000, "no row is left to score: add later rows at the end of the table first"),
        (3_500, "to score later ones first: drift deploy --mlflow_experiment_name 'my runs' --register_model_name"),
    ],
)
def test_without_a_new_row_later_ones_are_scored_first(monkeypatch: pytest.MonkeyPatch, rows: int, first: str) -> None:
    monkeypatch.setattr(DataSource, "load", lambda source: range(rows))
    line = told(RetrainOptions(), new=0)
    assert line.startswith(f"version 4 was refused; no row was new, {first}")
    assert ("--start_row 3000; " in line) is (rows > 3_000)
    assert "; to try again without, also with larger searches and other windows: drift retrain " in line
    assert line.endswith("--until_accepted 2")


@pytest.mark.parametrize(("stop", "said"), [(3_000, True), (3_020, False)])
def test_a_retrain_without_a_new_row_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch, stop: int, said: bool) -> None:
    """Before it trains, and it trains all the same."""
    listener, run = Listener(), SimpleNamespace(challenger=SimpleNamespace(run_id="r"))
    store = SimpleNamespace(experiment_id=lambda name, create: "1")
    registry = SimpleNamespace(name="m", store=store)
    champion = SimpleNamespace(number=5)
    home = SimpleNamespace(lock=lambda name, doing: nullcontext())
    championship = SimpleNamespace(
        registry=registry, home=home, journal=None, tell=listener, reconcile=lambda: champion
    )
    ring: Any = SimpleNamespace(championship=championship, experiment="e", options=RetrainOptions())
    found = SimpleNamespace(seen=3_000, source=SimpleNamespace(load=lambda: None), fit_to=lambda table: table)
    heard = list[int]()

    def challenge(*args: Any, **more: Any) -> Any:
        heard.append(len(listener.events))
        return run

    for name, value in {
        "end_forgotten": lambda *args, **more: [], "card_of": lambda *args: found, "challenge": challenge,
        "last_row_seen": lambda *args: stop, "link_project_run": lambda *args: None,
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, value)
    module.retrain_on_latest(ring)
    assert heard == [int(said)]
    texts = [event.text for event in listener.events if isinstance(event, Notice)]
    assert [text.partition(":")[0] for text in texts] == (["no row is new since version 5 was made"] if said else [])
