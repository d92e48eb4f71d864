"""`history` and `status` only read; a log that is damaged, read-only, empty or missing is one line with a next step."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drift.errors import StateError
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine
from drift.system.sqlite import connect_to_read
from tests.said import without_progress
from tests.stores import empty_store, opened_read_only

DRIFT = (sys.executable, "-m", "drift")
DEADLINE = 120
LINE = AuditLine("promote", None, 1, "a test", "better", {})


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time of change and content."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def drift(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DRIFT"))}
    return subprocess.run(
        [*DRIFT, *words], cwd=folder, env=kept | environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder whose log holds one line of the audit trail."""
    (tmp_path / ".drift").mkdir()
    journal = Journal(tmp_path / ".drift" / "log.db")
    journal.audit("drift_model", LINE)
    journal.close()
    return tmp_path


def test_history_reads_and_leaves_no_trace(project: Path) -> None:
    before = state(project)
    done = drift(project, "history")
    assert done.returncode == 0, done.stderr
    assert "promote" in done.stdout
    assert state(project) == before
    assert sorted(path.name for path in (project / ".drift").iterdir()) == ["log.db"]


def test_history_of_another_name_names_the_models_of_the_trail(project: Path) -> None:
    before = state(project)
    done = drift(project, "history", "--register_model_name", "shop_model")
    assert done.returncode == 0, done.stderr
    told = f"nothing has happened to shop_model yet; there is drift_model: {sys.executable} -m drift history\n"
    assert done.stdout == told
    assert state(project) == before


def test_history_makes_no_folder_where_there_is_none(tmp_path: Path) -> None:
    done = drift(tmp_path, "history")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "run from the folder of a deployment" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_history_reads_a_folder_that_cannot_be_written(project: Path) -> None:
    (project / ".drift" / "log.db").chmod(0o444)
    for folder in (project / ".drift", project):
        folder.chmod(0o555)
    try:
        reading = contextlib.closing(connect_to_read(project / ".drift" / "log.db"))
        with reading as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM intents")
        done = drift(project, "history")
        assert done.returncode == 0, done.stderr
        assert "promote" in done.stdout
    finally:
        for folder in (project, project / ".drift"):
            folder.chmod(0o755)


def test_a_log_that_another_process_writes_is_read_with_its_newest_lines(project: Path) -> None:
    path = project / ".drift" / "log.db"
    writer = Journal(path)
    writer.audit("drift_model", AuditLine("rollback", 2, 1, "a test", "worse", {}))
    assert path.with_name("log.db-wal").exists()
    assert [line.action for line in Journal(path, read=True).trail()] == ["promote", "rollback"]
    writer.close()


def test_a_log_of_a_killed_process_is_read_from_a_copy(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = project / ".drift" / "log.db"
    writer = Journal(path)
    writer.audit("drift_model", AuditLine("rollback", 2, 1, "a test", "worse", {}))
    left = tmp_path_factory.mktemp("left")
    for name in ("log.db", "log.db-wal"):
        shutil.copy(path.with_name(name), left)
    writer.close()
    before = state(left)
    assert [line.action for line in Journal(left / "log.db", read=True).trail()] == ["promote", "rollback"]
    assert state(left) == before


def test_a_damaged_log_is_one_line_with_what_to_do(project: Path) -> None:
    (project / ".drift" / "log.db").write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    done = drift(project, "history")
    assert done.returncode == 1
    assert without_progress(done.stderr).count("\n") == 1, done.stderr
    assert "it is damaged: put a copy of it back, or move it away" in done.stderr
    with pytest.raises(StateError, match="file is not a database; it is damaged: put a copy of it back") as error:
        Journal(project / ".drift" / "log.db")
    assert "SELECT" not in f"{done.stdout}{done.stderr}{error.value}"


def test_a_damaged_store_of_mlflow_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    done = drift(tmp_path, "status")
    assert done.returncode == 1
    assert without_progress(done.stderr).count("\n") == 1, done.stderr
    assert "file is not a database; it is damaged: put a copy of it back" in done.stderr


def test_a_log_that_cannot_be_written_says_how(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_read_only(monkeypatch)
    with pytest.raises(StateError, match=r"readonly database; make the file and its folder writable \(chmod u\+w\)"):
        Journal(project / ".drift" / "log.db")


def register_champion(folder: Path) -> None:
    """A registered version with the alias, which is all that `status` and `history` look at."""
    import mlflow

    empty_store(folder)
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db", f"sqlite:///{folder}/mlflow.db")
    client.create_registered_model("drift_model")
    client.create_model_version("drift_model", str(folder), None)
    client.set_registered_model_alias("drift_model", "champion", "1")


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["missing", "emptied", "no folder"])
def test_a_lost_log_beside_a_champion_is_noticed(project: Path, lost: str) -> None:
    register_champion(project)
    log = project / ".drift" / "log.db"
    assert "scoring log" not in drift(project, "status").stdout
    if lost == "emptied":
        log.write_bytes(b"")
    elif lost == "missing":
        log.unlink()
    else:
        shutil.rmtree(project / ".drift")
    state = "empty" if lost == "emptied" else "missing"
    for command in ("history", "status"):
        done = drift(project, command)
        assert done.returncode == 0, done.stderr
        words = " ".join(done.stdout.split())
        assert f"log.db is {state}, but the registry has version 1 as champion of drift_model" in words
        assert "Put a copy of the log back" in words
    assert (project / ".drift").exists() is (lost != "no folder")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["retrain", "rollback"])
def test_a_lost_folder_is_said_before_a_champion_changes(project: Path, command: str) -> None:
    register_champion(project)
    shutil.rmtree(project / ".drift")
    done = drift(project, command)
    assert done.returncode == 1
    assert errors(done).startswith(f"error: the scoring log {project}/.drift/log.db is missing, but the registry has")
    assert not (project / ".drift").exists()


