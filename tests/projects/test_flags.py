"""Flags with a value, as `mlflow run -P shadow=true` passes them, and defaults from the environment."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from drift.cli import app

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def parsed(command: str, *words: str) -> dict[str, Any]:
    return dict(COMMANDS[command].make_context(command, list(words)).params)


@pytest.mark.parametrize(
    ("words", "shadow"),
    [
        (("--shadow", "true"), True),
        (("--shadow", "False"), False),
        (("--shadow", "1"), True),
        (("--shadow",), True),
        (("--shadow", "--seed", "1"), True),
        ((), False),
    ],
)
def test_a_flag_takes_true_and_false(words: tuple[str, ...], shadow: bool) -> None:
    assert parsed("deploy", *words)["shadow"] is shadow


def test_every_flag_of_every_entry_point_takes_a_value() -> None:
    for command in ("base", "deploy", "retrain", "replay", "status", "history", "rollback"):
        for option in COMMANDS[command].params:
            if getattr(option, "is_flag", False) and option.name != "help":
                assert parsed(command, option.opts[0], "true")[option.name] is True
                assert parsed(command, option.opts[0], "false")[option.name] is False


def test_a_flag_with_an_opposite_takes_false() -> None:
    assert parsed("retrain", "--warm-start", "true")["warm_start"] is True
    assert parsed("retrain", "--warm_start", "false")["warm_start"] is False


def test_another_word_after_a_flag_is_a_usage_error() -> None:
    with pytest.raises(Exception, match="unexpected extra argument"):
        parsed("deploy", "--shadow", "perhaps")


@pytest.mark.parametrize("command", ["base", "deploy", "retrain", "replay"])
def test_the_environment_names_the_experiment(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "drift1")
    assert parsed(command)["mlflow_experiment_name"] == "drift1"
    assert parsed(command, "--mlflow_experiment_name", "Y")["mlflow_experiment_name"] == "Y"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "")
    assert parsed(command)["mlflow_experiment_name"] == "drift"


def test_every_command_with_an_experiment_reads_the_variable() -> None:
    read = 0
    groups = [COMMANDS, COMMANDS["images"].commands, COMMANDS["monitor"].commands]
    for command in (command for group in groups for command in group.values() if hasattr(command, "params")):
        for option in command.params:
            if option.name == "mlflow_experiment_name":
                assert option.envvar == "MLFLOW_EXPERIMENT_NAME"
                read += 1
    assert read >= 7
