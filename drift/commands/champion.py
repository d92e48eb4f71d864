"""`drift status`, `drift history` and `drift rollback`: looking after the champion."""

from __future__ import annotations

from typing import Annotated

from drift import next_steps
from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import write_json
from drift.errors import ExitCode
from drift.loop.options import NO_REASON, ModelName, ServerOptions
from drift.system.options import Option


@command(needs=("mlflow",))
def status(
    register_model_name: ModelName = next_steps.DEFAULT_MODEL, json: o.Json = None, verbose: o.Verbose = False
) -> ExitCode:
    """Who is champion, since when, on what evidence, and what is running.

    Example: drift status
    """
    from drift.loop.library import Loop
    from drift.loop.status import status_lines
    from drift.terminal import fold

    standing = Loop().status(register_model_name)
    for line in status_lines(standing):
        print(fold(line, indent=14))
    write_json(json, {"register_model_name": register_model_name}, [standing])
    return ExitCode.DONE


@command
def history(
    register_model_name: ModelName = next_steps.DEFAULT_MODEL, json: o.Json = None, verbose: o.Verbose = False
) -> ExitCode:
    """The audit trail: who or what changed the champion, when and why.

    It guards against accidents: a line that was changed afterwards is told, but the file's owner can write another one.

    Example: drift history
    """
    from drift.loop.status import history_of
    from drift.terminal import fold

    trail = history_of(register_model_name)
    for line, indent in trail.lines:
        print(fold(line, indent=indent))
    if trail.note:
        print(trail.note)
    write_json(json, {"register_model_name": register_model_name}, [vars(line) for line in trail.changes])
    return ExitCode.DONE


@command(needs=("mlflow",))
def rollback(
    *,
    register_model_name: ModelName = next_steps.DEFAULT_MODEL,
    reason: Annotated[str, Option("Why, for the audit trail.", "")] = NO_REASON,
    server: ServerOptions,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Put the previous version back as champion, in the registry and in a running server.

    Example: drift rollback --reason "complaints since Monday"
    """
    from drift.loop.library import Loop
    from drift.terminal import Screen

    print(Loop(server=server, tell=Screen().tell).rollback(register_model_name, reason=reason).next_step)
    return ExitCode.DONE
