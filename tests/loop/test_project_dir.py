"""The project's folder and its locks."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from drift.errors import StateError, TrackingError
from drift.loop.project_dir import ProjectDir


def hold(path: Path, held: Event, let_go: Event) -> None:
    with ProjectDir(path).lock("champion", doing="changing the champion"):
        held.set()
        let_go.wait(120)


@pytest.mark.timeout(120)
def test_a_lock_keeps_other_processes_out_until_its_end(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, let_go = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, held, let_go))
    other.start()
    try:
        assert held.wait(120)
        with (
            pytest.raises(StateError, match="another process is changing the champion"),
            ProjectDir(tmp_path).lock("champion", doing="changing the champion"),
        ):
            pass
        let_go.set()
        with ProjectDir(tmp_path).lock("champion", doing="changing the champion", seconds=100):
            pass
    finally:
        let_go.set()
        other.join(120)


@pytest.mark.timeout(120)
def test_who_holds_a_lock_does_not_wait_for_itself(tmp_path: Path) -> None:
    home = ProjectDir(tmp_path)
    with (
        home.lock("champion", doing="changing the champion"),
        pytest.raises(StateError, match="this process is changing the champion already"),
        ProjectDir(tmp_path).lock("champion", doing="changing the champion", seconds=60),
    ):
        pass
    with home.lock("champion", doing="changing the champion"):
        pass


def test_a_folder_that_is_not_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="run from the folder of a deployment"):
        ProjectDir(tmp_path / "nothing", create=False)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    "run_id", ["/precious", "../precious", "..", "", "a" * 31, "A" * 32, "a" * 32 + "/..", "a" * 33]
)
def test_no_id_of_a_run_leads_out_of_the_folder_of_searches(tmp_path: Path, run_id: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    home = ProjectDir(tmp_path / ".drift")
    for use in (home.search, home.forget_search):
        with pytest.raises(TrackingError, match="expected the id of a run as MLflow makes them"):
            use(run_id.replace("/precious", str(precious)))
    assert precious.is_dir()
    assert home.search("0a" * 16).parent == home.path / "searches"
