"""How this process was started, so that every command that is printed works when it is typed in the same place."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = ("base", "deploy", "retrain")  # commands with a script of their own, `base_model.py` and so on
ENTRY_POINTS = (*SCRIPTS, "rollback", "status", "history", "replay")  # of MLproject

Options = Mapping[str, object]


@dataclass(frozen=True)
class ProjectCall:
    """The `mlflow run` that started this process.

    Attributes:
        words: what was typed up to the options of the entry point, such as `mlflow run . --env-manager local`.
        folder: the folder that it was typed in; relative paths of `-P` are resolved there.
        state: the folder that holds `.drift` and `reports`: that of MLflow's SQLite file, else `folder`.
        run_id: of the MLflow run that it made for this process.
    """

    words: tuple[str, ...]
    folder: Path
    state: Path
    run_id: str = ""


_project_call: list[ProjectCall] = []  # one element at most; a process is started once


def set_project_call(call: ProjectCall) -> None:
    """Remember that `mlflow run` started this process."""
    _project_call[:] = [call]


def project_call() -> ProjectCall | None:
    """The `mlflow run` that started this process, if one did."""
    return _project_call[0] if _project_call else None


_typed: list[tuple[str, Options]] = []  # one element at most, while a command runs


@contextmanager
def typed_command(command: str, options: Options) -> Iterator[None]:
    """Remember which command was typed, for as long as it runs.

    Args:
        command: such as `status`.
        options: that differ from their defaults.
    """
    _typed[:] = [(command, options)]
    try:
        yield
    finally:
        _typed.clear()


def typed_again(changes: Options, *, default: str) -> str:
    """The command that was typed, with other options, to be printed.

    Args:
        changes: options that are changed or added; None leaves one out.
        default: the command that is named where none was typed: this package is used as a library.
    """
    command, options = _typed[0] if _typed else (default, {})
    return command_line(command, {**options, **changes})


def command_line(command: str, options: Options | None = None) -> str:
    """A command to print: quoted for the shell, and begun as this process was begun.

    Args:
        command: such as `deploy`, or `monitor check`.
        options: values by option name without dashes. None and False leave an option out, True gives the flag alone.

    Returns:
        `drift deploy --seed 1`, `python path/deploy_model.py --seed 1`, `python -m drift deploy --seed 1`, or
        `mlflow run . -e deploy -P seed=1`.

    >>> command_line("deploy", {"data": "my table.csv", "resume": True, "time": None})
    "drift deploy --data 'my table.csv' --resume"
    """
    given = {name: value for name, value in (options or {}).items() if value is not None and value is not False}
    call = project_call()
    if call is not None and command in ENTRY_POINTS:
        words = [*call.words, *([] if command == "base" else ["-e", command])]
        for name, value in given.items():
            words += ["-P", f"{name}={'true' if value is True else value}"]
    else:
        words = _program(command)
        for name, value in given.items():
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return shell_words(*words)


def shell_words(*words: object) -> str:
    """Words of a command to print, such as a path or a name, each quoted for the shell where it has to be.

    >>> shell_words("tensorboard", "--logdir", "my project/board")
    "tensorboard --logdir 'my project/board'"
    """
    return shlex.join(map(str, words))


def _program(command: str) -> list[str]:
    """The words that begin `command`, as the user began this process."""
    typed = list(sys.orig_argv)
    script = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    if script is not None and script.name in {f"{name}_model.py" for name in SCRIPTS}:
        if command in SCRIPTS:
            return [typed[0], str(script.with_name(f"{command}_model.py"))]
        drift = shutil.which("drift")
        if drift is not None:
            return ["drift", *command.split()]
        module = [typed[0], "-m", "drift", *command.split()]
        checkout = script.absolute().parent
        return module if checkout == Path.cwd() else ["env", f"PYTHONPATH={checkout}", *module]
    if typed[1:3] == ["-m", "drift"]:
        return [typed[0], "-m", "drift", *command.split()]
    if script is not None and script.name == "drift":
        return [_as_typed(script), *command.split()]
    return ["drift", *command.split()]


def _as_typed(program: Path) -> str:
    """`drift` where the search path leads to this program, else its path: the environment is not activated then."""
    reached = shutil.which(program.name)
    if reached is not None and Path(reached).samefile(program):
        return program.name
    return str(program)


def table_options(path: str | None, label: str | None, time: str | None, ignore: Sequence[str]) -> Options:
    """The options that name a user's own table; none for the embedded stream."""
    return {} if path is None else {"data": path, "label": label, "time": time, "ignore": ",".join(ignore) or None}
