"""MLproject, the command line, conda.yaml, pyproject.toml and the lock file agree."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from drift.cli import app

ROOT = Path(__file__).parents[2]
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text())
CONDA = yaml.safe_load((ROOT / "conda.yaml").read_text())
LOCK = {  # of lines such as `numpy==2.0 \\`, between those of hashes
    found[1].lower().replace("_", "-"): found[2]
    for name in ("requirements.lock", "torch.lock")
    for found in re.finditer(r"^([\w.-]+)==([^\s\\]+)", (ROOT / name).read_text(), re.MULTILINE)
}
ENTRY_POINTS: dict[str, Any] = PROJECT["entry_points"]


def command_of(entry_point: str) -> str:
    return "base" if entry_point == "main" else entry_point


def test_every_command_that_ends_by_itself_has_an_entry_point() -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    others = {
        "serve",
        "compare",
        "images",
        "monitor",
        "keys",
        "example",
    }  # runs on; two files; commands of their own; no model
    assert set(ENTRY_POINTS) == {"main"} | commands - others


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_parameters_are_options_with_the_same_defaults(entry_point: str) -> None:
    command = typer.main.get_command(app).commands[command_of(entry_point)]  # type: ignore[attr-defined]
    defaults = {option.opts[0].removeprefix("--"): option.default for option in command.params}
    for name, parameter in ENTRY_POINTS[entry_point].get("parameters", {}).items():
        assert defaults[name] == parameter["default"], name


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_no_default_here_hides_a_variable(entry_point: str) -> None:
    """A parameter's default reaches its command as an option, which an environment variable does not override."""
    command = typer.main.get_command(app).commands[command_of(entry_point)]  # type: ignore[attr-defined]
    from_environment = {option.name for option in command.params if option.envvar}
    assert not from_environment & set(ENTRY_POINTS[entry_point].get("parameters", {}))
    if entry_point in ("main", "deploy", "retrain", "replay"):
        assert "mlflow_experiment_name" in from_environment


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_every_parameter_reaches_its_command(entry_point: str) -> None:
    line = ENTRY_POINTS[entry_point]["command"]
    for name in ENTRY_POINTS[entry_point].get("parameters", {}):
        assert f"--{name} {{{name}}}" in line
    words = shlex.split(line)
    name = command_of(entry_point)
    assert words[1] == f"{name}_model.py" or words[1:4] == ["-m", "drift", name]
    assert words[1] == "-m" or (ROOT / words[1]).is_file()


def test_conda_pins_what_the_lock_pins() -> None:
    pins = next(part["pip"] for part in CONDA["dependencies"] if isinstance(part, dict))
    assert PROJECT["conda_env"] == "conda.yaml"
    for pin in pins:
        name, version = pin.split("==")
        assert LOCK[name] == version, name
    named = {pin.split("==")[0] for pin in pins}
    assert named >= {
        "mlflow",
        "torch",
        "torchserve",
        "torch-model-archiver",
        "ax-platform",
        "pandas",
        "scipy",
        "requests",
    }


def test_conda_and_the_lock_hold_every_dependency_of_the_package() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    developing = _names(extras.pop("dev"))
    (everything,) = extras.pop("all")
    assert everything == f"{project['name']}[{','.join(extras)}]", "`all` names every extra for users"
    optional = {name for extra in extras.values() for name in _names(extra)}
    pins = next(part["pip"] for part in CONDA["dependencies"] if isinstance(part, dict))
    assert {pin.split("==")[0] for pin in pins} == _names(project["dependencies"]) | optional
    assert _names(project["dependencies"]) | optional | developing <= set(LOCK)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~]", entry)[0].lower() for entry in requirements}


def test_what_is_installed_is_what_the_lock_says() -> None:
    from importlib.metadata import version

    for name in ("mlflow", "torch", "ax-platform", "torchserve", "pandas", "scipy", "requests", "typer"):
        assert version(name).split("+")[0] == LOCK[name], name
