"""Options that cannot be right are refused at once: exit code 2, one line, and nothing begun."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from drift.cli import app

DEADLINE = 120


def commands() -> dict[str, typer.core.TyperCommand]:
    """Every command by the words that call it."""
    every: dict[str, typer.core.TyperCommand] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        every |= {f"{name} {part}": made for part, made in inner.items()} if inner else {name: command}
    return every


WITH_PORT = [name for name, command in commands().items() if any("--port" in part.opts for part in command.params)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to call commands in; what they do to signals is undone."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("MLFLOW", "DRIFT"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield tmp_path
    for number, handler in before.items():
        signal.signal(number, handler)


def refused(folder: Path, *words: str) -> str:
    """The one line of a command that is refused for its options."""
    done = CliRunner().invoke(app, list(words), prog_name="drift")
    assert done.exit_code == 2, done.output
    assert list(folder.iterdir()) == [], "nothing was begun"
    return " ".join(re.sub("[│╭╮╰╯─]", "", done.stderr).split())


@pytest.mark.parametrize("port", ["99999", "65536", "-5", "x"])
@pytest.mark.parametrize("name", WITH_PORT)
def test_a_port_that_there_is_not_is_refused_at_once(name: str, port: str, folder: Path) -> None:
    assert "--port" in refused(folder, *name.split(), "--port", port)


WITH_SERVER = [name for name, command in commands().items() if any("--server" in part.opts for part in command.params)]


@pytest.mark.parametrize(
    "url", ["http://localhost:99999", "http://localhost:-5", "ftp://localhost:80", "http://[::1", "x"]
)
@pytest.mark.parametrize("name", WITH_SERVER)
def test_a_server_without_a_usable_address_is_refused_at_once(name: str, url: str, folder: Path) -> None:
    assert "expected a URL with a port" in refused(folder, *name.split(), "--server", url, "--server_folder", "/tmp")


@pytest.mark.parametrize(
    "url", ["http://u:hush@127.0.0.1:80", "http://u:hush@127.0.0.1", "http://127.0.0.1:80/?token=hush"]
)
@pytest.mark.parametrize("name", WITH_SERVER)
def test_a_secret_in_the_address_of_a_server_is_refused_and_not_shown(name: str, url: str, folder: Path) -> None:
    told = refused(folder, *name.split(), "--server", url, "--server_folder", "/tmp")
    assert "expected" in told and "hush" not in told


@pytest.mark.parametrize("name", ["deploy", "serve"])
def test_port_zero_is_no_usage_error(name: str, folder: Path) -> None:
    done = CliRunner().invoke(app, [name, "--port", "0"], prog_name="drift")
    assert done.exit_code == 1
    assert f"there is no {folder}/mlflow.db" in done.stderr


def test_port_zero_means_a_free_port(tmp_path: Path) -> None:
    from drift.serving.torchserve.process.server import TorchServe
    from drift.serving.torchserve.process.settings import CANDIDATES, choose_ports

    assert set(WITH_PORT) == {"deploy", "serve", "monitor serve"}
    assert TorchServe(tmp_path, port=0).wanted_port is None
    assert choose_ports(0).inference in CANDIDATES


def test_a_real_command_line_ends_with_exit_code_2(tmp_path: Path) -> None:
    for words in (("deploy", "--port", "99999"), ("deploy", "--policy", "nope")):
        done = subprocess.run(
            [sys.executable, "-m", "drift", *words],
            cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done.stdout + done.stderr
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("deploy --policy nope", "nope"),
        ("deploy --policy threshold:70", "threshold:70"),
        ("deploy --policy oracle:3", "which is for drift replay only"),
        ("deploy --policy harm@99", "harm@99"),
        ("deploy --retrain sometimes", "sometimes"),
        ("deploy --promote ask", "--promote ask needs a terminal"),
        ("deploy --format xml", "xml"),
        ("deploy --server http://localhost:1", "--server_folder"),
        ("retrain --promote maybe", "maybe"),
        ("retrain --promote ask", "--promote ask needs a terminal"),
        ("retrain --server_folder .", "--server URL"),
        ("rollback --server http://localhost:1", "--server_folder"),
        ("replay --policies never,nope", "nope"),
        ("replay --policies threshold:x", "threshold:x"),
        ("replay --policies threshold:1.5", "threshold:1.5"),
        ("replay --policies harm+guess", "harm+guess"),
        ("replay --policies never:3", "never:3"),
        ("replay --policies oracle:-1", "oracle:-1"),
        ("replay --data missing.csv --label y --policies nope", "nope"),
        ("images simulate --ramp steep", "steep"),
        ("images simulate --perturbation melting", "melting"),
        ("images simulate --detectors mmd_fused,nose", "nose"),
        ("images simulate --network huge", "huge"),
        ("images kernels --space time", "time"),
        ("images kernels --embedding guess", "guess"),
        ("images kernels --detectors mmd_magic", "mmd_magic"),
        ("images augment --network huge", "huge"),
        ("images augment --perturbation none", "none"),
        ("monitor ingest x.csv --task guess", "guess"),
        ("monitor ingest x.csv --prediction p --every often", "often"),
        ("monitor reference --bad_batches 5/2 --first_batches 3 --why x", "5/2"),
        ("monitor check --expect_every often", "often"),
        ("monitor check --quiet_hours night", "night"),
    ],
)
def test_a_name_that_there_is_not_is_refused_at_once(line: str, got: str, folder: Path) -> None:
    assert got in refused(folder, *line.split())


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("deploy --threshold_accuracy 55", "0.55"),
        ("deploy --threshold_accuracy=70", "0.7"),
        ("deploy --threshold-accuracy 55", "0.55"),
        ("deploy --threshold_accuracy 100", "1"),
        ("deploy --threshold_accuracy 1.5", "0.015"),
        ("deploy --threshold_accuracy 101", None),
        ("deploy --threshold_accuracy -1", None),
        ("deploy --threshold_accuracy x", None),
        ("deploy --promote_level 5", "0.05"),
        ("deploy --promote_level 90", None),  # .9 is none either
        ("deploy --cooldown_blocks -1", None),
        ("compare a.csv b.csv --level 1", None),
        ("monitor reference --truth_share 80", "0.8"),
        ("images kernels --severity 50", "0.5"),
    ],
)
def test_a_percentage_for_a_share_is_asked_about(words: str, meant: str | None, folder: Path) -> None:
    told = refused(folder, *words.split())
    assert (f"it is a share: did you mean {meant}?" in told) is (meant is not None)
    assert ("did you mean" in told) is (meant is not None)


@pytest.mark.parametrize(
    "words", [["monitor", "check", "URL"], ["monitor", "URL"], ["URL"], ["keys", "URL"], ["compare", "a", "b", "URL"]]
)
def test_a_misplaced_address_is_shown_without_its_password(words: list[str]) -> None:
    """Errors of usage go into the logs of schedulers; in a frame, a password may be broken over two lines."""
    url = f"postgresql://u:S3cr3tPw@db.example/{'x' * 50}"
    typed = [url if word == "URL" else word for word in words]
    done = subprocess.run(
        [sys.executable, "-m", "drift", *typed], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "S3cr3tPw" not in (done.stdout + done.stderr).replace("\n", "")
    assert "u:***@" in done.stderr


def test_no_module_of_the_current_folder_is_run(tmp_path: Path) -> None:
    """`python -m` looks there first, and others may write to it."""
    for name in ("typer", "torch", "numpy"):
        (tmp_path / f"{name}.py").write_text("print('RAN')\n")
    checkout = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "drift", "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=240,
        check=False, env=os.environ | {"PYTHONPATH": checkout},
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()[0]) == (0, "drift"), done.stderr


def test_names_of_columns_forge_no_lines_of_a_comparison(folder: Path) -> None:
    (folder / "rows.csv").write_text('"E\nversion 9"\n' + "1\n2\n" * 60)
    answer = CliRunner().invoke(app, ["compare", "rows.csv", "rows.csv"])
    assert answer.exit_code == 1
    assert "expected names of columns without control characters and line breaks in the table rows.csv" in answer.output
    assert "\nversion 9" not in answer.output
