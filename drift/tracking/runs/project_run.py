"""The run that `mlflow run` makes before it starts a command: when it is ours, and where it was called."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift.errors import MissingPackageError, TrackingError
from drift.invocation import ProjectCall, set_project_call
from drift.system.quiet import quiet
from drift.tracking.connection.addresses import PREFIX, address_of, file_of, with_driver
from drift.tracking.connection.sqlite_file import reading_address
from drift.tracking.connection.store import check_database, mlflow_errors, set_timeouts

if TYPE_CHECKING:
    import psutil

RUN, EXPERIMENT, EXPERIMENT_NAME, URI = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_TRACKING_URI",
)
DEFAULT_EXPERIMENT_ID = "0"  # in which MLflow makes a run when no experiment was named
WITH_VALUE = {  # options of `mlflow run` that the next command does not repeat
    "-e", "--entry-point", "-P", "--param-list", "-A", "--docker-args", "--experiment-name", "--experiment-id",
    "-c", "--backend-config", "--run-id", "--run-name",
}  # fmt: skip
REPEATED = {"-v", "--version", "--env-manager", "-b", "--backend", "--storage-dir"}  # with a value, and kept


@dataclass(frozen=True)
class ThisProcess:
    """What decides whether the run in MLFLOW_RUN_ID was made for this process.

    Attributes:
        command: such as `base`.
        words: the arguments of the command line after it.
        folder: the current folder.
        program: the script that runs, or None for `python -m drift`.
        experiment: the id in MLFLOW_EXPERIMENT_ID, which `mlflow run` sets with that of the run.
    """

    command: str
    words: tuple[str, ...]
    folder: Path
    program: Path | None
    experiment: str | None = None


def adopt_project_run(command: str, words: Sequence[str]) -> str | None:
    """Take MLFLOW_RUN_ID out of the environment, and adopt the run if `mlflow run` made it for this process.

    An adopted run moves this process into the folder in which `mlflow run` was called, so that databases, reports and
    relative paths are those of that folder; its experiment becomes the default one, if one was named.

    Args:
        command: such as `base`.
        words: the arguments that follow it.

    Returns:
        Why the run is ignored, as one line; None if it was adopted or if none was named.
    """
    run_id = os.environ.pop(RUN, None)
    experiment = os.environ.pop(EXPERIMENT, None)
    if not run_id:
        return None
    if find_spec("mlflow") is None:
        return f"MLFLOW_RUN_ID {run_id} is ignored: mlflow is not installed"
    caller = _caller(run_id)
    if caller is not None and not _is_python(caller):
        return f"MLFLOW_RUN_ID {run_id} is ignored: it was set in {caller.name()}, not by `mlflow run`"
    folder = None if caller is None else Path(caller.cwd())
    uri = _absolute(os.environ.get(URI), folder)
    script = Path(sys.argv[0])
    program = None if script.name == "__main__.py" else script.absolute()
    this_process = ThisProcess(command, tuple(words), Path.cwd(), program, experiment)
    reason, run_and_experiment = _look_up(run_id, uri, this_process)
    if reason is not None or uri is None:
        return f"MLFLOW_RUN_ID {run_id} is ignored: {reason}"
    run, experiment_name = run_and_experiment
    _adopt(run, experiment_name, uri, caller, folder)
    return None


def refusal(run: Any, this_process: ThisProcess) -> str | None:
    """Why a run of MLflow is not one that `mlflow run` made for this process; None if it is.

    Args:
        run: an `mlflow.entities.Run`.
        this_process: of this process.
    """
    tags, status, run_experiment = run.data.tags, run.info.status, str(run.info.experiment_id)
    point = tags.get("mlflow.project.entryPoint")
    outside = this_process.program is not None and this_process.program.parent != this_process.folder
    values = dict(zip(this_process.words, this_process.words[1:], strict=False))
    others = [
        name for name, value in run.data.params.items() if values.get(f"--{name}") not in (value, _unquoted(value))
    ]
    conditions = (
        (status != "RUNNING", f"that run is {status}, not RUNNING"),
        (tags.get("mlflow.source.type") != "PROJECT", "that run was not made by `mlflow run`"),
        (run_experiment != this_process.experiment, f"`mlflow run` sets {EXPERIMENT}, too, and it is not that run's"),
        (any(name.startswith("drift.") for name in tags), "another process of this project has taken it"),
        (
            ("base" if point == "main" else point) != this_process.command,
            f"that run is of the entry point {point!r}, not of {this_process.command!r}",
        ),
        (outside or not (this_process.folder / "MLproject").is_file(), "that run is of another project"),
        (bool(others), f"that run was made for another command line (another --{', --'.join(others)})"),
    )
    return next((reason for refused, reason in conditions if refused), None)


def _unquoted(value: str) -> str:
    """A parameter as it reaches the command: MLflow logs it quoted for the shell."""
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value


def _look_up(run_id: str, uri: str | None, this_process: ThisProcess) -> tuple[str | None, Any]:
    if uri is None:
        return f"`mlflow run` sets {URI}, too, and it is not set", None
    set_timeouts()
    try:
        check_database(with_driver(uri))
        with mlflow_errors("reading it"), quiet():
            import mlflow

            database = file_of(uri)  # MLflow would make it, though the command may only read, or be refused
            client = mlflow.MlflowClient(with_driver(uri) if database is None else reading_address(database))
            run = client.get_run(run_id)
            name = client.get_experiment(run.info.experiment_id).name
    except (TrackingError, MissingPackageError) as error:
        return f"it cannot be read ({error})", None
    return refusal(run, this_process), (run, name)


def _adopt(run: Any, experiment: str, uri: str, caller: psutil.Process | None, folder: Path | None) -> None:
    os.environ[URI] = uri
    if str(run.info.experiment_id) != DEFAULT_EXPERIMENT_ID:
        os.environ[EXPERIMENT_NAME] = experiment
    code = str(Path(sys.path[0]).absolute())  # of this project, for the processes that this one starts elsewhere
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (code, os.environ.get("PYTHONPATH"))))
    sys.argv[0] = str(Path(sys.argv[0]).absolute())
    words = _typed(caller.cmdline() if caller else [], run.data.tags)
    database = file_of(uri) if uri.startswith(f"{PREFIX}/") else None
    state = database.parent if database else folder or _lasting(uri)
    set_project_call(ProjectCall(words, folder or Path.cwd(), state, run.info.run_id))
    if folder is not None:
        os.chdir(folder)


def _caller(run_id: str) -> psutil.Process | None:
    """The process that set the run's id, as `mlflow run` does: the nearest one above that was not given it."""
    import psutil

    try:
        for process in psutil.Process().parents():
            if process.pid == 1:
                return None
            if process.environ().get(RUN) != run_id:
                process.cwd()
                return process
    except psutil.Error:
        return None
    return None


