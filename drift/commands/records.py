"""The command line of a function that takes records of options (`drift.system.options`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from enum import Enum, EnumType
from typing import Annotated, Any, Literal, get_type_hints

import typer

from drift.errors import UsageError
from drift.system.options import MORE, DeclaredOption, Option, build, declared_options, split_option

Values = dict[str, Any]
VERBOSE = DeclaredOption("verbose", bool, Option("Show the whole trace of an error.", MORE), False)


def spread(
    function: Callable[..., Any], order: Sequence[str] = ()
) -> tuple[inspect.Signature, Callable[[Values], Values]]:
    """The signature of a command with every option of its records as a parameter, and `--verbose`, for Typer to read.

    Args:
        function: whose parameters are records, single options, or what Typer knows.
        order: options that come first; the others follow in the order of parameters and fields.

    Returns:
        The signature, and what makes the function's arguments of the values that Typer parsed.
    """
    hints = get_type_hints(function, include_extras=True)
    records: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        kind, option = split_option(hints[parameter.name])
        if parameter.name in records:
            parameters += [_parameter(declared) for declared in declared_options(kind)]
        elif option is not None:
            parameters.append(_parameter(DeclaredOption(parameter.name, kind, option, parameter.default)))
        else:
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
    parameters.sort(key=lambda parameter: order.index(parameter.name) if parameter.name in order else len(order))
    parameters.append(_parameter(VERBOSE))

    def arguments(values: Values) -> Values:
        own = {name: value for name, value in values.items() if name in hints and name not in records}
        return own | {name: build(kind, values) for name, kind in records.items()}

    return inspect.Signature(parameters), arguments


def _parameter(declared: DeclaredOption) -> inspect.Parameter:
    """An option as Typer takes it; one of an enumeration as text, since its choices are the values."""
    option, kind, default = declared.option, declared.kind, declared.default
    if isinstance(kind, EnumType):
        members: list[Enum] = list(kind)
        kind, default = Literal[tuple(member.value for member in members)], default.value
    described = typer.Option(
        option.flags or f"--{declared.name}",
        help=option.help,
        rich_help_panel=option.panel or None,
        min=option.min,
        max=option.max,
        envvar=option.envvar,
        metavar=option.metavar,
        show_default=default not in (None, ""),
        callback=_callback(option),
    )
    return inspect.Parameter(
        declared.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, described]
    )


def _callback(option: Option) -> Callable[[Any], Any] | None:
    """The check of a value, whose error names the option as all others of Typer do."""
    if option.check is None:
        return None
    check = option.check

    def checked(value: Any) -> Any:
        try:
            return check(value)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from error

    return checked
