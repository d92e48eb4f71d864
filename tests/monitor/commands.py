"""The monitor's commands as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import wait_until


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass
class Commands:
    """Runs `drift monitor ...` in a folder."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that runs on; what it says goes to files of the folder."""
        with (self.folder / "out.txt").open("w") as out, (self.folder / "err.txt").open("w") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "drift", "monitor", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, text=True, env=self._environment(), start_new_session=True,
            )  # fmt: skip

    def run(self, *arguments: str, seconds: float = 240) -> Done:
        """A command, to its end."""
        process = self.start(*arguments)
        try:
            code = process.wait(timeout=seconds)
        finally:
            process.kill()
        return Done(code, self.said(), (self.folder / "err.txt").read_text())

    def said(self) -> str:
        """What the last command has said so far."""
        return (self.folder / "out.txt").read_text()

    def wait_for(self, words: str, *, seconds: float = 240) -> str:
        """What the last command said, as soon as it holds some words."""
        wait_until(
            lambda: words in self.said(), seconds,
            what=lambda: f"{words!r} in {self.said()!r}; {(self.folder / 'err.txt').read_text()!r}",
        )  # fmt: skip
        return self.said()

    def _environment(self) -> dict[str, str]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("DRIFT_")}
        return outside | {"NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"} | dict(self.environment)
