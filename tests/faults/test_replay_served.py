"""A served replay is interrupted, or loses its server: nothing is left running."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import DRIFT, Project, ours
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REPLAY = [*DRIFT, "replay", "--serve", "--policies", "every:1", "--test_data_rows", "3000", "--block_size", "500"]
JVM = "org.pytorch.serve"


def servers(temp_folder: Path) -> list[psutil.Process]:
    found = []
    for process in ours(temp_folder):
        with contextlib.suppress(psutil.Error):
            if JVM in " ".join(process.cmdline()):
                found.append(process)
    return found


def begun(project: Project, temp_folder: Path) -> None:
    """Wait until the first version was packed for the server, which is up then."""
    store = project.folder / ".drift" / "replay-server" / "model_store"
    wait_until(lambda: list(store.glob("replay-v1-*.mar")), 90, what="the first archive")
    assert servers(temp_folder)


def test_a_replay_ends_with_the_command_that_trains_a_model(fresh: Project) -> None:
    ended = fresh.run(command=[*DRIFT, "replay", "--test_data_rows", "336", "--policies", "never"])
    assert ended.code == 0
    page, following = ended.out.splitlines()[-2:]
    assert page.startswith("page: ")
    assert following.startswith("next, to train a model of this table: ")
    assert " -m drift base --mlflow_experiment_name " in following


def test_an_interrupted_replay_leaves_nothing(fresh: Project, temp_folder: Path) -> None:
    process = fresh.start(command=REPLAY)
    begun(fresh, temp_folder)
    process.send_signal(2)
    ended = fresh.finish(process)
    assert (ended.code, ended.error[:11]) == (130, "interrupted")
    assert not (fresh.folder / ".drift" / "replay-server").exists()


def test_a_killed_server_is_started_again_or_is_one_clear_error(fresh: Project, temp_folder: Path) -> None:
    """Killed between requests, it is started again; in a rollover, its logs stay, and the next replay has its own."""
    process = fresh.start(command=REPLAY)
    begun(fresh, temp_folder)
    for server in servers(temp_folder):
        server.kill()
    ended = fresh.finish(process)
    if ended.code == 0:
        assert "starting it again" in ended.err
        assert "rows predicted otherwise: 0" in ended.out
    else:
        assert ended.code == 1
        assert ended.error.startswith("TorchServe at http://127.0.0.1:")
        assert "is it running?" in ended.error
        assert (fresh.folder / ".drift" / "replay-server" / "console.log").is_file()
    again = fresh.run(command=[*REPLAY, "--policies", "never"])
    assert again.code == 0, again.err
    assert "served by TorchServe: 3,000 rows (versions: 1, rollovers: 0)" in again.out
    assert not (fresh.folder / ".drift" / "replay-server").exists()
