"""Options of commands, each declared once: on the field of the record that the library takes.

A field such as `max_epochs: Annotated[int, Option("Passes over the training rows.", min=1)] = 3` holds all that there
is to say of an option: type, default, bounds and help. `drift.commands.ending` makes the command line of it.
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from enum import Enum, EnumType
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from drift.errors import UsageError

KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", Path: "a path"}  # in words
MAIN, DATA, MORE = "Main options", "Your own table", "More"  # headings of the help

Record = TypeVar("Record")
_DESCRIBED: dict[Any, tuple[tuple[Field[Any], Any, Option | None], ...]] = {}  # of records, by class


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


class CheckedOptions:
    """Base class of records of options, which checks and converts the values that one is made of.

    The text of an enumeration's value becomes its member, a text a path; None is taken where the annotation allows it.

    Raises:
        UsageError: a value of another type, beyond the bounds, or not among the choices.
    """

    def __post_init__(self) -> None:
        for field, kind, option in _described(type(self)):
            value = checked_value(f"{type(self).__name__}.{field.name}", getattr(self, field.name), kind, option)
            object.__setattr__(self, field.name, value)  # the records are frozen


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
            arguments[field.name] = values[option.name or field.name]
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


def split_names(text: str) -> tuple[str, ...]:
    """Names that are separated by commas.

    >>> split_names("a, b,")
    ('a', 'b')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


def documented(record: type[Record]) -> type[Record]:
    """Let `help` show what the options of a record say, under Attributes after the first paragraph."""
    summary, _, rest = inspect.cleandoc(record.__doc__ or "").partition("\n\n")
    lines = [
        f"    {field.name}: {option.help if option else f'see `{kind.__name__}`.'}"
        for field, kind, option in _described(record)
    ]
    record.__doc__ = "\n".join([f"{summary}\n", "Attributes:", *lines, *(["", rest] if rest else [])])
    return record


def checked_value(name: str, value: Any, kind: Any, option: Option | None) -> Any:
    """A value of an option, converted to the type of its field.

    Args:
        name: of the option, for messages.
        value: as given.
        kind: type of the field, without its option.
        option: with the bounds and the check; None for a field that is a record.

    Returns:
        The value; the member for the text of an enumeration's value, and a path for the text of one.

    Raises:
        UsageError: the value is not taken.

    >>> checked_value("size", 70, float, Option("How large.", max=1))
    Traceback (most recent call last):
    drift.errors.UsageError: expected size to be a number of at most 1, got 70
    """
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if value is None and NoneType in kinds:
        return None
    (kind,) = (alternative for alternative in kinds if alternative is not NoneType)
    least, most = (option.min, option.max) if option else (None, None)
    converted = _converted(value, kind)
    within = converted is not None and (least is None or converted >= least) and (most is None or converted <= most)
    if not within:
        optional = ", or None" if NoneType in kinds else ""
        plain = value is None or isinstance(value, (str, int, float))
        raise UsageError(
            f"expected {name} to be {_kind_words(kind)}{_bounds_words(least, most)}{optional}, got"
            f" {reprlib.repr(value) if plain else type(value).__name__}"
        )
    if option is None or option.check is None:
        return converted
    try:
        return option.check(converted)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def record_of(kind: type[Record], options: Record | None) -> Record:
    """A record that a function takes: its defaults for None.

    Raises:
        UsageError: it is of another class.
    """
    if options is None:
        return kind()
    if not isinstance(options, kind):
        raise UsageError(f"expected a drift.{kind.__name__}, got {type(options).__name__}")
    return options


def as_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names as a tuple; a text is one name, not a sequence of letters.

    >>> as_names("note"), as_names(["note", "id"])
    (('note',), ('note', 'id'))
    """
    return (names,) if isinstance(names, str) else tuple(names)


def split_option(kind: Any) -> tuple[Any, Option | None]:
    """The type and the option of an annotation; None where it has no option."""
    if get_origin(kind) is not Annotated:
        return kind, None
    inner, *details = get_args(kind)
    option = next((detail for detail in details if isinstance(detail, Option)), None)
    return (kind, None) if option is None else (inner, option)


def _converted(value: Any, kind: Any) -> Any:
    """A value as one of a type; None where it is none."""
    if isinstance(kind, EnumType) or get_origin(kind) is Literal:
        return _choices(kind).get(value) if isinstance(value, str) else None
    if kind is Path:
        return Path(value) if isinstance(value, (str, PathLike)) else None
    if kind in (int, float) and not isinstance(value, bool) and isinstance(value, Real):
        exact = isinstance(value, (int, float))  # other numbers are those of NumPy, which JSON does not take
        if kind is int:
            return int(value) if isinstance(value, Integral) else None
        return value if exact else float(value)
    return value if isinstance(value, kind) and kind not in (int, float) else None


def _choices(kind: Any) -> dict[str, Any]:
    """The values of an enumeration or of literals, by their texts; empty for other types."""
    members: list[Enum] = list(kind) if isinstance(kind, EnumType) else []
    return {member.value: member for member in members} or {text: text for text in get_args(kind)}


def _kind_words(kind: Any) -> str:
    """What values of a type are, for a message."""
    choices = _choices(kind)
    return f"one of {', '.join(choices)}" if choices else KINDS.get(kind, f"a {getattr(kind, '__name__', kind)}")


def _bounds_words(least: float | None, most: float | None) -> str:
    """Bounds of a number, for a message; empty where there are none."""
    if least is not None and most is not None:
        return f" from {least:,g} to {most:,g}"
    return f" of {least:,g} or more" if least is not None else f" of at most {most:,g}" if most is not None else ""


def _described(record: Any) -> tuple[tuple[Field[Any], Any, Option | None], ...]:
    """Fields with an option, and fields that are records themselves; looked at once, at the start of every command."""
    if record not in _DESCRIBED:
        hints = get_type_hints(record, include_extras=True)
        described = ((field, *split_option(hints[field.name])) for field in fields(record))
        _DESCRIBED[record] = tuple(entry for entry in described if entry[2] is not None or is_dataclass(entry[1]))
    return _DESCRIBED[record]


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default
