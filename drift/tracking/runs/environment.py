"""What a run was made with: interpreter, packages, machine and Git commit, as parameters and as a list of packages."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "ax-platform", "mlflow", "torchserve")
GIT_SECONDS = 5.0  # for one question to Git
PREFIX = "environment/"


@cache
def environment(folder: Path) -> dict[str, str]:
    """Parameters of a process, by key; the Git keys are there only if `folder` is in a repository.

    Args:
        folder: the current folder of the process.
    """
    from drift import __version__

    values = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "host": platform.node(),
        "processors": str(_processors()),
        "memory_gigabytes": f"{_memory_bytes() / 1e9:.1f}",
        "drift": __version__,
    }
    values |= {package: _version(package) for package in PACKAGES}
    return {f"{PREFIX}{key}": value for key, value in (values | _git(folder)).items()}


@cache
def installed_packages() -> str:
    """All installed distributions as lines `name==version`, sorted: what pip could install again."""
    names = {(str(each.metadata["Name"]), each.version) for each in distributions() if each.metadata["Name"]}
    return "\n".join(f"{name}=={number}" for name, number in sorted(names, key=lambda pair: pair[0].lower())) + "\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _git(folder: Path) -> dict[str, str]:
    git = shutil.which("git")
    commit = _answer(git, folder, "rev-parse", "HEAD") if git else None
    if git is None or not commit:
        return {}
    changed = _answer(git, folder, "status", "--porcelain", "--untracked-files=no")
    branch = _answer(git, folder, "rev-parse", "--abbrev-ref", "HEAD") or "unknown"
    return {
        "git_commit": commit,
        "git_branch": branch,
        "git_changed": "unknown" if changed is None else str(bool(changed)),
    }


def _answer(git: str, folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            [git, *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
