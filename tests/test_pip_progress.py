"""`make install` says how far it is, and why it failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from pip_progress import Progress, packages_wanted, progress_line  # type: ignore[import-not-found]  # noqa: E402


def test_a_line_has_percentage_and_time_left() -> None:
    assert progress_line("fetching", 50, 200, 20.0) == (
        "installing: fetching 25% (50 of 200 packages), about 60 s left"
    )
    assert progress_line("fetching", 0, 0, 7.0) == "installing: fetching, 7 s so far"


def test_both_steps_are_counted(tmp_path: Path) -> None:
    """Packages of an index and of a disk, and then what is unpacked beside what was there."""
    (tmp_path / "pip-26.dist-info").mkdir()
    now = [0.0]
    progress = Progress(4, tmp_path, clock=lambda: now[0])
    for line in (
        "Collecting a==1",
        "  Downloading a-1.whl",
        "Processing /disk/b-1.whl",
        "Requirement already satisfied: c",
    ):
        progress.read(line)
    now[0] = 30.0
    assert progress.line() == "installing: fetching 75% (3 of 4 packages), about 10 s left"
    progress.read("Installing collected packages: a, b")
    (tmp_path / "a-1.dist-info").mkdir()
    now[0] = 50.0
    assert progress.line() == "installing: unpacking 50% (1 of 2 packages), about 20 s left"


def test_packages_of_the_lock_are_counted(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# of 2026\nnumpy==2.0\n\ntorch==2.13.0\n--extra-index-url https://example.org\n", encoding="utf-8")
    assert packages_wanted(["install", "-r", str(lock)]) == 2


def test_make_installs_with_progress_and_nothing_is_silent() -> None:
    lines = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if " install " in line]
    installs = [line for line in lines if "$(PIP_ARGS)" in line and line.startswith("\t")]
    assert len(installs) >= 2
    assert all("tools/pip_progress.py" in line and " -q" not in line for line in installs)


@pytest.mark.parametrize("package", ["a-name-that-is-not-there==0"])
def test_a_failure_prints_what_pip_said(package: str) -> None:
    found = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "pip_progress.py"), "install", "--no-index", "--no-deps", package],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert "No matching distribution found" in found.stderr
