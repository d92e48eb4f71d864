"""Options of commands, each declared once: on the field of the record that the library takes.

A field such as `max_epochs: Annotated[int, Option("Passes over the training rows.", min=1)] = 3` holds all that there
is to say of an option: type, default, bounds and help. `drift.commands.records` makes the command line of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from enum import Enum, EnumType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

MAIN, DATA, MORE = "Main options", "Your own table", "More"  # headings of the help

Record = TypeVar("Record")


@dataclass(frozen=True)
class Option:
    """What the command line says of a field.

    Attributes:
        help: one clause.
        panel: heading of the help that it stands under; empty for the first one.
        name: of the option; empty for the field's name.
        min: the least value that is taken; None for any.
        max: the largest value that is taken; None for any.
        flags: as typed, such as `--warm_start/--fresh_start`; empty for `--name`.
        envvar: environment variable that is read where the option is not given; None for none.
        metavar: stands for the value in the help; None for the name of its type.
        check: returns a value, or raises `UsageError`; None where any value of the type is taken.
    """

    help: str
    panel: str = MAIN
    name: str = ""
    min: float | None = None
    max: float | None = None
    flags: str = ""
    envvar: str | None = None
    metavar: str | None = None
    check: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class DeclaredOption:
    """An option of a record, as `declared_options` finds it.

    Attributes:
        name: on the command line, without dashes.
        kind: type of the value.
        option: what the command line says of it.
        default: value of the field where none is given.
    """

    name: str
    kind: Any
    option: Option
    default: Any


def declared_options(record: type, default: object = None) -> Iterator[DeclaredOption]:
    """The options of a record and of the records in it, in the order of their fields.

    Args:
        record: a dataclass.
        default: an instance whose values are the defaults; None for those of the fields.
    """
    for field, kind, option in _described(record):
        value = _default(field) if default is None else getattr(default, field.name)
        if option is None:
            yield from declared_options(kind, value)
        else:
            yield DeclaredOption(option.name or field.name, kind, option, value)


def build(record: type[Record], values: Mapping[str, Any]) -> Record:
    """A record, and the records in it, of values by the names of their options."""
    arguments: dict[str, Any] = {}
    for field, kind, option in _described(record):
        if option is None:
            arguments[field.name] = build(kind, values)
        else:
            value = values[option.name or field.name]
            arguments[field.name] = kind(value) if isinstance(kind, EnumType) else value
    return record(**arguments)


def as_options(*records: object, **more: object) -> dict[str, Any]:
    """Plain values of records by the names of their options, as they are on the command line.

    Args:
        records: dataclasses with options.
        more: options that belong to none.
    """
    values: dict[str, Any] = {}
    for record in records:
        for field, _, option in _described(type(record)):
            value = getattr(record, field.name)
            if option is None:
                values |= as_options(value)
            else:
                values[option.name or field.name] = value.value if isinstance(value, Enum) else value
    return values | more


def documented(record: type[Record]) -> type[Record]:
    """Let `help` show what the options of a record say, under Attributes."""
    lines = [
        f"    {field.name}: {option.help if option else f'see `{kind.__name__}`.'}"
        for field, kind, option in _described(record)
    ]
    record.__doc__ = "\n".join([f"{inspect.cleandoc(record.__doc__ or '')}\n", "Attributes:", *lines])
    return record


def split_option(kind: Any) -> tuple[Any, Option | None]:
    """The type and the option of an annotation; None where it has no option."""
    if get_origin(kind) is not Annotated:
        return kind, None
    inner, *details = get_args(kind)
    option = next((detail for detail in details if isinstance(detail, Option)), None)
    return (kind, None) if option is None else (inner, option)


def _described(record: Any) -> list[tuple[Field[Any], Any, Option | None]]:
    """Fields with an option, and fields that are records themselves."""
    hints = get_type_hints(record, include_extras=True)
    described = [(field, *split_option(hints[field.name])) for field in fields(record)]
    return [entry for entry in described if entry[2] is not None or is_dataclass(entry[1])]


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default