def _is_python(process: psutil.Process) -> bool:
    """Whether `mlflow run`, or Python that calls `mlflow.projects.run`, may be this process: a shell is neither."""
    import psutil

    try:
        return Path(process.exe()).name.lower().startswith(("python", "pypy"))
    except (psutil.Error, OSError):  # it has ended, or is another user's
        return False


def _absolute(uri: str | None, folder: Path | None) -> str | None:
    """A database by a relative path was meant from the folder in which `mlflow run` was called."""
    if uri and folder is not None and not uri.startswith(f"{PREFIX}/") and (file := file_of(uri)) is not None:
        _, mark, query = uri.partition("?")
        return f"{address_of(folder / file.relative_to(Path.cwd()))}{mark}{query}"
    return uri or None


def _lasting(uri: str) -> Path:
    """A folder that stays, when nobody knows where `mlflow run` was called; MLflow's copy of a project does not."""
    if not Path.cwd().is_relative_to(Path(tempfile.gettempdir()).resolve()):
        return Path.cwd()
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "drift" / sha256(uri.encode()).hexdigest()[:12]


def _typed(line: Sequence[str], tags: Mapping[str, str]) -> tuple[str, ...]:
    """`mlflow run URI` with the options that decide where the code comes from and what runs it."""
    words = list(line)
    start = next((n + 1 for n, word in enumerate(words) if n and word == "run" and "mlflow" in words[n - 1]), None)
    if start is None:  # called from Python
        manager = tags.get("mlflow.project.env", "local")
        return ("mlflow", "run", tags.get("mlflow.source.name", "."), "--env-manager", manager)
    program = words[start - 2]
    reached = shutil.which("mlflow")
    known = reached is not None and Path(program).is_file() and Path(reached).samefile(program)
    kept, rest = ["mlflow" if known or not Path(program).is_file() else program, "run"], iter(words[start:])
    for word in rest:
        name, equals, _ = word.partition("=")
        if name in REPEATED:
            kept += [word] if equals else [word, next(rest, "")]
        elif name in WITH_VALUE:
            if not equals:
                next(rest, None)
        elif not word.startswith("-"):
            kept.append(word)
    return tuple(kept)
