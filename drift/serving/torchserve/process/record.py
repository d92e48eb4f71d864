"""What a folder says about its server, and the end of one that lost its deployment and its supervisor.

`server` writes `server.json` when it starts one; `drift status` reads it, and the next start cleans
up by it. A process belongs to a server when its environment names that server's temporary folder:
true of the supervisor, the launcher, the JVM and the workers, whoever is left, and never of a process
that was given the number of a dead one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from drift.errors import StateError
from drift.system.disk import require_owner, write_at_once

RECORD = "server.json"
KEY_FILE = "key_file.json"
SUPERVISOR = "guard"  # its key in the record
TEMP_PREFIX = "drift-"
TEMP_NAME = re.compile(rf"{TEMP_PREFIX}[a-z0-9_]{{8}}")  # as tempfile.mkdtemp makes them
GRACE_SECONDS = 8.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, distinct from a later one with the same number.

    Attributes:
        pid: process number.
        created: seconds since the epoch, as psutil reports it.
    """

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The stamp of the living process `pid`."""
        return cls(pid, psutil.Process(pid).create_time())

    @property
    def lives(self) -> bool:
        """Whether this very process runs (a zombie does not)."""
        try:
            process = psutil.Process(self.pid)
            return (
                abs(process.create_time() - self.created) < 1.5  # the clock may have been adjusted since
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return False


@dataclass(frozen=True)
class ServerRecord:
    """One server, as its folder remembers it.

    Attributes:
        owner: the deployment that started it.
        supervisor: the process that ends it.
        inference_url: where predictions are asked for.
        management_url: where models are loaded.
        temp: its temporary folder, which also marks its processes.
    """

    owner: ProcessIdentity
    supervisor: ProcessIdentity
    inference_url: str
    management_url: str
    temp: str

    @property
    def processes(self) -> list[psutil.Process]:
        """Every living process of this server: supervisor, launcher, JVM, workers."""
        if TEMP_NAME.fullmatch(Path(self.temp).name) is None:  # no server of ours has such a folder
            return []
        return [process for process in psutil.process_iter() if _temp_of(process) == self.temp]

    @property
    def orphaned(self) -> bool:
        """Whether the deployment that started it is gone."""
        return not self.owner.lives

    def write(self, folder: Path) -> None:
        """Put this record into `folder`, whole or not at all."""
        stored = {SUPERVISOR if key == "supervisor" else key: value for key, value in asdict(self).items()}
        write_at_once(folder / RECORD, (json.dumps(stored, indent=2) + "\n").encode(), private=True)


def read_record(folder: Path) -> ServerRecord | None:
    """The record that `folder` holds, of a server that lives or not; None without one.

    Raises:
        StateError: there is one that cannot be read, so that nobody knows whether that server still answers.
    """
    path = folder / RECORD
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        owner, supervisor = (ProcessIdentity(**stored.pop(role)) for role in ("owner", SUPERVISOR))
        return ServerRecord(owner=owner, supervisor=supervisor, **stored)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
        raise StateError(
            f"the record {path} of a server cannot be read: {reason}; end that server if it still runs (its processes"
            f" have {folder} in their command lines: pgrep -f {folder}), then delete the file"
        ) from error


def running(folder: Path) -> ServerRecord | None:
    """The server of `folder` when any process of it still lives, else None."""
    record = read_record(folder)
    return record if record and (record.supervisor.lives or record.processes) else None


def end_orphan(folder: Path) -> bool:
    """End what a killed deployment left in `folder`, and say whether there was something.

    Raises:
        StateError: the server of `folder` belongs to a deployment that still runs, or the record is another user's.
    """
    record = read_record(folder)
    if record is None:
        return False
    for place in (folder, folder / RECORD):  # it names processes that are ended, and a folder that is deleted
        require_owner(place)
    ours_without_supervisor = record.owner.pid == os.getpid() and not record.supervisor.lives
    if not record.orphaned and not ours_without_supervisor and record.processes:
        raise StateError(
            f"{folder} is in use by process {record.owner.pid}: wait for it, end it, or give another folder"
        )
    ended = end_processes(record.processes)
    if _is_temporary(Path(record.temp)):
        shutil.rmtree(record.temp, ignore_errors=True)
    for name in (KEY_FILE, RECORD):
        (folder / name).unlink(missing_ok=True)
    return ended


def end_processes(processes: list[psutil.Process]) -> bool:
    """End `processes`: politely, then not. Says whether there were any."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)
    return bool(processes)


def _is_temporary(folder: Path) -> bool:
    """Whether a folder may be one that a server of this user had for its temporary files, and may be deleted."""
    try:
        status = folder.lstat()
    except OSError:  # its supervisor has removed it
        return False
    below = {Path(place).resolve() for place in (tempfile.gettempdir(), "/tmp")}  # noqa: S108
    return (
        TEMP_NAME.fullmatch(folder.name) is not None
        and folder.parent.resolve() in below
        and stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and not status.st_mode & 0o077
    )


def _temp_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("TEMP")
    except (psutil.Error, OSError):  # another user's, or gone
        return None
