"""No version is judged by rows that it had seen when it was made: not after an interruption, and not while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import StateError
from drift.loop import deploy as deploying
from drift.loop.card import DataSource
from drift.loop.events import Notice
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment, now
from drift.loop.options import DeployOptions
from drift.loop.project_dir import ProjectDir
from drift.loop.scoring import rows as seen_rows
from tests.fakes import FakeRegistry, Listener, stream
from tests.loop.releases.test_external_changes import switched

TABLE = stream(1_000, drift_at=1_000)
OPTIONS = DeployOptions(model_name="toy", block_size=10)


class StartedError(Exception):
    """The server would be started now."""


class Stage:
    """A deployment of rows 100 to 399 with version 1 that was interrupted before row 200; version 2 is champion."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, seen: Mapping[int, int]) -> None:
        self.home = ProjectDir(folder)
        self.journal, self.tell = Journal(self.home.log), Listener()
        self.registry = FakeRegistry(aliases={"champion": 2, "previous": 1})
        self.begin("toy-a", range(100, 400))
        self.scored = {"toy-a": range(100, 200)}
        monkeypatch.setattr(Journal, "scored", lambda journal, model: self.scored)

        def card(registry: object, version: Any) -> Any:
            return SimpleNamespace(seen=seen[version.number], fit_to=lambda table: table)

        for module in (deploying, seen_rows):
            monkeypatch.setattr(module, "card_of", card)
        monkeypatch.setattr(DataSource, "load", lambda source: TABLE)

        def served(options: object, identity: object) -> Any:
            raise StartedError

        self.world: Any = SimpleNamespace(
            journal=self.journal, home=self.home, tell=self.tell, store=None, server={}, served=served,
            registry=lambda name: self.registry,
            alone=lambda identity: self.home.lock(f"deployment-{identity}", doing=f"running deployment {identity}"),
        )  # fmt: skip

    def begin(self, name: str, rows: range) -> None:
        told = {"source": asdict(DataSource()), "digest": TABLE.digest(range(rows.stop))}
        options = OPTIONS.to_json() | told
        made = Deployment(name, "toy", "run", options, 1, rows.start, rows.stop, "interrupted", 0, now())
        self.journal.begin(made)

    def resume(self) -> None:
        deploying.resume(self.world, "toy")


def test_a_resume_is_refused_where_the_champion_has_seen_the_next_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, monkeypatch, seen={1: 100, 2: 300})
    with pytest.raises(StateError) as refused:
        stage.resume()
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith(
        "deployment toy-a cannot go on at row 200: version 2 would answer, which had seen the rows up to 299 when it"
        " was made; to score rows that are new to it, which ends deployment toy-a: drift deploy"
    )
    command = text.partition("toy-a: ")[2].partition(";")[0]
    assert "--start_row 300" in command
    assert "--block_size 10" in command
    rolled_back = "to go on with version 1 instead, run drift rollback --register_model_name toy before --resume"
    assert text.endswith(rolled_back)
    stage.registry.aliases = {"champion": 1, "previous": 2}
    with pytest.raises(StartedError):
        stage.resume()


def test_without_a_new_row_or_another_version_neither_command_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, monkeypatch, seen={1: 201, 2: 995})
    with pytest.raises(StateError, match="no block of toy is new to it: add later rows at its end") as refused:
        stage.resume()
    assert "drift " not in str(refused.value)


@pytest.mark.parametrize(("seen", "scored"), [(200, 200), (300, 400)])
def test_what_is_new_to_the_champion_or_only_to_be_ended_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: int, scored: int
) -> None:
    """A version that the deployment promoted itself has seen the rows up to its last block, and no later ones."""
    stage = Stage(tmp_path, monkeypatch, seen={1: 100, 2: seen})
    stage.scored = {"toy-a": range(100, scored)}
    with pytest.raises(StartedError):
        stage.resume()


def test_a_deployment_before_its_first_block_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, monkeypatch, seen={1: 100, 2: 101})
    stage.scored = {}
    with pytest.raises(StateError, match="cannot go on at row 100"):
        stage.resume()


def test_a_new_deployment_ends_those_that_cannot_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one whose rows are new to the champion, nor one that only has its end left, nor one that is under way."""
    stage = Stage(tmp_path, monkeypatch, seen={})
    stage.begin("toy-b", range(300, 500))
    stage.begin("toy-c", range(100, 200))
    stage.begin("toy-d", range(100, 300))
    stage.scored |= {"toy-c": range(100, 200)}
    with stage.home.lock("deployment-toy-d", doing="running"):
        deploying.end_left_behind(stage.world, "toy", 2, 300)
    states = {made.id: made.state for made in stage.journal.deployments("toy")}
    assert states == dict.fromkeys(("toy-b", "toy-c", "toy-d"), "interrupted") | {"toy-a": "superseded"}
    (said,) = (event.text for event in stage.tell.events if isinstance(event, Notice))
    assert said == "deployment toy-a ends with this one: version 2 has seen the rows that it had left"
    assert "toy-a" not in {made.id for made in seen_rows.left_behind(stage.journal, "toy", 300)}


def test_what_was_superseded_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, monkeypatch, seen={})
    stage.journal.set_state("toy-a", "superseded")
    with pytest.raises(StateError, match="there is no unfinished deployment of toy"):
        deploying.unfinished(stage.journal, "toy")


def test_a_running_deployment_warns_once_of_a_version_that_has_seen_its_rows(tmp_path: Path) -> None:
    """Blocks of 40 rows from row 200 on: version 2 answers from row 280 on and has seen those before row 390."""
    story = switched(tmp_path, {2: 2})
    story.parts.seen = lambda version: {1: 200, 2: 390}[version]
    story.run()
    warned = [event.text for event in story.listener.events if isinstance(event, Notice) and "had seen" in event.text]
    assert warned == [seen_rows.seen_words(2, 390)]
    seen = {1: 200, 2: 390}
    assert [block.index for block in story.progress.blocks if seen_rows.has_seen(block, seen)] == [2, 3, 4]
    assert warned[0].startswith("version 2 had seen the rows up to 389 when it was made")
