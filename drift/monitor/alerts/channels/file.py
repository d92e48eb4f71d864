"""Alerts to a file, one line of JSON each."""

from __future__ import annotations

import fcntl
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, ClassVar

from drift.errors import DeliveryError
from drift.monitor.alerts.channels.protocol import PANEL, ChannelOptions, Message
from drift.system.options import Option

LOCK_SECONDS = 10.0  # for other writers of a file


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
        import json

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
    import json

    try:
        number = json.loads(line)
    except ValueError:  # torn by a crash
        return None
    return number.get("id") if isinstance(number, dict) else None


@dataclass(frozen=True)
class FileOptions(ChannelOptions):
    """A file that gets messages.

    Attributes:
        file: its path; None for none.
    """

    order: ClassVar[int] = 2
    file: Annotated[Path | None, Option("Append messages to this file, one line of JSON each.", PANEL)] = None

    def channel(self) -> File | None:
        """The channel; None if no file is named."""
        return None if self.file is None else File(self.file.absolute())
