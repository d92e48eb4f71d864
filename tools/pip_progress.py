"""Run pip with a line of progress every few seconds instead of hundreds of lines, or of none; used by the Makefile.

    python tools/pip_progress.py install -r requirements.lock

Needs nothing but Python. When pip fails, all that it said is printed, and its exit code is that of this program.
"""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

SECONDS = 5.0  # between lines


def packages_wanted(arguments: list[str]) -> int:
    """Number of packages that the requirement files among pip's arguments name; 0 if there are none."""
    files = [arguments[at + 1] for at, word in enumerate(arguments[:-1]) if word == "-r"]
    lines = [line.strip() for name in files for line in Path(name).read_text(encoding="utf-8").splitlines()]
    return sum(1 for line in lines if line and not line.startswith(("#", "-")))


def progress_line(packages: int, wanted: int, seconds: float, last: str) -> str:
    """One line of progress.

    Args:
        packages: that pip has looked at.
        wanted: in all; 0 is not known.
        seconds: since the beginning.
        last: what pip said last.

    >>> progress_line(50, 200, 20.0, "Collecting numpy")
    'installing: 25% (50 of 200 packages), about 60 s left; Collecting numpy'
    """
    if not wanted:
        return f"installing: {seconds:.0f} s so far; {last}"
    share = min(packages / wanted, 1.0)
    if share in (0.0, 1.0):
        return f"installing: {share:.0%} ({packages} of {wanted} packages), {seconds:.0f} s so far; {last}"
    left = seconds / share * (1 - share)
    return f"installing: {share:.0%} ({packages} of {wanted} packages), about {left:.0f} s left; {last}"


def main(arguments: list[str]) -> int:
    """Run pip; returns its exit code."""
    wanted, began, said, packages, last = packages_wanted(arguments), time.monotonic(), [], set(), "starting pip"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "--progress-bar", "off"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        lines: queue.Queue[str] = queue.Queue()
        output = pip.stdout
        assert output is not None  # noqa: S101  # a pipe was asked for
        reader = threading.Thread(target=lambda: [lines.put(line) for line in output], daemon=True)
        reader.start()
        last_line = began
        while reader.is_alive() or not lines.empty():
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                line = ""
            if line:
                said.append(line)
                last = line.strip()[:60] or last
                match = re.match(
                    r"(?:Collecting|Requirement already satisfied:|Using cached|Downloading) ([\w.\-]+)", line
                )
                if match and line.startswith(("Collecting", "Requirement")):
                    packages.add(re.split(r"[=<>!\[]", match[1])[0].lower())
            if time.monotonic() - last_line >= SECONDS:
                last_line = time.monotonic()
                print(progress_line(len(packages), wanted, last_line - began, last), flush=True)
        reader.join()
    if pip.returncode:
        print("".join(said), file=sys.stderr)
    else:
        print(f"installed in {time.monotonic() - began:.0f} s", flush=True)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
