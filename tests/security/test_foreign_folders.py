"""Folders and files that another user made first, where this one is about to work."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drift.errors import StateError
from drift.loop.project_dir import ProjectDir
from drift.serving.torchserve.process.record import end_orphan
from drift.serving.torchserve.process.server import TorchServe
from drift.system.disk import alone_in, private_folder, write_at_once
from tests.security.conftest import USER, OtherUser


@pytest.fixture
def shared(open_folder: Path) -> Path:
    """A folder like /tmp: everybody makes files there, and removes only their own."""
    open_folder.chmod(0o1777)
    return open_folder


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["0777", "0755"])
def test_a_folder_of_state_that_another_user_made_is_refused(shared: Path, other_user: OtherUser, mode: str) -> None:
    """They could replace an archive before the server loads it, and its handler runs as this user."""
    store = shared / ".drift/deployments/drift_model-serve/server/model_store"
    made = other_user.run("sh", "-c", f"umask 0; mkdir -p {store}; chmod -R {mode} {shared}/.drift")
    assert made.returncode == 0, made.stderr
    with pytest.raises(StateError, match=rf"another user \(id {USER}\)"):
        ProjectDir(shared / ".drift")
    for folder in (shared / ".drift", store.parent):
        with pytest.raises(StateError, match=rf"another user \(id {USER}\)"):
            TorchServe(folder).start()
    ended = subprocess.run(
        [sys.executable, "-m", "drift", "base", "--max_epochs", "1", "--total_trials", "1"],
        cwd=shared,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DRIFT"))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert f"another user (id {USER})" in ended.stderr
    assert not any(store.iterdir())


def test_what_another_user_left_in_a_folder_of_ours_is_refused(shared: Path, other_user: OtherUser) -> None:
    """It was open to all once."""
    home = shared / ".drift"
    for name, command in {"locks": "mkdir", "deployments": "mkdir", "log.db": "touch"}.items():
        home.mkdir(mode=0o777)
        home.chmod(0o777)
        assert other_user.run(command, str(home / name)).returncode == 0
        with pytest.raises(StateError, match=rf"{name} of this user, got one of another user"):
            ProjectDir(home)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        subprocess.run(["rm", "-rf", home], check=True)


def test_a_link_of_another_user_is_refused(shared: Path, other_user: OtherUser, tmp_path: Path) -> None:
    """Wherever it leads now, they can let it lead elsewhere."""
    tmp_path.chmod(0o755)
    assert other_user.run("ln", "-s", str(tmp_path), str(shared / ".drift")).returncode == 0
    with pytest.raises(StateError, match="another user"):
        ProjectDir(shared / ".drift")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_lock_follows_no_link(shared: Path) -> None:
    victim, home = shared / "victim", ProjectDir(shared / ".drift")
    victim.write_text("precious")
    with home.lock("first", doing="trying"):
        pass
    (home.path / "locks" / "name").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"), home.lock("name", doing="trying"):
        pass
    assert victim.read_text() == "precious"


def test_a_record_of_another_user_ends_and_deletes_nothing(shared: Path, other_user: OtherUser) -> None:
    victim = shared / "drift-analysis"
    victim.mkdir(mode=0o700)
    record = {
        "owner": {"pid": 999_999, "created": 1}, "guard": {"pid": 999_998, "created": 1},
        "inference_url": "http://127.0.0.1:1", "management_url": "http://127.0.0.1:2", "temp": str(victim),
    }  # fmt: skip
    folder = shared / "server"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with subprocess.Popen(["sleep", "60"], env={"TEMP": str(victim)}) as sleeping:
        written = other_user.run("sh", "-c", f"echo '{json.dumps(record)}' > {folder}/server.json")
        assert written.returncode == 0, written.stderr
        with pytest.raises(StateError, match="another user"):
            end_orphan(folder)
        assert victim.is_dir()
        assert sleeping.poll() is None
        sleeping.kill()


def test_a_record_deletes_only_folders_of_servers(tmp_path: Path) -> None:
    """By place, name, owner and mode, whoever wrote it."""
    victim = tmp_path / "drift-analysis"  # not where temporary folders are
    victim.mkdir(mode=0o700)
    stamp = {"pid": 999_999, "created": 1}
    record = {"owner": stamp, "guard": stamp, "inference_url": "", "management_url": "", "temp": str(victim)}
    (tmp_path / "server.json").write_text(json.dumps(record))
    end_orphan(tmp_path)
    assert victim.is_dir()


def test_a_file_that_another_user_put_there_says_nothing_of_the_mode(open_folder: Path, other_user: OtherUser) -> None:
    open_folder.chmod(0o777)
    target = open_folder / "out.json"
    assert other_user.run("sh", "-c", f"umask 0; echo > {target}").returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o666
    before = os.umask(0o077)
    try:
        write_at_once(target, b"secret rows")
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert other_user.run("cat", str(target)).stdout == ""


LOCK = """
import fcntl, os, signal, sys
handle = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(handle, fcntl.LOCK_EX)
print("locked", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("made_first", [False, True])
def test_a_lock_on_a_folder_that_others_may_read_stops_nobody(
    open_folder: Path, other_user: OtherUser, monkeypatch: pytest.MonkeyPatch, made_first: bool
) -> None:
    """Each command waited for 120 s, and went on without the lock."""
    temporary = open_folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    if made_first:
        assert other_user.run("mkdir", str(temporary / f"drift-locks-{os.geteuid()}")).returncode == 0
    holder = other_user.python(LOCK, str(open_folder))
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        began = time.monotonic()
        with alone_in(open_folder):
            assert time.monotonic() - began < 5
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_processes_of_one_user_wait_for_one_another(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    waited = []

    def wait() -> None:
        began = time.monotonic()
        with alone_in(tmp_path):
            waited.append(time.monotonic() - began)

    with alone_in(tmp_path):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.5)  # no event: the other one waits meanwhile
    thread.join(30)
    assert waited and waited[0] > 0.3


def test_folders_of_the_user_stay_usable(tmp_path: Path) -> None:
    """Open ones are closed, links of one's own are followed, and a named folder with other things stays readable."""
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / ".drift").symlink_to(tmp_path / "disk")
    ProjectDir(tmp_path / ".drift")
    assert stat.S_IMODE((tmp_path / "disk").stat().st_mode) == 0o700
    named = tmp_path / "results"
    named.mkdir()
    named.chmod(0o775)
    (named / "else").touch()
    ProjectDir(named)
    assert stat.S_IMODE(named.stat().st_mode) == 0o755
    private_folder(tmp_path / "a" / "b")
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".drift"]  # no probe is left
