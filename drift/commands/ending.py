"""How a function becomes a command: its records as options, an exit code, one line if it could not do its work."""

from __future__ import annotations

import functools
import inspect
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import is_dataclass
from enum import Enum, EnumType
from types import FrameType
from typing import Annotated, Any, Literal, get_type_hints

import typer

from drift.errors import DriftError, ExitCode, ResumableInterrupt, UsageError
from drift.invocation import typed_command
from drift.system import streams
from drift.system.extras import missing_package, require
from drift.system.options import MORE, DeclaredOption, Option, build, declared_options, split_option
from drift.system.signals import forget_interrupt, ignore_hang_ups, note_interrupt

WRITES_AS_IT_GOES = ("base", "deploy", "retrain", "serve", "rollback")  # progress is among a command's own lines

Command = Callable[..., ExitCode | None]
Values = dict[str, Any]
VERBOSE = DeclaredOption("verbose", bool, Option("Show the whole trace of an error.", MORE), False)


def command(function: Command | None = None, *, order: str = "", needs: Sequence[str] = ()) -> Callable[..., Any]:
    """Turn a function into a command: its records into options, its errors into one line and an exit code.

    Every command has `--verbose`, too. Signals end it cleanly.

    Args:
        function: takes records of options (`drift.system.options`), or what Typer knows.
        order: options that come first in the help, separated by spaces; the others follow in the order of fields.
        needs: modules of extras that have to be installed.
    """
    if function is None:
        return functools.partial(command, order=order, needs=needs)
    signature, arguments = spread(function, order.split())

    @functools.wraps(function)
    def ended(**kwargs: Any) -> None:
        forget_interrupt()
        signal.signal(signal.SIGTERM, _interrupt)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as in a shell's background
            signal.signal(signal.SIGINT, _interrupt)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which is how nohup starts a command
            signal.signal(signal.SIGHUP, _hang_up)
        from drift.terminal import progress_lines

        verbose = kwargs.get("verbose", False)
        try:
            out = sys.stdout if function.__name__ in WRITES_AS_IT_GOES else sys.stderr
            progress = progress_lines(_called(function), out) if streams.owns_process() else nullcontext()
            defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
            given = {name: value for name, value in kwargs.items() if value != defaults.get(name, value)}
            with typed_command(_called(function).removeprefix("drift "), given), progress:
                require(*needs)
                code = function(**arguments(kwargs))
        except DriftError as error:
            _fail(error, error.exit_code, verbose)
        except ModuleNotFoundError as error:  # of an extra that is not installed
            _fail(error, ExitCode.ERROR, verbose, str(missing_package(error)))
        except KeyboardInterrupt as error:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # all is put away; an impatient second one is too late
            streams.discard_lost_terminal()
            resumable = isinstance(error, ResumableInterrupt)
            again = "the same command with --resume goes on" if resumable else "run the same command again"
            _fail(error, ExitCode.INTERRUPTED, verbose, f"interrupted; nothing is lost, {again}")
        except BrokenPipeError:  # who read our output has had enough
            streams.discard()
            raise typer.Exit(streams.READER_GONE) from None
        except OSError as error:  # what no layer expected: a full disk, a folder gone
            where = f" ({error.filename})" if error.filename else ""
            _fail(error, ExitCode.ERROR, verbose, f"{error.strerror or error}{where}")
        except Exception as error:  # a defect of ours: one line too, and how to see more
            _fail(error, ExitCode.ERROR, verbose, f"{type(error).__name__}: {error} (--verbose shows where)")
        else:
            raise typer.Exit(int(code or 0))

    ended.__signature__ = signature  # type: ignore[attr-defined]  # what Typer reads, and its annotations
    ended.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return ended


def _called(function: Callable[..., object]) -> str:
    """What is typed to call a command: `drift monitor check` for the function of a package of commands."""
    package = function.__module__.rpartition(".")[0].rpartition(".")[2]
    group = [] if package in ("", "commands") else [package]
    return " ".join(["drift", *group, function.__name__.replace("_", "-")])


def _fail(error: BaseException, code: ExitCode, verbose: bool, text: str | None = None) -> None:
    if verbose:
        import traceback

        traceback.print_exception(error)
    print(f"error: {text or error}", file=sys.stderr)
    raise typer.Exit(int(code))


def _hang_up(_signal: int, frame: FrameType | None) -> None:
    """A terminal that was closed, or an operator: ends a command as SIGTERM does, whoever handles that; once only."""
    ignore_hang_ups()
    streams.discard_lost_terminal()
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        handler(signal.SIGTERM, frame)


def _interrupt(_signal: int, _frame: object) -> None:
    ignore_hang_ups()
    note_interrupt()
    raise KeyboardInterrupt


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
