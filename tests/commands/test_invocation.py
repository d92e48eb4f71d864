"""Printed commands begin as this process was begun, and are quoted for the shell."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from drift import invocation, next_steps
from drift.invocation import ProjectCall, command_line, shell_words


@pytest.fixture(autouse=True)
def no_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_project_call", [])
    monkeypatch.setattr("shutil.which", lambda name: None)


def started(monkeypatch: pytest.MonkeyPatch, *words: str, program: str) -> None:
    monkeypatch.setattr(sys, "orig_argv", list(words))
    monkeypatch.setattr(sys, "argv", [program])


@pytest.mark.parametrize(
    ("words", "program", "begins"),
    [
        (("python", "base_model.py"), "base_model.py", "python deploy_model.py"),
        (("python3", "../my project/base_model.py"), "../my project/base_model.py",
         "python3 '../my project/deploy_model.py'"),
        (("/venv/bin/python", "-m", "drift", "base"), "/x/drift/__main__.py", "/venv/bin/python -m drift deploy"),
        (("/venv/bin/python", ".venv/bin/drift", "base"), ".venv/bin/drift", ".venv/bin/drift deploy"),
        (("python", "-m", "pytest"), "/x/pytest/__main__.py", "drift deploy"),
    ],
)  # fmt: skip
def test_a_command_begins_as_the_process_did(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], program: str, begins: str
) -> None:
    started(monkeypatch, *words, program=program)
    assert command_line("deploy", {"seed": 1}) == f"{begins} --seed 1"


def test_a_script_from_elsewhere_names_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`drift status` has no script of its own, and nothing says that the package is installed."""
    monkeypatch.chdir(tmp_path)
    started(monkeypatch, "python", "/srv/project/base_model.py", program="/srv/project/base_model.py")
    assert command_line("status") == "env PYTHONPATH=/srv/project python -m drift status"


def test_under_mlflow_run_it_is_an_mlflow_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(invocation, "_project_call", [ProjectCall(("mlflow", "run", "."), tmp_path, tmp_path)])
    line = command_line("deploy", {"data": "/my table.csv", "resume": True, "time": None, "shadow": False})
    assert line == "mlflow run . -e deploy -P 'data=/my table.csv' -P resume=true"
    assert command_line("base") == "mlflow run ."


def test_values_come_back_from_the_shell_as_they_were() -> None:
    values = {"data": "it's $HOME.csv", "label": "a;b", "mlflow_experiment_name": "two words"}
    words = shlex.split(command_line("base", values))
    assert words == ["drift", "base", *(word for name in values for word in (f"--{name}", values[name]))]


def test_next_steps_quote_names_and_leave_out_the_default() -> None:
    assert next_steps.rollback("drift_model") == "drift rollback"
    assert next_steps.rollback("my model") == "drift rollback --register_model_name 'my model'"
    assert next_steps.serve("it's") == """drift serve --register_model_name 'it'"'"'s'"""
    assert shlex.split(shell_words("--server_folder", Path("/tmp/my proj/server"))) == [
        "--server_folder", "/tmp/my proj/server",
    ]  # fmt: skip
