"""A base model whose first promotion failed after it was registered is compared, or asked about, again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from drift.detect import mcnemar_test
from drift.errors import ServingError
from drift.loop import deploy as module
from drift.loop.card import DataSource
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine
from drift.loop.options import DeployOptions, PromoteMode
from drift.loop.releases.candidate import Candidate
from drift.loop.succession import Contest, Succession, undecided
from drift.tracking.registry import Version
from drift.tracking.runs.lookup import RunRecord
from tests.fakes import Listener

CHAMPION = Version(1, "r1", "m1", "s", {})
RUN = RunRecord("r2", "FINISHED", {"reference/accuracy": 0.7}, {}, {"drift.model_id": "m2", "drift.sha256": "s"})


def left(tags: Mapping[str, str] | None = None) -> Candidate:
    """A base run that was registered as version 2."""
    return Candidate(RUN, "drift", Version(2, "r2", "m2", "s", tags or {}), CHAMPION, 1, False)


def made(promoted: bool) -> Succession:
    """A comparison that the new model wins, or in which both are equal."""
    test = mcnemar_test(np.zeros(40, bool), np.full(40, promoted), level=0.05)
    return Succession(promoted, "--promote auto", "compared", test, range(300, 340))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    kept = Journal(tmp_path / "log.db")
    kept.audit("toy", AuditLine("deploy", None, 1, "ada", "first", {}))
    return kept


def succeed(monkeypatch: pytest.MonkeyPatch, journal: Journal, candidate: Candidate, mode: str) -> Succession | None:
    monkeypatch.setattr(Contest, "decide", lambda *args: made(True))
    monkeypatch.setattr(module, "_trusted_base", lambda *args: None)
    world = SimpleNamespace(journal=journal, ask_replacement=None, person="ada", tell=Listener())
    registry = SimpleNamespace(name="toy")
    options = DeployOptions(promote=PromoteMode(mode))
    return module.succession_of(candidate, cast(Any, registry), cast(Any, world), options, None, DataSource.load)


@pytest.mark.parametrize("mode", ["auto", "ask", "always", "never"])
def test_a_registered_but_undecided_model_is_decided(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, mode: str
) -> None:
    assert succeed(monkeypatch, journal, left(), mode) is not None


@pytest.mark.parametrize("action", ["deploy", "promote", "rollback", "repair"])
def test_a_former_champion_is_not_promoted_again(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, action: str
) -> None:
    journal.audit("toy", AuditLine(action, 1, 2, "ada", "better", {}))
    journal.audit("toy", AuditLine("rollback", 2, 1, "ada", "worse after all", {}))
    assert succeed(monkeypatch, journal, left(), "auto") is None
    assert succeed(monkeypatch, journal, left(), "always") is None


def test_a_refused_model_is_promoted_only_by_an_order(monkeypatch: pytest.MonkeyPatch, journal: Journal) -> None:
    refused = left({"drift.verdict": "refused"})
    assert succeed(monkeypatch, journal, refused, "auto") is None
    assert succeed(monkeypatch, journal, refused, "always") is not None


def test_another_model_s_trail_decides_nothing(journal: Journal) -> None:
    journal.audit("other", AuditLine("deploy", 1, 2, "ada", "of another name", {}))
    assert undecided(Version(2, "r2", "m2", "s", {}), CHAMPION, journal, "toy")
    assert not undecided(CHAMPION, CHAMPION, journal, "toy")


class Stage:
    """A championship whose registry counts versions; the server loads none while `broken`."""

    def __init__(self) -> None:
        self.tags: dict[int, dict[str, object]] = {}
        self.registered, self.refused = list[int](), list[int]()
        self.broken = True
        self.name, self.registry, self.tell = "toy", self, Listener()

    def register(self, model: object, run_id: str, **tags: object) -> Version:
        self.registered.append(2 + len(self.registered))
        return Version(self.registered[-1], run_id, "m2", "s", {})

    def tag(self, number: int, **values: object) -> None:
        self.tags.setdefault(number, {}).update(values)

    def promote(self, version: Version, **more: object) -> None:
        if self.broken:
            raise ServingError("does not come up")

    def refuse(self, version: Version, *args: object, **more: object) -> None:
        self.refused.append(version.number)

    def reconcile(self) -> Version:
        return CHAMPION

    def adopt_project_run(self, candidate: Candidate, succession: Succession | None) -> Version:
        return module.take_up(candidate, succession, cast(Any, self), person="ada", deployment="d")


@pytest.mark.parametrize("promoted", [True, False])
def test_the_same_version_is_decided_about_after_a_failure(promoted: bool) -> None:
    stage, new = Stage(), Candidate(RUN, "drift", None, CHAMPION, 1, False)
    with pytest.raises(ServingError):
        stage.adopt_project_run(new, made(True))
    assert (stage.registered, stage.tags) == ([2], {})
    stage.broken = False
    served = stage.adopt_project_run(left(), made(promoted))
    assert stage.registered == [2]  # not registered twice
    assert (served.number, stage.refused) == ((2, []) if promoted else (1, [2]))
    assert stage.tags == ({2: {"verdict": "promoted"}} if promoted else {})


def test_a_first_champion_is_marked_as_promoted() -> None:
    stage = Stage()
    stage.broken = False
    assert stage.adopt_project_run(Candidate(RUN, "drift", None, None, 1, False), None).number == 2
    assert stage.tags == {2: {"verdict": "promoted"}}
