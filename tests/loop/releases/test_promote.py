"""Registry and server move together or not at all, and a crash in between is mended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import cast

import pytest

from drift.errors import ArchiveError, ChampionChangedError, DriftError, ServingError, StateError, TrackingError
from drift.loop.events import Notice
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine
from drift.loop.journal.repairs import lost_log
from drift.loop.project_dir import ProjectDir
from drift.loop.releases import promote as module
from drift.loop.releases.loading import is_loaded
from drift.loop.releases.promote import Championship
from drift.tracking.registry import Registry, Version
from tests.fakes import FakeRegistry, FakeService, Listener
from tests.waiting import wait_until


class Stage:
    """A registry with champion 1 and a server that serves it."""

    def __init__(self, folder: Path) -> None:
        self.home = ProjectDir(folder / ".drift")
        self.journal = Journal(self.home.log)
        self.registry = FakeRegistry(aliases={"champion": 1, "challenger": 2})
        self.service = FakeService(loaded={1: "x.mar"}, default_version=1)
        self.listener = Listener()
        self.unservable = set[int]()  # versions whose files are gone
        self.find: Callable[[], FakeService | None] = lambda: self.service
        self.journal.audit("toy", AuditLine("deploy", None, 1, "ada", "first", {}))

    def lines(self) -> list[AuditLine]:
        """The audit trail after the first deployment."""
        return self.journal.trail("toy")[1:]

    @property
    def championship(self) -> Championship:
        registry = cast(Registry, self.registry)
        return Championship(registry, self.find, self.journal, self.home, self.listener)

    def promote(self, number: int = 2, *, instead_of: int | None = None) -> None:
        version = self.registry.get(number)
        self.championship.promote(version, by="ada", reason="better", evidence={"p": 0.01}, instead_of=instead_of)

    def rollback(self) -> None:
        self.championship.rollback(by="ada", reason="worse after all")

    def reconcile(self) -> int:
        return self.championship.reconcile().number


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path)

    def fetched(registry: object, version: Version, *, otherwise: str = "") -> None:
        if version.number in stage.unservable:
            raise ArchiveError(f"version {version.number} cannot be served; {otherwise}")

    def load(registry: object, version: Version, release: object, service: FakeService) -> None:
        service.load(Path("x.mar"), version.number)

    monkeypatch.setattr(module, "fetched", fetched)
    monkeypatch.setattr(module, "load_fetched", load)
    return stage


def test_promotion_moves_everything(stage: Stage) -> None:
    stage.promote()
    assert stage.registry.aliases == {"champion": 2, "previous": 1}
    assert stage.service.default_version == 2
    assert set(stage.service.loaded) == {1, 2}
    (line,) = stage.lines()
    assert (line.action, line.from_version, line.to_version, line.by) == ("promote", 1, 2, "ada")
    assert stage.listener.names() == ["Promoted"]


def test_older_versions_are_retired_at_the_next_promotion(stage: Stage) -> None:
    stage.promote(2)
    stage.promote(3)
    assert set(stage.service.loaded) == {2, 3}
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
    assert stage.lines() == []
    assert stage.listener.events == []


def test_rollback_and_back_again(stage: Stage) -> None:
    stage.promote()
    stage.rollback()
    assert stage.registry.aliases == {"champion": 1, "previous": 2}
    assert stage.service.default_version == 1
    stage.rollback()
    assert stage.registry.aliases == {"champion": 2, "previous": 1}
    assert [line.action for line in stage.lines()] == ["promote", "rollback", "rollback"]


def test_rollback_without_a_previous_version_is_refused(stage: Stage) -> None:
    with pytest.raises(TrackingError, match="toy has no previous version to go back to; version 1 stays champion"):
        stage.rollback()


def test_reconcile_lets_the_server_follow_the_registry(stage: Stage) -> None:
    """A crash after the server's default moved and before the alias did: the alias wins."""
    stage.service.loaded, stage.service.default_version = {1: "x.mar", 2: "x.mar"}, 2
    assert stage.reconcile() == 1
    assert stage.service.default_version == 1
    assert [line.action for line in stage.lines()] == ["repair"]


