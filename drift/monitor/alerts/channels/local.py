"""Alerts to a command of one's own, and to a file."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar

from drift.errors import DeliveryError, UsageError
from drift.monitor.alerts.channels.protocol import Message, body, shortened
from drift.system.secrets import environment_without_secrets

LOCK_SECONDS = 10.0  # for other writers of a file
LONGEST_VARIABLE = 4_000  # characters; Linux takes 128 kB


@dataclass(frozen=True)
class Command:
    """A command that is given each message as JSON on its standard input, and in DRIFT_ALERT_… variables.

    Variables hold at most 4,000 characters of a value; the JSON has it whole.

    Attributes:
        command: as a shell would read it; no shell does.
        seconds: after which it is ended.
        keep: variables of the environment that it gets although their names or values look like secrets; those of
            this package, of MLflow, of databases and of clouds are kept from it else.
    """

    kind: ClassVar[str] = "command"
    command: str
    seconds: float = 30.0
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            program = (self.command.split() or [""])[0]  # the rest may be a secret
            raise UsageError(
                f"expected a command as a shell would read it, got {program!r} with others: {error}; look at its quotes"
            ) from error
        if not words:
            raise UsageError("expected a command, got nothing")

    @property
    def target(self) -> str:
        """The program, without its arguments, which may be secrets."""
        return shlex.split(self.command)[0]

    def send(self, message: Message) -> None:
        """Run it, never through a shell.

        Raises:
            DeliveryError: it could not be started, took too long, or failed.
        """
        variables = {
            f"DRIFT_ALERT_{name.upper()}": shortened(str(value).replace("\0", ""), LONGEST_VARIABLE)
            for name, value in vars(message).items()
        }
        with tempfile.TemporaryFile() as errors:  # no pipe: a process that it leaves behind would hold it
            try:
                process = subprocess.Popen(
                    shlex.split(self.command), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
                    env={**environment_without_secrets(self.keep), **variables}, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise DeliveryError(f"{self.target} cannot be started: {error.strerror}") from error
            try:
                process.communicate(body(message), timeout=self.seconds)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise DeliveryError(f"{self.target} took more than {self.seconds:g} s and was ended") from error
            if process.returncode:
                errors.seek(0)
                lines = errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
                raise DeliveryError(f"{self.target} ended with {process.returncode}: {lines[-1][:200]}")


@dataclass(frozen=True)
class File:
    """A file that gets one line of JSON for each message; a message that it holds already is not written again."""

    kind: ClassVar[str] = "file"
    path: Path

    @property
    def target(self) -> str:
        """The file."""
        return str(self.path)

    def send(self, message: Message) -> None:
        """Append it, and wait until it is on the disk.

        Raises:
            DeliveryError: the file cannot be written.
        """
        try:
            with self.path.open("a+b") as handle:
                self._lock(handle.fileno())
                handle.seek(0)
                written = handle.read()
                if any(_number(line) == message.id for line in written.splitlines()):
                    return
                torn = b"" if not written or written.endswith(b"\n") else b"\n"
                handle.write(torn + json.dumps(asdict(message), ensure_ascii=False).encode() + b"\n")
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise DeliveryError(f"{self.path} cannot be written: {error.strerror}") from error

    def _lock(self, handle: int) -> None:
        """Keep other writers away; whoever may read the file can hold its lock, and is not waited for without end."""
        deadline = monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if monotonic() > deadline:
                    raise DeliveryError(
                        f"another process has held the lock of {self.path} for {LOCK_SECONDS:g} s: end it, or give a"
                        " file that only you can read"
                    ) from error
                sleep(0.05)
            else:
                return


def _number(line: bytes) -> object:
    try:
        number = json.loads(line)
    except ValueError:  # torn by a crash
        return None
    return number.get("id") if isinstance(number, dict) else None
