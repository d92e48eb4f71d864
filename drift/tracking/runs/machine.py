"""The machine of a run: interpreter, packages and Git commit as parameters, and system metrics while it is open.

The metrics have the keys of MLflow's own monitor. That one sends from its thread, asks the server for the run's state
at every sample, and is waited for without a deadline; a server that is away would hold up a command's end. Here the
thread keeps samples in memory, at most `MOST_SAMPLES` of them however long the run, and the run's owner logs them once,
at the end.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from time import time
from typing import Any

SECONDS = 1.0  # between samples at first; doubled whenever there are too many of them
MOST_SAMPLES = 200
JOIN_SECONDS = 5.0  # for one sample to end; the thread is a daemon and ends with the process in any case
PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "ax-platform", "mlflow", "torchserve")
GIT_SECONDS = 5.0  # for one question to Git
PREFIX = "environment/"


@dataclass(frozen=True)
class SystemSample:
    """What the machine did at one moment.

    Attributes:
        at: seconds since the epoch.
        values: by MLflow's key, such as `system/cpu_utilization_percentage`.
    """

    at: float
    values: dict[str, float]


@dataclass
class SystemSampler:
    """Samples the machine until it is stopped.

    Attributes:
        seconds: between two samples.
        samples: what was read so far, oldest first.
    """

    seconds: float = SECONDS
    samples: list[SystemSample] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample in the background."""
        thread = threading.Thread(target=self._run, daemon=True, name="drift-system-metrics")
        thread.start()
        self._thread = thread  # Ctrl-C may come before: a thread that has not begun cannot be waited for

    def stop(self) -> Sequence[SystemSample]:
        """End the thread, after one last sample, and return all samples."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)
        return tuple(self.samples)

    def _run(self) -> None:
        monitors = _monitors()
        _read(monitors)  # shares of time are since the last reading
        while not self._ended.wait(self.seconds):
            self._keep(_read(monitors))
        self._keep(_read(monitors))

    def _keep(self, values: dict[str, float]) -> None:
        if values:
            self.samples.append(SystemSample(time(), values))
        if len(self.samples) >= MOST_SAMPLES:
            self.samples[:] = self.samples[::2]
            self.seconds *= 2


def _monitors() -> list[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors = []
    for kind in (CPUMonitor, DiskMonitor, NetworkMonitor, GPUMonitor):
        with suppress(Exception):  # no GPU, or no network to ask for
            monitors.append(kind())
    return monitors


def _read(monitors: list[Any]) -> dict[str, float]:
    values: dict[str, float] = {}
    for monitor in monitors:
        with suppress(Exception):  # one reading that fails leaves the others
            monitor.collect_metrics()
            values |= {f"system/{key}": float(value) for key, value in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
    return values


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
        "processors": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        "memory_gigabytes": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f}",
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