def test_reconcile_tells_the_trail_of_a_move_it_missed(stage: Stage) -> None:
    """A crash after the alias moved and before the audit line."""
    stage.registry.aliases = {"champion": 2, "previous": 1}
    stage.service.loaded, stage.service.default_version = {1: "x.mar", 2: "x.mar"}, 2
    assert stage.reconcile() == 2
    assert [(line.action, line.from_version, line.to_version) for line in stage.lines()][-1] == ("repair", 1, 2)
    assert stage.reconcile() == 2
    assert len(stage.lines()) == 1


@pytest.mark.parametrize("alias", ["previous", "champion"])
def test_an_interruption_is_undone_like_an_error(stage: Stage, alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point = stage.registry.point

    def interrupted(name: str, number: int) -> None:
        point(name, number)
        if name == alias and number in (1, 2) and not stage.listener.events:
            stage.listener(Notice("interrupted"))
            raise KeyboardInterrupt

    monkeypatch.setattr(stage.registry, "point", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.promote()
    assert stage.registry.aliases == {"champion": 1, "challenger": 2}
    assert stage.service.default_version == 1
    assert stage.lines() == []


def test_what_cannot_be_tidied_up_does_not_undo_a_promotion(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(alias: str) -> None:
        raise TrackingError("away")

    monkeypatch.setattr(stage.registry, "unpoint", fails)
    stage.promote()
    assert stage.registry.aliases["champion"] == stage.service.default_version == 2
    assert [line.action for line in stage.lines()] == ["promote"]
    assert stage.listener.names() == ["Promoted", "Notice"]


def test_a_challenger_does_not_replace_a_champion_it_was_not_compared_with(stage: Stage) -> None:
    stage.registry.aliases["champion"] = 5
    stage.service.loaded, stage.service.default_version = {5: "x.mar"}, 5
    with pytest.raises(ChampionChangedError, match="compared with version 1, but version 5 is champion by now"):
        stage.promote(instead_of=1)
    assert stage.registry.aliases["champion"] == 5
    stage.promote(instead_of=5)
    assert stage.registry.aliases["champion"] == 2


def test_a_crash_between_alias_and_audit_keeps_the_evidence(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(stage.journal, "audit", _dies)
        with pytest.raises(SystemExit):
            stage.promote()
    assert stage.registry.aliases["champion"] == 2
    assert stage.reconcile() == 2
    (line,) = stage.lines()
    assert (line.action, line.by, line.evidence) == ("promote", "ada", {"p": 0.01})
    assert stage.journal.intended("toy") is None


def test_two_at_once_are_refused(stage: Stage) -> None:
    with stage.home.lock("champion-toy", doing="x"), pytest.raises(StateError, match="is changing the champion"):
        stage.promote()
    stage.promote()


def test_a_rollback_broken_off_before_its_audit_line_keeps_who_and_why(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.promote()
    with monkeypatch.context() as patched:
        patched.setattr(stage.journal, "audit", _dies)
        with pytest.raises(SystemExit):
            stage.rollback()
    assert stage.reconcile() == 1
    assert [(line.action, line.by, line.reason) for line in stage.lines()][-1] == ("rollback", "ada", "worse after all")


def test_what_a_crash_left_is_completed_before_the_next_change(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promotion that died before its line, then a rollback: both are in the trail, in order."""
    with monkeypatch.context() as patched:
        patched.setattr(stage.journal, "audit", _dies)
        with pytest.raises(SystemExit):
            stage.promote()
    stage.rollback()
    moves = [(line.action, line.from_version, line.to_version) for line in stage.lines()]
    assert moves == [("promote", 1, 2), ("rollback", 2, 1)]


def test_a_move_that_failed_leaves_no_intent(stage: Stage) -> None:
    stage.registry.fails = {"champion"}
    with pytest.raises(DriftError):
        stage.promote()
    assert stage.journal.intended("toy") is None


def test_a_server_that_came_after_the_comparison_follows(stage: Stage) -> None:
    """The server is looked for when the champion changes, not when the retraining began."""
    later, stage.service = stage.service, FakeService()
    found: list[FakeService] = []
    registry = cast(Registry, stage.registry)
    championship = Championship(registry, lambda: found[0], stage.journal, stage.home, stage.listener)
    found.append(later)
    championship.promote(stage.registry.get(2), by="ada", reason="better", evidence={}, instead_of=1)
    assert later.default_version == 2


def test_another_archive_under_the_same_number_is_not_taken_for_ours(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    version, registry = stage.registry.get(1), cast(Registry, stage.registry)
    assert stage.service.loaded[1] == "x.mar"
    assert not is_loaded(registry, version, stage.service)
    stage.service.loaded[1] = f"toy-v1-{'0' * 12}.mar"
    assert is_loaded(registry, version, stage.service)


@pytest.mark.parametrize("with_server", [True, False])
def test_a_previous_version_without_files_stays_previous(stage: Stage, with_server: bool) -> None:
    """Nothing moves: no alias, no default of the server, no line."""
    stage.promote()
    stage.unservable = {1}
    if not with_server:
        stage.find = lambda: None
    with pytest.raises(ArchiveError, match="version 1 cannot be served; version 2 stays champion"):
        stage.rollback()
    assert stage.registry.aliases == {"champion": 2, "previous": 1}
    assert stage.service.default_version == 2
    assert [line.action for line in stage.lines()] == ["promote"]
    assert stage.journal.intended("toy") is None


def test_a_challenger_without_files_is_not_promoted(stage: Stage) -> None:
    stage.unservable, stage.find = {2}, lambda: None
    with pytest.raises(ArchiveError, match="version 1 stays champion"):
        stage.promote()
    assert stage.registry.aliases == {"champion": 1, "challenger": 2}


@pytest.mark.parametrize("dangling", [True, False])
def test_rollback_from_a_champion_that_was_deleted(stage: Stage, dangling: bool) -> None:
    """Whether MLflow took the alias away with the version or left it pointing nowhere."""
    stage.promote()
    stage.registry.deleted = {2}
    if not dangling:
        del stage.registry.aliases["champion"]
    stage.rollback()
    assert stage.registry.aliases == {"champion": 1}
    assert stage.service.default_version == 1
    assert [(line.action, line.from_version, line.to_version) for line in stage.lines()][-1] == ("rollback", 2, 1)
    with pytest.raises(TrackingError, match="no previous version to go back to; version 1 stays champion"):
        stage.rollback()


def test_rollback_with_both_versions_deleted_says_what_is_left(stage: Stage) -> None:
    stage.promote()
    stage.registry.deleted = {1, 2}
    with pytest.raises(TrackingError, match=r"neither a champion nor a previous version .* drift deploy"):
        stage.rollback()


def _dies(model: str, line: AuditLine) -> None:
    raise SystemExit


def test_an_alias_moved_by_hand_is_followed_and_logged_once(stage: Stage) -> None:
    stage.registry.aliases["champion"] = 5
    stage.championship.follow()
    stage.championship.follow()
    assert stage.service.default_version == 5
    (line,) = stage.lines()
    assert (line.action, line.from_version, line.to_version) == ("repair", 1, 5)
    assert "moved outside of this project" in line.reason
    assert stage.registry.aliases["previous"] == 1
    stage.rollback()
    assert stage.service.default_version == 1


def test_following_an_unmoved_alias_changes_nothing(stage: Stage) -> None:
    with stage.home.lock("champion-toy", doing="x"):  # not even asked for
        stage.championship.follow()
    assert (stage.lines(), stage.listener.events) == ([], [])


def test_a_moved_alias_that_cannot_be_served_leaves_the_server_as_it_was(stage: Stage) -> None:
    stage.registry.aliases["champion"], stage.unservable = 5, {5}
    with pytest.raises(ArchiveError, match="version 5 cannot be served"):
        stage.championship.follow()
    assert stage.service.default_version == 1


def test_the_watch_follows_and_tells_trouble_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    stage.registry.aliases["champion"], stage.unservable = 5, {5}
    looks: list[int] = []
    follow = Championship.follow

    def counted(championship: Championship) -> None:
        looks.append(1)
        follow(championship)

    monkeypatch.setattr(Championship, "follow", counted)
    with module.watched_alias(stage.championship):
        wait_until(lambda: len(looks) > 3, what="looks")
        assert len([event for event in stage.listener.events if "goes on with" in str(event)]) == 1
        stage.unservable = set()
        wait_until(lambda: stage.service.default_version == 5, what="version 5")


def test_an_interrupt_before_the_watch_begins_stays_an_interrupt(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_thread: Thread) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), module.watched_alias(stage.championship):
        pass


def test_the_watch_survives_errors_of_other_libraries(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is none of this project's is told once, in one line, and the next look follows the alias."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    looks: list[int] = []
    follow, fails = Championship.follow, True

    def failing(championship: Championship) -> None:
        looks.append(1)
        if fails:
            raise RuntimeError("database is locked\n(Background on this error)")
        follow(championship)

    monkeypatch.setattr(Championship, "follow", failing)
    stage.registry.aliases["champion"] = 5
    with module.watched_alias(stage.championship):
        wait_until(lambda: len(looks) > 3, what="looks")
        said = [event.text for event in stage.listener.events if isinstance(event, Notice)]
        assert said == [
            "the server goes on with the version it has: RuntimeError: database is locked (Background on this error)"
        ]
        fails = False
        wait_until(lambda: stage.service.default_version == 5, what="version 5")


def test_another_thread_waits_for_a_change_of_champion(stage: Stage) -> None:
    """A server that starts again in one thread does not wait for a change in another, which may wait for the server."""
    with ThreadPoolExecutor(1) as threads:
        with stage.home.lock("champion-toy", doing="x"):
            assert isinstance(threads.submit(stage.championship.restore).exception(20), StateError)
            waiting = threads.submit(stage.reconcile)
            assert not waiting.done()
        assert waiting.result(20) == 1


LOST = "the trail begins anew: the scoring log was empty; version 2 was champion before"


@pytest.fixture
def emptied(stage: Stage, tmp_path: Path) -> Stage:
    """Champion 2 and previous 1, served; the log that knew them was emptied."""
    stage.registry.aliases = {"champion": 2, "previous": 1}
    stage.service.loaded, stage.service.default_version = {1: "x.mar", 2: "x.mar"}, 2
    stage.journal = Journal(tmp_path / "emptied.db")
    return stage


@pytest.mark.parametrize("change", ["rollback", "promote", "reconcile", "refuse"])
def test_a_trail_that_was_lost_begins_anew(emptied: Stage, change: str) -> None:
    """The first line names the lost log, not somebody who moved the alias."""
    if change == "refuse":
        versions = emptied.registry.get(3), emptied.registry.get(2)
        emptied.championship.refuse(*versions, by="ada", reason="not better", evidence={})
    elif change == "promote":
        emptied.promote(3)
    else:
        getattr(emptied, change)()
    first, *later = emptied.journal.trail("toy")
    assert (first.action, first.from_version, first.to_version, first.by) == ("repair", None, 2, "drift")
    assert first.reason == LOST
    assert [line.action for line in later] == ([] if change == "reconcile" else [change])
    assert emptied.reconcile() == {"rollback": 1, "promote": 3}.get(change, 2)
    assert len(emptied.journal.trail("toy")) == 1 + len(later)


def test_a_log_of_other_models_alone_is_not_called_empty(emptied: Stage) -> None:
    emptied.journal.audit("other", AuditLine("deploy", None, 1, "ada", "first", {}))
    emptied.reconcile()
    (line,) = emptied.journal.trail("toy")
    assert "the scoring log was without a champion of toy" in line.reason


def test_a_first_deployment_that_crashed_lost_no_log(emptied: Stage) -> None:
    """Its intent is in the log: the line that follows is that of the deployment."""
    emptied.journal.intend("toy", AuditLine("deploy", None, 2, "ada", "first", {}))
    assert lost_log(cast(Registry, emptied.registry), emptied.journal) == ""
    emptied.reconcile()
    assert [line.action for line in emptied.journal.trail("toy")] == ["deploy"]


@pytest.mark.parametrize("alias", ["champion", "previous"])
def test_a_lost_log_is_known_by_either_alias(emptied: Stage, alias: str) -> None:
    """Also where the champion was deleted, which is when a rollback is called for."""
    emptied.registry.aliases = {alias: 1}
    assert f"is empty, but the registry has version 1 as {alias} of toy" in lost_log(
        cast(Registry, emptied.registry), emptied.journal
    )


def test_a_refused_challenger_does_not_hide_a_lost_log(emptied: Stage) -> None:
    emptied.journal.audit("toy", AuditLine("refuse", 2, 2, "ada", "not better", {}))
    assert lost_log(cast(Registry, emptied.registry), emptied.journal)


@pytest.mark.parametrize("change", ["reconcile", "rollback", "promote"])
def test_versions_without_an_alias_are_unloaded(stage: Stage, change: str) -> None:
    """After every change of champion, not after promotions alone; those that hold an alias stay."""
    stage.registry.aliases = {"champion": 1, "previous": 4, "challenger": 2}
    stage.service.loaded = dict.fromkeys((1, 2, 3, 4, 5), "x.mar")
    getattr(stage, change)()
    assert set(stage.service.loaded) == ({1, 2} if change == "promote" else {1, 2, 4})
    assert len(stage.service.kept) == len(stage.service.loaded)


def test_loaded_versions_do_not_grow_with_moves_by_hand(stage: Stage) -> None:
    for number in (3, 4, 5, 6):
        stage.registry.aliases["champion"] = number
        stage.championship.follow()
        assert stage.service.default_version == number
        assert len(stage.service.loaded) <= 3  # champion, previous and challenger
        assert set(stage.service.loaded) <= set(stage.registry.aliases.values())


def test_a_version_that_cannot_be_unloaded_stops_no_move(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(number: int) -> None:
        raise ServingError("it does not drain")

    monkeypatch.setattr(stage.service, "retire", fails)
    stage.service.loaded[7] = "x.mar"
    stage.registry.aliases["champion"] = 5
    stage.championship.follow()
    assert stage.service.default_version == 5
    assert Notice("left for the next change of champion to tidy up: it does not drain") in stage.listener.events


def test_rollback_undoes_the_last_of_several_moves_by_hand(stage: Stage) -> None:
    """Each move displaces a version, and nobody set `previous`: it follows."""
    stage.promote(2)
    stage.rollback()  # champion 1, previous 2
    for number, displaced in ((3, 1), (4, 3), (5, 4), (6, 5)):
        stage.registry.aliases["champion"] = number
        stage.reconcile()
        assert stage.registry.aliases["previous"] == displaced
    stage.rollback()
    assert stage.registry.aliases == {"champion": 5, "previous": 6}


def test_a_previous_version_that_was_set_by_hand_stays(stage: Stage) -> None:
    stage.promote(2)
    stage.registry.aliases |= {"champion": 3, "previous": 7}
    stage.reconcile()
    assert stage.registry.aliases == {"champion": 3, "previous": 7}


def test_what_a_server_answered_with_displaced_no_champion(stage: Stage) -> None:
    """A repair of the server alone is a line of the trail, too, and no move of the alias."""
    stage.promote(2)
    stage.service.loaded[9], stage.service.default_version = "x.mar", 9
    stage.reconcile()
    assert [(line.action, line.from_version) for line in stage.lines()][-1] == ("repair", 9)
    stage.registry.aliases["champion"] = 3
    stage.reconcile()
    assert stage.registry.aliases["previous"] == 2


def test_previous_follows_a_move_after_the_log_was_lost(emptied: Stage) -> None:
    emptied.reconcile()
    emptied.registry.aliases["champion"] = 3
    emptied.reconcile()
    assert emptied.registry.aliases == {"champion": 3, "previous": 2}
