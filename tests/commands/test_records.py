"""The command line is made of the records that the library takes: each option is declared once."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import drift
from drift.cli import app
from drift.commands.ending import command
from drift.errors import UsageError
from drift.loop import options as loop_options
from drift.policies.parser import known_forms, parse_policy
from drift.replays import options as replay_options
from drift.system import devices
from drift.system.options import MORE, CheckedOptions, Option, as_options, build, declared_options, documented

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
RECORDS = {
    "base": drift.BaseOptions,
    "retrain": drift.ManualRetrainOptions,
    "deploy": drift.DeployOptions,
    "replay": drift.ReplayOptions,
}


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def even(value: int) -> int:
    if value % 2:
        raise UsageError(f"expected an even number, got {value}")
    return value


@dataclass(frozen=True)
class Inner(CheckedOptions):
    size: Annotated[int, Option("How large.", MORE, min=1, check=even)] = 2


@documented
@dataclass(frozen=True)
class Outer(CheckedOptions):
    """A record."""

    colour: Annotated[Colour, Option("Which.", name="paint")] = Colour.RED
    inner: Inner = field(default_factory=lambda: Inner(4))
    note: str = "no option"
    file: Annotated[Path | None, Option("Where.")] = None


def invoke(*words: str) -> tuple[int, str, list[Any]]:
    seen: list[Any] = []

    @command(order="size")
    def paint(options: Outer, loud: Annotated[bool, Option("Say so.")] = False) -> None:
        seen.extend([options, loud])

    app = typer.Typer()
    app.command()(paint)
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output, seen


def test_a_command_is_handed_its_records() -> None:
    assert invoke() == (0, "", [Outer(), False])
    code, _, seen = invoke("--paint", "blue", "--size", "6", "--loud", "--file", "a.csv")
    assert (code, seen) == (0, [Outer(Colour.BLUE, Inner(6), file=Path("a.csv")), True])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--size 0", "--size"),
        ("--size 3", "expected an even number, got 3"),
        ("--paint green", "green"),
        ("--note x", "note"),
    ],
)
def test_a_value_that_the_field_does_not_take_is_a_usage_error(words: str, said: str) -> None:
    code, output, _ = invoke(*words.split())
    assert (code, said in output) == (2, True), output


def test_the_help_has_the_fields_in_order() -> None:
    _, output, _ = invoke("--help")
    places = [output.index(f"--{name} ") for name in ("paint", "file", "loud")]
    assert places == sorted(places) and output.index("More") < places[0]
    assert "[default: 4]" in output and "[default: red]" in output


def test_options_go_to_records_and_back() -> None:
    values = {"paint": "blue", "size": 8, "file": None}
    assert as_options(build(Outer, values)) == values
    assert as_options(Outer(), seed=1) == {"paint": "red", "size": 4, "file": None, "seed": 1}


def test_the_docstring_of_a_record_has_its_fields() -> None:
    assert inspect.getdoc(Outer) == (
        "A record.\n\nAttributes:\n    colour: Which.\n    inner: see `Inner`.\n    file: Where."
    )


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_is_an_option_with_its_default(name: str) -> None:
    """A default is written once: on the record. No command has one of its own for a field."""
    parameters = {option.name: option for option in COMMANDS[name].params}
    for declared in declared_options(RECORDS[name]):
        default = getattr(declared.default, "value", declared.default)
        assert parameters[declared.name].default == default, declared.name
        assert parameters[declared.name].help.startswith(declared.option.help), declared.name
    assert build(RECORDS[name], {option.name: option.default for option in COMMANDS[name].params}) == RECORDS[name]()


@documented
@dataclass(frozen=True)
class Changed(drift.TrainOptions):
    """The record alone is changed."""

    max_epochs: Annotated[int, Option("Another help.", min=1)] = 7


def test_a_changed_default_is_a_changed_command() -> None:
    """The command line, the library and `help` follow the record."""

    @command
    def train(options: Changed) -> None: ...

    parameter = inspect.signature(train).parameters["max_epochs"]
    assert (parameter.default, Changed().max_epochs) == (7, 7)
    assert "max_epochs: Another help." in (Changed.__doc__ or "")


def test_functions_of_the_library_repeat_no_other_default() -> None:
    """`compare_tables` cannot take the record, which is the command's: its defaults agree with it."""
    options = {option.name: option.default for option in COMMANDS["compare"].params}
    own = inspect.signature(drift.compare).parameters
    names = {"rows": "unlike_rows"}
    for name in ("level", "permutations", "rows", "seed"):
        assert own[name].default == options[names.get(name, name)], name


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: drift.DeployOptions(ask="sometimes"), r"DeployOptions\.ask to be one of ask, always, never, got 'so"),  # type: ignore[arg-type]
        (lambda: drift.DeployOptions(promote="bogus"), r"promote to be one of auto, ask, always, never, got 'bogus'"),  # type: ignore[arg-type]
        (lambda: drift.DeployOptions(threshold_accuracy=70), "threshold_accuracy to be a number from 0 to 1, got 70"),
        (lambda: drift.DeployOptions(threshold_accuracy=float("nan")), "from 0 to 1, got nan"),
        (lambda: drift.DeployOptions(block_size="20"), "block_size to be a whole number of 1 or more, got '20'"),  # type: ignore[arg-type]
        (lambda: drift.DeployOptions(shadow=1), "shadow to be True or False, got 1"),  # type: ignore[arg-type]
        (lambda: drift.DeployOptions(start_row=-1), "start_row to be a whole number of 0 or more, or None, got -1"),
        (lambda: drift.DeployOptions(retrain={}), "retrain to be a RetrainOptions, got dict"),  # type: ignore[arg-type]
        (lambda: drift.DeployOptions(format="csv"), "format to be one of npy, json, got 'csv'"),  # type: ignore[arg-type]
        (lambda: drift.DeployOptions(model_name="a b"), "DeployOptions.model_name: expected 1 to 100 letters"),
        (lambda: drift.TrainOptions(max_epochs=0), "max_epochs to be a whole number of 1 or more, got 0"),
        (lambda: drift.TrainOptions(max_epochs=True), "max_epochs to be a whole number of 1 or more, got True"),
        (lambda: drift.BaseOptions(train_rows=1.5), "or a whole number of rows, got 1.5"),
        (lambda: drift.BaseOptions(train_rows=None), "train_rows to be a number, got None"),  # type: ignore[arg-type]
        (lambda: drift.RetrainOptions(window_rows=10), "window_rows to be a whole number of 200 or more, or None"),
        (lambda: drift.ServerOptions(server=8080), "server to be a text, or None, got 8080"),  # type: ignore[arg-type]
        (lambda: drift.ReplayOptions(seeds=0), "seeds to be a whole number from 1 to 1,000, got 0"),
        (lambda: drift.ReplayOptions(policies=["never", "nonsense"]), "expected a policy among"),  # type: ignore[arg-type]
        (lambda: drift.ReplayOptions(policies=3), "policies to be a text, got 3"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_record_made_by_a_program_refuses_what_its_option_does_not_take(
    make: Callable[[], object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        make()


def test_a_record_made_by_a_program_converts_texts() -> None:
    options = drift.DeployOptions(ask="always", promote="never", threshold_accuracy=1)  # type: ignore[arg-type]
    assert (options.ask, options.promote) == (drift.RetrainMode.ALWAYS, drift.PromoteMode.NEVER)
    assert drift.DeployOptions.from_json(json.loads(json.dumps(options.to_json()))) == options
    assert drift.TrainOptions(max_epochs=np.int64(2)).max_epochs.__class__ is int  # type: ignore[arg-type]
    assert Outer(file="a.csv").file == Path("a.csv")  # type: ignore[arg-type]
    assert drift.ReplayOptions(policies=["never", "every:4"]) == drift.ReplayOptions("never,every:4")  # type: ignore[arg-type]


def test_the_docstrings_of_records_name_every_policy() -> None:
    for record, replayed in ((drift.DeployOptions, False), (drift.ReplayOptions, True)):
        text = inspect.getdoc(record) or ""
        assert text.index("listed below") < text.index("Policies, with")
        for form in known_forms():
            assert (f"`{form}`" in text) == (replayed or not parse_policy(form.split(":")[0]).replay_only), form


def test_every_record_of_the_library_checks_its_values() -> None:
    for module in (loop_options, replay_options, devices):
        for record in vars(module).values():
            if inspect.isclass(record) and is_dataclass(record) and record.__module__ == module.__name__:
                assert issubclass(record, CheckedOptions), record
