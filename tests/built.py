"""Folders that are built once for all workers of a run, then copied: projects whose first commands every test needs."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drift.tracking.connection.sqlite_file import find_moved_artifacts

ROOT = Path(__file__).parents[1]
SECONDS = 400  # for one command
MODEL, EXPERIMENT = "drift_model", "drift"  # the names of the commands
TRAIN_ROWS = 17_424
QUICK_TRAINING = ("--max_epochs", "1", "--total_trials", "2")
QUICK_RETRAIN = (*QUICK_TRAINING, "--window_rows", "4000")
FIVE_BLOCKS = ("--test_data_rows", "100", "--block_size", "20")
NONE_FLAGGED = ("--threshold_accuracy", "0")
IN_EXPERIMENT = ("--mlflow_experiment_name", EXPERIMENT)


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """A folder that whichever worker needs it first builds, while the others wait; nobody may change it afterwards.

    Args:
        factory: of the run's temporary folders.
        name: of the folder, different for all that are built.
        build: fills the empty folder.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of all workers
    folder, complete = root / "built" / name, root / "built" / f"{name}.complete"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed
            folder.mkdir()
            build(folder)
            complete.touch()
    return folder


def copied(folder: Path, target: Path) -> Path:
    """A copy to be changed, whose file of MLflow names the artifacts of the copy."""
    shutil.copytree(folder, target, symlinks=True, dirs_exist_ok=True)
    find_moved_artifacts(target / "mlflow.db", create=False)
    return target


def run_drift(folder: Path, *words: str, codes: tuple[int, ...] = (0,)) -> str:
    """What a command writes that ends with one of the exit codes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DRIFT_HOME"))}
    done = subprocess.run(
        [sys.executable, "-m", "drift", *words], cwd=folder, env=kept, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode in codes, done.stderr
    return done.stdout


def trained_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder with a base model; what the command wrote is in `base.txt`."""

    def train(folder: Path) -> None:
        words = ("base", *QUICK_TRAINING, "--train_rows", str(TRAIN_ROWS), *IN_EXPERIMENT)
        (folder / "base.txt").write_text(run_drift(folder, *words))

    return built_once(factory, "trained", train)


def deployed_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder whose base model is champion, version 1, and has scored five blocks."""

    def deploy(folder: Path) -> None:
        run_drift(copied(trained_folder(factory), folder), "deploy", *FIVE_BLOCKS, *NONE_FLAGGED, *IN_EXPERIMENT)

    return built_once(factory, "deployed", deploy)


def promoted_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder whose champion is version 2; version 1 is previous."""

    def promote(folder: Path) -> None:
        words = ("retrain", *QUICK_RETRAIN, "--promote", "always", *IN_EXPERIMENT)
        run_drift(copied(deployed_folder(factory), folder), *words)

    return built_once(factory, "promoted", promote)


def wheel(factory: pytest.TempPathFactory) -> Path:
    """The project's wheel."""

    def build(folder: Path) -> None:
        line = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=folder)
        assert done.returncode == 0, done.stderr

    (made,) = built_once(factory, "wheel", build).glob("*.whl")
    return made
