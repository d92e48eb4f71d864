"""Registry and server move together or not at all, and a crash in between is mended."""

from pathlib import Path

import pytest

from drift.errors import ChampionChangedError, DriftError, StateError, TrackingError
from drift.loop import promote as module
from drift.loop.events import Said
from drift.loop.home import Home
from drift.loop.journal import Journal
from drift.loop.records import AuditLine
from tests.fakes import FakeRegistry, FakeService, Listener


class Stage:
    """A registry with champion 1 and a server that serves it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / ".drift")
        self.journal = Journal(self.home.log)
        self.registry = FakeRegistry(aliases={"champion": 1, "challenger": 2})
        self.service = FakeService(loaded={1}, default_version=1)
        self.listener = Listener()

    def promote(self, number: int = 2, *, instead_of: int | None = None) -> None:
        module.promote(
            self.registry.get(number),
            registry=self.registry,  # type: ignore[arg-type]
            service=self.service,
            journal=self.journal,
            home=self.home,
            by="ada",
            reason="better",
            evidence={"p": 0.01},
            tell=self.listener,
            instead_of=instead_of,
        )

    def rollback(self) -> None:
        module.rollback(
            registry=self.registry,  # type: ignore[arg-type]
            service=self.service,
            journal=self.journal,
            home=self.home,
            by="ada",
            reason="worse after all",
            tell=self.listener,
            served_by="the server",
        )

    def reconcile(self) -> int:
        registry = self.registry
        return module.reconcile(
            registry=registry,  # type: ignore[arg-type]
            service=self.service,
            journal=self.journal,
            home=self.home,
            tell=self.listener,
        ).number


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    def load(registry: object, version: object, service: FakeService) -> None:
        service.load(Path("x.mar"), version.number)  # type: ignore[attr-defined]

    monkeypatch.setattr(module, "load_version", load)
    return Stage(tmp_path)


def test_promotion_moves_everything(stage: Stage) -> None:
    stage.promote()
    assert stage.registry.aliases == {"champion": 2, "previous": 1}
    assert stage.service.default_version == 2
    assert stage.service.loaded == {1, 2}
    (line,) = stage.journal.trail("toy")
    assert (line.action, line.from_version, line.to_version, line.by) == ("promote", 1, 2, "ada")
    assert stage.listener.names() == ["Promoted"]


def test_older_versions_are_retired_at_the_next_promotion(stage: Stage) -> None:
    stage.promote(2)
    stage.promote(3)
    assert stage.service.loaded == {2, 3}
    assert stage.registry.aliases == {"champion": 3, "previous": 2}


@pytest.mark.parametrize("fault", ["load", "previous", "champion"])
def test_a_failure_leaves_both_as_they_were(stage: Stage, fault: str) -> None:
    if fault == "load":
        stage.service.broken = {2}
    else:
        stage.registry.fails = {fault}
    with pytest.raises(DriftError):
        stage.promote()
    assert stage.registry.aliases == {"champion": 1, "challenger": 2}
    assert stage.service.default_version == 1
    assert stage.journal.trail() == []
    assert stage.listener.events == []


def test_rollback_and_back_again(stage: Stage) -> None:
    stage.promote()
    stage.rollback()
    assert stage.registry.aliases == {"champion": 1, "previous": 2}
    assert stage.service.default_version == 1
    stage.rollback()
    assert stage.registry.aliases == {"champion": 2, "previous": 1}
    assert [line.action for line in stage.journal.trail()] == ["promote", "rollback", "rollback"]


def test_rollback_without_a_previous_version_is_refused(stage: Stage) -> None:
    with pytest.raises(TrackingError, match="toy has no previous version to go back to; version 1 stays champion"):
        stage.rollback()


def test_reconcile_lets_the_server_follow_the_registry(stage: Stage) -> None:
    """A crash after the server's default moved and before the alias did: the alias wins."""
    stage.service.loaded, stage.service.default_version = {1, 2}, 2
    assert stage.reconcile() == 1
    assert stage.service.default_version == 1
    assert [line.action for line in stage.journal.trail()] == ["repair"]


def test_reconcile_tells_the_trail_of_a_move_it_missed(stage: Stage) -> None:
    """A crash after the alias moved and before the audit line."""
    stage.journal.audit("toy", AuditLine("deploy", None, 1, "ada", "first", {}))
    stage.registry.aliases = {"champion": 2, "previous": 1}
    stage.service.loaded, stage.service.default_version = {1, 2}, 2
    assert stage.reconcile() == 2
    assert [(line.action, line.from_version, line.to_version) for line in stage.journal.trail()][-1] == ("repair", 1, 2)
    assert stage.reconcile() == 2
    assert len(stage.journal.trail()) == 2


@pytest.mark.parametrize("alias", ["previous", "champion"])
def test_an_interruption_is_undone_like_an_error(stage: Stage, alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point = stage.registry.point

    def interrupted(name: str, number: int) -> None:
        point(name, number)
        if name == alias and number in (1, 2) and not stage.listener.events:
            stage.listener(Said("interrupted"))
            raise KeyboardInterrupt

    monkeypatch.setattr(stage.registry, "point", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.promote()
    assert stage.registry.aliases == {"champion": 1, "challenger": 2}
    assert stage.service.default_version == 1
    assert stage.journal.trail() == []


def test_what_cannot_be_tidied_up_does_not_undo_a_promotion(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(alias: str) -> None:
        raise TrackingError("away")

    monkeypatch.setattr(stage.registry, "unpoint", fails)
    stage.promote()
    assert stage.registry.aliases["champion"] == stage.service.default_version == 2
    assert [line.action for line in stage.journal.trail()] == ["promote"]
    assert stage.listener.names() == ["Promoted", "Said"]


def test_a_challenger_does_not_replace_a_champion_it_was_not_compared_with(stage: Stage) -> None:
    stage.registry.aliases["champion"] = 5
    stage.service.loaded, stage.service.default_version = {5}, 5
    with pytest.raises(ChampionChangedError, match="compared with version 1, but version 5 is champion by now"):
        stage.promote(instead_of=1)
    assert stage.registry.aliases["champion"] == 5
    stage.promote(instead_of=5)
    assert stage.registry.aliases["champion"] == 2


def test_a_crash_between_alias_and_audit_keeps_the_evidence(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(model: str, line: AuditLine) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(stage.journal, "audit", dies)
        with pytest.raises(SystemExit):
            stage.promote()
    assert stage.registry.aliases["champion"] == 2
    assert stage.reconcile() == 2
    (line,) = stage.journal.trail()
    assert (line.action, line.by, line.evidence) == ("promote", "ada", {"p": 0.01})
    assert stage.journal.intended("toy") is None


def test_two_at_once_are_refused(stage: Stage) -> None:
    with stage.home.lock("champion-toy", doing="x"), pytest.raises(StateError, match="is changing the champion"):
        stage.promote()
    stage.promote()
