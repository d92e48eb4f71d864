"""Where a monitor's store is, and commands about the monitor for messages."""

from __future__ import annotations

import os
from pathlib import Path

from drift.data.urls import masked, parse_url
from drift.errors import UsageError
from drift.invocation import command_line
from drift.system.secrets import read_option

STORE_VARIABLE = "DRIFT_MONITOR_STORE"


def locate_store(option: str, monitor: str, *, create: bool) -> str:
    """The file or URL of the store that is named.

    Args:
        option: a file or a URL, `env:NAME` or `@FILE`; empty for what `DRIFT_MONITOR_STORE` names, or else
            `.drift/monitor.db` of the project.
        monitor: name of the monitor that is asked for, for the message.
        create: whether the store may be missing.

    Raises:
        UsageError: the store is missing and may not be, or there is no folder for it.
    """
    place = read_option(option, option="--store") or os.environ.get(STORE_VARIABLE, "")
    if place and "://" not in place and not Path(place).absolute().parent.is_dir():
        hidden = masked(place)
        raise UsageError(f"there is no folder {Path(hidden).parent} for the store {hidden}: make it first")
    if not place:
        from drift.loop.project_dir import ProjectDir

        place = str(ProjectDir(read=not create).path / "monitor.db")
    if not create and (file := file_of_store(place)) is not None and not file.exists():
        from_log = next_command("monitor ingest log", monitor, option)
        from_file = next_command("monitor ingest FILE", monitor, option, prediction="COLUMN")
        raise UsageError(
            f"there is no monitor yet: no store {masked(str(file))}. To begin one: {from_log} (the log of a"
            f" deployment) or {from_file}"
        )
    return place


def file_of_store(place: str) -> Path | None:
    """The file of a store in SQLite; None for another database, and for one in memory."""
    if "://" not in place:
        return Path(place)
    url = parse_url(place)
    named = url.database if url.get_backend_name() == "sqlite" else None
    return None if not named or named.startswith(("file:", ":memory:")) else Path(named)


def next_command(command: str, monitor: str, option: str, **options: object) -> str:
    """A command about a monitor, to be printed; a password in the store's URL is not.

    Args:
        command: such as `monitor check`.
        monitor: its name.
        option: how the store was named, empty for the default.
        options: further ones, by name without dashes.
    """
    named = {"monitor": None if monitor == "default" else monitor, "store": masked(option) if option else None}
    return command_line(command, {**named, **options})
