"""What `drift status` says of the champion's period, of a lost champion and of servers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine, Deployment
from drift.loop.project_dir import ProjectDir
from drift.loop.servers import RunningServer, own_folders
from drift.loop.status import status_lines, status_of
from drift.tracking.registry import Registry
from tests.fakes import FakeRegistry

LINES = [
    AuditLine("deploy", None, 1, "ada", "first", {}, at="2024-01-01T00:00:00.000+00:00"),
    AuditLine("promote", 1, 2, "--promote auto", "better", {}, at="2024-01-02T00:00:00.000+00:00"),
    AuditLine("refuse", 2, 2, "--promote auto", "worse", {}, at="2024-01-03T00:00:00.000+00:00"),
    AuditLine("rollback", 2, 1, "bob", "complaints", {}, at="2024-01-04T00:00:00.000+00:00"),
]


@pytest.fixture
def registry() -> FakeRegistry:
    found = FakeRegistry(aliases={"champion": 1, "previous": 2})
    found.store = cast(Any, Path("nowhere"))  # type: ignore[attr-defined]
    return found


def told(registry: FakeRegistry, folder: Path, lines: list[AuditLine]) -> dict[str, Any]:
    home = ProjectDir(folder / ".drift")
    journal = Journal(home.log)
    for line in lines:
        journal.audit("toy", line)
    registry.store = cast(Any, type("Store", (), {"address": "sqlite:///x"}))  # type: ignore[attr-defined]
    return status_of(cast(Registry, registry), journal, home)


def test_since_is_the_beginning_of_the_present_period(registry: FakeRegistry, tmp_path: Path) -> None:
    """Not an earlier promotion of the same version, and not a later repair of the server."""
    repair = AuditLine("repair", 2, 1, "drift", "default was another", {}, at="2024-01-05T00:00:00.000+00:00")
    found = told(registry, tmp_path, [*LINES, repair])["champion"]
    assert (found["since"], found["by"], found["evidence"]) == (LINES[3].at, "bob", "complaints")


def test_an_alias_moved_by_hand_is_not_given_an_older_promotion(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.aliases["champion"] = 2
    found = told(registry, tmp_path, LINES)
    assert (found["champion"]["since"], found["champion"]["by"]) == (None, "somebody else")
    assert "after 2024-01-04 00:00:00 (version 1)" in " ".join(status_lines(found))


@pytest.mark.parametrize("dangling", [True, False])
def test_a_deleted_champion_is_named(registry: FakeRegistry, tmp_path: Path, dangling: bool) -> None:
    registry.deleted = {1}
    if not dangling:
        del registry.aliases["champion"]
    lines = " ".join(status_lines(told(registry, tmp_path, LINES)))
    assert "champion    –" in lines
    assert (
        "version 1 was, and has lost the alias or was deleted: drift rollback --register_model_name toy puts" in lines
    )


@pytest.mark.parametrize(("action", "lost"), [("repair", True), ("deploy", False)])
def test_a_trail_that_began_anew_is_told_for_good(
    registry: FakeRegistry, tmp_path: Path, action: str, lost: bool
) -> None:
    """Also after a later line, which is then the evidence of the champion."""
    first = AuditLine(action, None, 2, "drift", "anew", {}, at="2024-01-03T12:00:00.000+00:00")
    lines = status_lines(told(registry, tmp_path, [first, LINES[3]]))
    line = "  trail       begins anew at 2024-01-03 12:00:00 UTC: what was before is not known"
    assert (line in lines) is lost


def test_folders_of_one_model_are_those_of_its_servers(tmp_path: Path) -> None:
    """Also of a deployment that was killed before it was logged; not of a model whose name begins alike."""
    home = ProjectDir(tmp_path)
    own = ["toy-serve", "toy-20260101-000000-abcd"]
    for name in (*own, "toy-2-serve", "toy-serve-serve", "toy-2-20260101-000000-abcd", "other"):
        home.deployment(name).mkdir(parents=True)
    assert {folder.name for folder in own_folders(home, "toy")} == set(own)


@pytest.mark.parametrize(
    ("state", "version", "expected"),
    [
        ("running", 1, "toy-serve at http://127.0.0.1:1, version 1 answers"),
        ("running", 2, "not yet the champion: it follows the registry within a minute, if version 1 can be served"),
        ("running", None, "does not say which version answers"),
        ("abandoned", 2, "kill 11 12 ends it, drift serve --register_model_name toy replaces it"),
        ("ending", None, "ending      toy-serve at http://127.0.0.1:1: the command that started it is gone"),
    ],
)
def test_a_server_is_told_with_its_version_and_what_to_do(
    registry: FakeRegistry, tmp_path: Path, state: str, version: int | None, expected: str
) -> None:
    found = told(registry, tmp_path, LINES)
    found["running"] = [
        {"deployment": "toy-serve", "url": "http://127.0.0.1:1", "version": version, "state": state,
         "processes": [11, 12]}
    ]  # fmt: skip
    assert expected in "\n".join(status_lines(found))


def test_a_champion_without_a_digest_is_followed_by_no_server(registry: FakeRegistry, tmp_path: Path) -> None:
    """A version that another program logged: nothing says that a server will follow it."""
    registry.without_digest = {1}
    found = told(registry, tmp_path, LINES)
    found["running"] = [
        {"deployment": "toy-serve", "url": "http://127.0.0.1:1", "version": 2, "state": "running", "processes": [11]}
    ]
    lines = " ".join(" ".join(status_lines(found)).split())
    assert "version 1, run run1 has no digest: it was not logged by this project, so it is not served" in lines
    assert "not the champion: version 1 cannot be served, so the server goes on with version 2" in lines
    assert "within a minute" not in lines


def test_the_command_is_given_for_the_one_that_it_resumes(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of an older one, when its turn comes; how far each came, also one of which only the end is left."""
    journal = Journal(ProjectDir(tmp_path / ".drift").log)
    for name, state in (("toy-a", "interrupted"), ("toy-b", "done"), ("toy-c", "interrupted"), ("toy-d", "done")):
        journal.begin(Deployment(name, "toy", "run", {}, 1, 100, 7_100, state, 0, "2024-01-01"))
    monkeypatch.setattr(Journal, "scored", lambda self, model: {"toy-c": range(100, 7_100)})
    lines = status_lines(told(registry, tmp_path, LINES))
    again = "drift deploy --register_model_name toy --resume"
    assert [line for line in lines if "unfinished" in line] == [
        "  unfinished  toy-a: 0 of 7,000 rows are scored (--resume takes toy-c first, which began later, and this one"
        " once that has ended)",
        f"  unfinished  toy-c: all 7,000 rows are scored, only the last question and the report are left ({again})",
    ]
    assert "\n".join(lines).count("drift deploy") == 1


def test_one_that_is_under_way_is_resumed_first(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So no command is given for the older one, which would be refused."""
    journal = Journal(ProjectDir(tmp_path / ".drift").log)
    for name in ("toy-a", "toy-b"):
        journal.begin(Deployment(name, "toy", "run", {}, 1, 100, 200, "running", 0, "2024-01-01"))
    record = SimpleNamespace(orphaned=False, processes=[], inference_url="http://127.0.0.1:1")
    under_way = RunningServer("toy-b", tmp_path, cast(Any, record))
    monkeypatch.setattr("drift.loop.status.running_servers", lambda home, model: [under_way])
    monkeypatch.setattr("drift.loop.status.answering_version", lambda server, model: 1)
    found = told(registry, tmp_path, LINES)
    (older,) = found["unfinished"]
    assert (older["deployment"], older["resumed_after"]) == ("toy-a", "toy-b")
    assert "drift deploy" not in "\n".join(status_lines(found))
