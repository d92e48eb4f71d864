"""`drift status`, `drift history` and `drift rollback`: looking after the champion."""

from __future__ import annotations

from typing import Annotated

import typer

from drift import next_steps
from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import check_server, options_as_called, service_finder, write_json
from drift.errors import ExitCode
from drift.system.extras import require


@command
def status(
    register_model_name: o.ModelName = "drift_model", json: o.Json = None, verbose: o.Verbose = False
) -> ExitCode:
    """Who is champion, since when, on what evidence, and what is running.

    Example: drift status
    """
    require("mlflow")
    from drift.loop.journal.journal import Journal
    from drift.loop.project_dir import ProjectDir
    from drift.loop.status import status_lines, status_of
    from drift.terminal import fold
    from drift.tracking.connection.store import connect
    from drift.tracking.registry import Registry

    registry, home = Registry(connect(read=True), register_model_name), ProjectDir(read=True)
    found = status_of(registry, Journal(home.log, read=True), home)
    for line in status_lines(found):
        print(fold(line, indent=14))
    write_json(json, options_as_called(status, locals()), [found])
    return ExitCode.DONE


@command
def history(
    register_model_name: o.ModelName = "drift_model", json: o.Json = None, verbose: o.Verbose = False
) -> ExitCode:
    """The audit trail: who or what changed the champion, when and why.

    It guards against accidents: a line that was changed afterwards is told, but the file's owner can write another one.

    Example: drift history
    """
    from drift.loop.journal.journal import Journal
    from drift.loop.journal.lost_log import lost_log_of
    from drift.loop.project_dir import ProjectDir
    from drift.terminal import fold

    home = ProjectDir(read=True)
    journal = Journal(home.log, read=True)
    trail = journal.trail(register_model_name)
    for line in trail:
        came = f"{line.from_version or '–'} → {line.to_version}"
        at = line.at[:19].replace("T", " ")
        print(fold(f"{at}  {line.action:<9} {came:<8} {line.by}: {line.reason}", indent=21))
    lost = "" if any(line.action != "refuse" for line in trail) else lost_log_of(register_model_name, home)
    if (changed := journal.changed_line()) is not None:
        at = changed.at[:19].replace("T", " ")
        print(fold(f"warning: the trail was changed by somebody at, or just before, the line of {at}", indent=2))
    if lost:
        print(lost)
    elif not trail:
        home.require()
        others = journal.models()
        elsewhere = f"; {next_steps.for_other_model(others, default='history')}" if others else ""
        print(f"nothing has happened to {register_model_name} yet{elsewhere}")
    write_json(json, options_as_called(history, locals()), [vars(line) for line in trail])
    return ExitCode.DONE


@command
def rollback(
    register_model_name: o.ModelName = "drift_model",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")] = "no reason given",
    server: o.Server = None,
    server_folder: o.ServerFolder = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Put the previous version back as champion, in the registry and in a running server.

    Example: drift rollback --reason "complaints since Monday"
    """
    require("mlflow")
    from drift.loop.journal.journal import Journal
    from drift.loop.journal.lost_log import home_of, tell_lost_log
    from drift.loop.proposals.after_change import after_rollback
    from drift.loop.releases.promote import Championship, person
    from drift.loop.releases.trusted import trusted_registry
    from drift.terminal import Screen
    from drift.tracking.connection.store import connect
    from drift.tracking.registry import Registry

    check_server(server, server_folder)
    store = connect()
    home, screen = home_of(Registry(store, register_model_name)), Screen()
    journal = Journal(home.log)
    registry = trusted_registry(store, register_model_name, journal)
    tell_lost_log(registry, journal, screen.tell)
    find_service = service_finder(home, register_model_name, server, server_folder)
    championship = Championship(registry, find_service, journal, home, screen.tell)
    event = championship.rollback(by=person(), reason=reason)
    print(after_rollback(championship, event, {"server": server, "server_folder": server_folder}))
    return ExitCode.DONE