@pytest.mark.slow
def test_deploy_and_retrain_warn_of_a_lost_log(project: Path) -> None:
    """The version has no model, which is what both fail of after the warning."""
    register_champion(project)
    for command in ("retrain", "deploy"):
        (project / ".drift" / "log.db").unlink()
        done = drift(project, command)
        assert done.returncode == 1
        words = " ".join(done.stdout.split())
        assert f"warning: the scoring log {project}/.drift/log.db is empty, but the registry has version 1" in words


@pytest.mark.slow
def test_an_emptied_log_is_said_by_every_command_that_serves(project: Path) -> None:
    """The version has no model and there is no previous one, which is what both fail of after the warning."""
    register_champion(project)
    log = project / ".drift" / "log.db"
    for command in ("rollback", "serve"):
        log.write_bytes(b"")
        done = drift(project, command)
        assert done.returncode == 1
        words = " ".join(done.stdout.split())
        assert f"warning: the scoring log {log} is empty, but the registry has version 1 as champion" in words
        told = drift(project, "history").stdout
        assert "the trail begins anew: the scoring log was empty" in " ".join(told.split())
        assert "moved outside of this project" not in told
    log.write_bytes(b"")
    done = drift(project, "deploy", "--resume")
    assert done.returncode == 1
    assert errors(done).startswith(f"error: no deployment can be resumed: the scoring log {log} is empty, but")


def errors(done: subprocess.CompletedProcess[str]) -> str:
    """What a command wrote as its error, which is one line; progress aside."""
    lines = without_progress(done.stderr).splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def limited() -> tuple[str, ...]:
    """What starts a command to which permissions of files apply, also where tests run as root."""
    if os.geteuid() != 0:
        return ()
    words = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if shutil.which("setpriv") is None or subprocess.run([*words, "true"], check=False).returncode != 0:
        pytest.skip("root, and no setpriv that can drop a capability")
    return words


def drift_limited(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DRIFT"))}
    return subprocess.run(
        [*limited(), *DRIFT, *words], cwd=folder, env=kept, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip


@pytest.fixture
def read_only(project: Path) -> Iterator[Path]:
    """A project with a champion, in which nothing can be written; its name has signs that a URL would encode."""
    register_champion(project)
    folder = project / "read only #%41 ü"
    folder.mkdir()
    for name in ("mlflow.db", ".drift"):
        shutil.move(project / name, folder / name)
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.slow
def test_status_and_history_read_a_read_only_project(read_only: Path) -> None:
    before = state(read_only.parent)
    for command, word in (("status", "version 1"), ("history", "promote")):
        done = drift_limited(read_only, command)
        assert done.returncode == 0, done.stderr
        assert word in done.stdout
    assert state(read_only.parent) == before


@pytest.mark.slow
def test_commands_that_write_say_what_is_read_only(read_only: Path) -> None:
    for command in ("deploy", "retrain", "rollback"):
        said = errors(drift_limited(read_only, command))
        reasons = (  # which one depends on whether SQLite has to make a file beside the database first
            "readonly database; make the file and its folder writable (chmod u+w)",
            "unable to open database file; make the file and its folder readable and writable (chmod u+rw)",
        )
        assert any(reason in said for reason in reasons), said
        assert "SELECT" not in said


@pytest.mark.slow
def test_status_leaves_no_trace(project: Path) -> None:
    register_champion(project)
    before = state(project)
    done = drift(project, "status")
    assert done.returncode == 0, done.stderr
    assert "champion    version 1" in done.stdout
    assert state(project) == before
    assert sorted(path.name for path in project.iterdir()) == [".drift", "mlflow.db"]


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_status_reads_what_a_killed_process_left(project: Path, journal: str) -> None:
    """A transaction that was never ended: its changes are in the file, or in the log beside it, and do not count."""
    register_champion(project)
    code = (
        "import os, sqlite3, sys; connection = sqlite3.connect('mlflow.db', isolation_level=None);"
        "connection.execute('pragma journal_mode = ' + sys.argv[1]); connection.execute('pragma cache_size = 2');"
        "connection.execute('begin'); connection.execute('delete from model_versions');"
        "connection.execute('create table filler (text)');"
        "[connection.execute('insert into filler values (?)', ('x' * 5000,)) for _ in range(50)]; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, journal], cwd=project, check=True, timeout=DEADLINE)
    assert (project / f"mlflow.db-{'journal' if journal == 'delete' else 'wal'}").exists()
    before = state(project)
    done = drift(project, "status")
    assert done.returncode == 0, done.stderr
    assert "champion    version 1" in done.stdout
    assert state(project) == before


def test_status_of_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    done = drift(tmp_path, "status")
    assert done.returncode == 1
    assert "mlflow.db holds no models: train a base model first" in errors(done)
    assert (tmp_path / "mlflow.db").read_bytes() == b""


@pytest.mark.slow
def test_two_first_commands_at_once_both_succeed(tmp_path: Path) -> None:
    """All make MLflow's tables, the experiment, the project's folder and the scoring log."""
    code = (
        "from drift.tracking.connection.store import connect; from drift.loop.project_dir import ProjectDir;"
        " from drift.loop.journal.journal import Journal; store = connect(create=True);"
        " print(store.experiment_id('drift', create=True));"
        " Journal(ProjectDir().log)"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DRIFT"))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=kept,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=2 * DEADLINE), process.returncode) for process in started]
    assert [code for _, _, code in ended] == [0, 0], ended
    assert len({out for out, _, _ in ended}) == 1, "one experiment"
