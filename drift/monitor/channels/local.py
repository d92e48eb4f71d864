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
from typing import ClassVar

from drift.errors import DeliveryError, UsageError
from drift.monitor.channels.protocol import Message, body
from drift.secrets import environment_without_secrets


@dataclass(frozen=True)
class Command:
    """A command that is given each message as JSON on its standard input, and in DRIFT_ALERT_… variables.

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
            raise UsageError(f"expected a command as a shell would read it, got {self.command!r}: {error}") from error
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
            f"DRIFT_ALERT_{name.upper()}": str(value).replace("\0", "") for name, value in vars(message).items()
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
                fcntl.flock(handle, fcntl.LOCK_EX)
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


def _number(line: bytes) -> object:
    try:
        found = json.loads(line)
    except ValueError:  # torn by a crash
        return None
    return found.get("id") if isinstance(found, dict) else None
