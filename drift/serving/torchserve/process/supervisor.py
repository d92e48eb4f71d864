"""The process that owns TorchServe and outlives us. A script on its own: standard library only.

    python supervisor.py TEMP KEY_FILE -- COMMAND...

TorchServe's launcher forks a JVM, which forks the workers; killing our child alone would leave them
holding the ports. So the supervisor starts COMMAND as the leader of a new session and ends that whole session when

    - its own standard input ends: the pipe from the deployment, which closes however that one ended;
    - the deployment is gone although a forked child of it still holds the pipe open;
    - it gets a signal to end (SIGTERM, SIGINT, SIGHUP);
    - COMMAND ends, as when the JVM was killed: its workers must not survive it.

At the end it removes the temporary folder TEMP and the server's keys.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

GRACE_SECONDS = 8.0  # from SIGTERM to SIGKILL; TorchServe needs about 2.5
POLL_SECONDS = 0.25
PR_SET_CHILD_SUBREAPER = 36


def main(temp: Path, key_file: Path, command: list[str]) -> None:
    """Run `command` until it, or the deployment, ends; leave nothing behind."""
    signals: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    _adopt_orphans()
    deployment = os.getppid()
    try:
        leader = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            while leader.poll() is None and os.getppid() == deployment and not signals:
                if select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
                    break  # nothing is ever written into the pipe: readable means closed
        finally:
            _end_group(leader.pid)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
        key_file.unlink(missing_ok=True)


def _adopt_orphans() -> None:
    """Become the parent of workers whose JVM died, to reap them.

    In a container whose first process reaps nothing they would stay as zombies, and a group of
    zombies looks alive to `killpg`. Linux only; elsewhere the system does it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_group(group: int) -> None:
    """End every process of `group`: politely, then not."""
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        deadline = time.monotonic() + seconds
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        while time.monotonic() < deadline:
            if not _group_lives(group):
                return
            time.sleep(0.05)


def _group_lives(group: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


if __name__ == "__main__":
    _, temp_, key_file_, _, *command_ = sys.argv
    main(Path(temp_), Path(key_file_), command_)
