"""A deployment that was interrupted between two tries goes on with the next one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from drift.errors import TrainingError
from drift.loop import running as module
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine, Deployment
from drift.loop.options import DeployOptions, PromoteMode, RetrainOptions
from drift.loop.releases.promote import Championship
from drift.loop.retraining.approval import Approval
from drift.loop.running import RunningDeployment
from drift.loop.scoring.score import Progress
from drift.tracking.registry import Version
from tests.fakes import Listener

IDENTITY = "toy-20260101-000000-abcd"


class Stage:
    """A deployment whose blocks 0 to 2 are scored and whose last one, or end, is not decided."""

    def __init__(self, folder: Path, *, champion: int = 1) -> None:
        self.journal = Journal(folder / "log.db")
        deployment = Deployment(IDENTITY, "toy", "run", {}, 1, 0, 60, "running", 0, "now")
        self.journal.begin(deployment)
        self.progress = Progress([cast(Any, SimpleNamespace(index=n)) for n in range(3)], [])
        options = DeployOptions(retrain=RetrainOptions(until_accepted=3), promote=PromoteMode.AUTO)
        registry = SimpleNamespace(champion=lambda: Version(champion, "r", "m", "s", {}))
        world = SimpleNamespace(journal=self.journal, ask_promotion=None, person="ada", tell=Listener())
        unused = cast(Any, None)
        championship = Championship(cast(Any, registry), unused, self.journal, unused, Listener())
        self.running = RunningDeployment(cast(Any, world), deployment, options, unused, championship, unused, unused)

    def line(self, action: str = "refuse", *, block: int = 2, number: int = 0) -> None:
        """An audit line of a challenge; of try `number` of 4, where one is named."""
        evidence = {
            "deployment": IDENTITY, "block": block, "agreed_by": "ada", "flag": {}, "challenger": 7, "comparison": {},
        }  # fmt: skip
        more = {"try": number, "tries": 4} if number else {}
        to = 7 if action == "promote" else 1
        self.journal.audit("toy", AuditLine(action, 1, to, "--promote auto", "not better", evidence | more))

    def settled(self) -> list[tuple[int, str]]:
        self.running.settle(self.progress)
        kept = [(made.block, made.outcome) for made in self.journal.decisions(IDENTITY)]
        assert kept == [(made.block, made.outcome) for made in self.progress.decisions]
        return kept


@pytest.mark.parametrize("block", [2, 3])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_refusal_before_the_last_try_is_no_decision(tmp_path: Path, number: int, block: int) -> None:
    stage = Stage(tmp_path)
    for earlier in range(1, number + 1):
        stage.line(block=block, number=earlier)
    assert stage.settled() == []


def test_the_last_refusal_is_the_decision(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for number in (1, 2, 3, 4):
        stage.line(number=number)
    assert stage.settled() == [(2, "refused")]


def test_a_refusal_without_tries_is_the_decision(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.line()
    assert stage.settled() == [(2, "refused")]


def test_a_promotion_by_any_try_is_the_decision(tmp_path: Path) -> None:
    stage = Stage(tmp_path, champion=7)
    stage.line(number=1)
    stage.line("promote", number=2)
    assert stage.settled() == [(2, "promoted")]


def test_another_champion_ends_the_tries(tmp_path: Path) -> None:
    stage = Stage(tmp_path, champion=5)
    stage.line(number=1)
    assert stage.settled() == [(2, "refused")]


@pytest.mark.parametrize(("refused", "first"), [(0, 1), (1, 2), (3, 4)])
def test_the_challenge_goes_on_with_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int, first: int
) -> None:
    stage, begun = Stage(tmp_path), list[int]()
    stage.line(block=1, number=4)  # of another block
    for number in range(1, refused + 1):
        stage.line(number=number)

    def challenge(*args: Any, first_try: int, **more: Any) -> None:
        begun.append(first_try)
        raise TrainingError("enough")

    monkeypatch.setattr(module, "challenge", challenge)
    flag = SimpleNamespace(block=2, reason="drift", evidence={}, window_rows=None)
    record = SimpleNamespace(index=2, stop=60)
    consent = Approval(True, "ada", "yes")
    made = stage.running.challenge_champion(cast(Any, record), consent, cast(Any, flag), Listener())
    assert (begun, made.outcome) == ([first], "failed")
