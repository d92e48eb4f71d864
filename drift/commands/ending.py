"""How a command ends: with an exit code, and with one line if it could not do what was asked."""

from __future__ import annotations

import functools
import inspect
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from types import FrameType
from typing import Any

import typer

from drift.errors import DriftError, ExitCode, ResumableInterrupt
from drift.invocation import typed_command
from drift.system import streams
from drift.system.extras import missing_package
from drift.system.signals import forget_interrupt, ignore_hang_ups, note_interrupt

WRITES_AS_IT_GOES = ("base", "deploy", "retrain", "serve", "rollback")  # progress is among a command's own lines


def command(function: Callable[..., ExitCode | None]) -> Callable[..., None]:
    """Turn a command's errors into one line and an exit code, and signals into a clean end."""

    @functools.wraps(function)
    def ended(*args: Any, **kwargs: Any) -> None:
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
            with typed_command(_called(function).removeprefix("drift "), _given(function, kwargs)), progress:
                code = function(*args, **kwargs)
        except DriftError as error:
            _fail(error, error.exit_code, verbose)
        except ModuleNotFoundError as error:  # of an extra that is not installed
            _fail(error, ExitCode.ERROR, verbose, str(missing_package(error)))
        except KeyboardInterrupt as error:
            for number in (
                signal.SIGINT,
                signal.SIGTERM,
                signal.SIGHUP,
            ):  # all is put away; an impatient second one is too late
                signal.signal(number, signal.SIG_IGN)
            streams.discard_lost_terminal()
            resumable = isinstance(error, ResumableInterrupt)
            again = "the same command with --resume goes on" if resumable else "run the same command again"
            _fail(error, ExitCode.INTERRUPTED, verbose, f"interrupted; nothing is lost, {again}")
        except BrokenPipeError:  # who read our output has had enough
            streams.discard()
            raise typer.Exit(streams.READER_GONE) from None
        except OSError as error:  # what no room expected: a full disk, a folder gone
            where = f" ({error.filename})" if error.filename else ""
            _fail(error, ExitCode.ERROR, verbose, f"{error.strerror or error}{where}")
        except Exception as error:  # a defect of ours: one line too, and how to see more
            _fail(error, ExitCode.ERROR, verbose, f"{type(error).__name__}: {error} (--verbose shows where)")
        else:
            raise typer.Exit(int(code or 0))

    return ended


def _called(function: Callable[..., object]) -> str:
    """What is typed to call a command: `drift monitor check` for the function of a package of commands."""
    package = function.__module__.rpartition(".")[0].rpartition(".")[2]
    group = [] if package in ("", "commands") else [package]
    return " ".join(["drift", *group, function.__name__.replace("_", "-")])


def _given(function: Callable[..., object], values: dict[str, Any]) -> dict[str, Any]:
    """The options of a command that differ from their defaults."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in values.items() if name in known and value != known[name].default}


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
