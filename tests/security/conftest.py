"""A second local user, who wants to read, run or change what is not theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import nothing_left, promoted, temp_folder, tracking_server
from tests.monitor.conftest import database, postgres

__all__ = ["database", "nothing_left", "postgres", "promoted", "temp_folder", "tracking_server"]  # fixtures

USER = 48_213  # no account needs to exist: the kernel goes by numbers


@dataclass(frozen=True)
class OtherUser:
    """Runs commands under another user id, in a folder of theirs."""

    folder: Path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command of theirs."""
        return subprocess.Popen(
            command, user=USER, group=USER, extra_groups=[], cwd=self.folder, text=True, umask=0o022,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *command: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command of theirs to its end."""
        process = self.start(*command)
        out, err = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def python(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start Python code of theirs, by an interpreter that they may run."""
        return self.start(_interpreter(), "-I", "-c", code, *arguments)


def _interpreter() -> str:
    """The system's Python where ours lies in a folder that others may not enter."""
    usual = Path(sys.executable).resolve()
    open_to_all = all(parent.stat().st_mode & 0o001 for parent in usual.parents)
    return str(usual) if open_to_all else shutil.which("python3", path="/usr/bin:/bin") or "/usr/bin/python3"


@pytest.fixture
def other_user() -> Iterator[OtherUser]:
    """The other user; needs root, who alone can become somebody else."""
    if os.geteuid() != 0 and os.environ.get("DRIFT_TEST_SECOND_USER"):
        pytest.fail("expected to run as root, who alone can start processes of a second user")
    if os.geteuid() != 0:
        pytest.skip("only root can start processes of a second user; run these tests as root, as .ci/run does")
    folder = Path(tempfile.mkdtemp(prefix="drift-other-user-"))
    os.chown(folder, USER, USER)
    yield OtherUser(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter and list, as a home folder often is; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="drift-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
