"""Run pip with a line of progress every few seconds instead of hundreds of lines, or of none; used by the Makefile.

    python tools/pip_progress.py install -r requirements.lock

Needs nothing but Python. When pip fails, all that it said is printed, and its exit code is that of this program.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 5.0  # between lines


def packages_wanted(arguments: list[str]) -> int:
    """Number of packages that the requirement files among pip's arguments name; 0 if there are none."""
    files = [arguments[at + 1] for at, word in enumerate(arguments[:-1]) if word == "-r"]
    lines = [line.strip() for name in files for line in Path(name).read_text(encoding="utf-8").splitlines()]
    return sum(1 for line in lines if line and not line.startswith(("#", "-")))


def progress_line(step: str, packages: int, wanted: int, seconds: float) -> str:
    """One line of progress.

    Args:
        step: what pip is doing, "fetching" or "unpacking".
        packages: for which it has done so.
        wanted: packages in all; 0 is not known.
        seconds: since this step began.

    >>> progress_line("fetching", 50, 200, 20.0)
    'installing: fetching 25% (50 of 200 packages), about 60 s left'
    """
    if not wanted:
        return f"installing: {step}, {seconds:.0f} s so far"
    share = min(packages / wanted, 1.0)
    text = f"installing: {step} {share:.0%} ({min(packages, wanted)} of {wanted} packages)"
    if share in (0.0, 1.0):
        return f"{text}, {seconds:.0f} s so far"
    return f"{text}, about {seconds / share * (1 - share):.0f} s left"


class Progress:
    """How far pip is, by its own lines while it fetches, and by what it has unpacked afterwards.

    Args:
        wanted: packages in all; 0 is not known.
        folder: into which it unpacks.
        clock: seconds that never go back.
    """

    def __init__(self, wanted: int, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.step, self.wanted, self.folder, self.clock = "fetching", wanted, folder, clock
        self.fetched = self.before = 0
        self.began = clock()

    def read(self, line: str) -> None:
        """Take a line of pip's into account; a local file is "processed" where others are "collected"."""
        if line.startswith(("Collecting ", "Processing ", "Requirement already satisfied: ")):
            self.fetched += 1
        elif line.startswith("Installing collected packages: "):
            self.step, self.wanted = "unpacking", line.count(",") + 1
            self.before, self.began = self.unpacked(), self.clock()

    def unpacked(self) -> int:
        """Packages in the folder."""
        return sum(1 for _ in self.folder.glob("*.dist-info"))

    def line(self) -> str:
        """One line of progress."""
        packages = self.fetched if self.step == "fetching" else self.unpacked() - self.before
        return progress_line(self.step, max(packages, 0), self.wanted, self.clock() - self.began)


def main(arguments: list[str]) -> int:
    """Run pip; returns its exit code."""
    began, output = time.monotonic(), []
    progress = Progress(packages_wanted(arguments), Path(sysconfig.get_path("purelib")))
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "--progress-bar", "off"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        lines: queue.Queue[str] = queue.Queue()
        stream = pip.stdout
        assert stream is not None  # noqa: S101  # a pipe was asked for
        reader = threading.Thread(target=lambda: [lines.put(line) for line in stream], daemon=True)
        reader.start()
        printed = began
        while reader.is_alive() or not lines.empty():
            try:
                output.append(lines.get(timeout=0.2))
                progress.read(output[-1])
            except queue.Empty:
                pass
            if time.monotonic() - printed >= SECONDS:
                printed = time.monotonic()
                print(progress.line(), flush=True)
        reader.join()
    if pip.returncode:
        print("".join(output), file=sys.stderr)
    else:
        print(f"installed in {time.monotonic() - began:.0f} s", flush=True)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
