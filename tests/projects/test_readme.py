"""Every command and every Python block of the README, in order, as printed, in a clean copy of the project.

They depend on one another as they do for a reader, so those of one chain are one test: run again, it begins in a new
copy. After the commands of the README come the examples of the commands' own help, in the same copy. What needs nothing
of the others, the experiments on images, is a test of its own for each command. What is not run is in `SKIPPED`, with
the reason.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.examples import examples

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3_600)]  # of a chain of about fifty commands
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECONDS = 1_800  # that a command may take on a busy machine before it counts as hanging
SKIPPED = {"make test": "the suite that this test belongs to"}
SERVERS = ("drift serve", "drift monitor serve")  # run until Ctrl-C
CODES = {"drift deploy --resume": {1}}  # nothing was interrupted, which is what it then says
GOOD = {0, 3, 4}  # done; drift; a challenger that was refused
OFFLINE = "cannot be downloaded"  # how a command ends where no host of its pictures can be reached


def commands() -> list[str]:
    """Commands of the console blocks, without comments, in order."""
    blocks = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [re.split(r"\s+#", line.removeprefix("$ "))[0].strip() for line in lines if line.startswith("$ ")]


def alone(command: str) -> bool:
    """Whether a command needs nothing of those before it."""
    return command.startswith("drift images ")


def chain() -> list[str]:
    """What is run in one folder, in this order: commands of the README, then examples of the help that are others."""
    return [command for command in dict.fromkeys((*commands(), *examples().values())) if not alone(command)]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A copy for one test, so that it can be run again."""
    return clone(tmp_path / "clone")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for commands that need nothing of one another, so that pictures are downloaded once."""
    return clone(tmp_path_factory.mktemp("clone"))


def clone(folder: Path) -> Path:
    """The files of a clone, with the environment as `make install` leaves it."""
    line = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv" / ".ready").touch()
    return folder


def environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DRIFT_HOME"))}
    return kept | {"PYTHONPATH": str(folder), "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}


def run(command: str, folder: Path) -> None:
    """Run a command as a shell does, and check its exit code."""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if alone(command) and done.returncode == 1 and OFFLINE in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode in CODES.get(command, GOOD), f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert "Traceback" not in done.stderr


def run_until_interrupted(command: str, folder: Path) -> None:
    """Wait for a server's address, press Ctrl-C, and wait for its end."""
    with subprocess.Popen(
        command.split(),
        cwd=folder,
        env=environment(folder) | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        end = threading.Timer(SECONDS, process.kill)
        end.start()
        try:
            assert process.stdout is not None
            printed = []
            for line in process.stdout:
                printed.append(line)
                if "http://" in line:
                    break
            process.send_signal(signal.SIGINT)
            printed.append(process.stdout.read())
            assert process.wait() in (0, 130), "".join(printed)
            assert "http://" in "".join(printed)
        finally:
            end.cancel()
            process.kill()


def run_either(command: str, folder: Path) -> None:
    (run_until_interrupted if command in SERVERS else run)(command, folder)


def test_every_command_and_example_runs_as_printed(clean: Path) -> None:
    failures = []
    for command in chain():
        if command in SKIPPED:
            continue
        began = time.monotonic()
        try:
            run_either(command, clean)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failures.append(f"{command}\n{error}")
        print(f"{time.monotonic() - began:6.1f} s  {command}", flush=True)  # `-s` shows it as it comes
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("command", dict.fromkeys(line for line in (*commands(), *examples().values()) if alone(line)))
def test_every_experiment_on_images_runs_as_printed(shared: Path, command: str) -> None:
    run(command, shared)


def test_the_python_blocks_of_the_readme_run_as_printed(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL))
    line = [sys.executable, "-c", code]
    done = subprocess.run(
        line, cwd=tmp_path, env=environment(ROOT), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
