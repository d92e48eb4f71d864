"""The options that the monitor's commands share, and the store that they name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drift.commands import options as o
from drift.errors import UsageError
from drift.system.secrets import read_option

if TYPE_CHECKING:
    from drift.monitor.sources.column_roles import Columns
    from drift.monitor.store import MonitorStore
    from drift.monitor.store.records import MonitorRecord

REASON = "REASON"  # stands in printed commands for what the user is to say; refused as it is
COLUMNS, ALERTS = "Columns, at a monitor's first ingest", "Alerts"


def text(help: str, name: str, panel: str = o.MAIN) -> typer.models.OptionInfo:
    """An option that takes text, and is empty by default."""
    found: typer.models.OptionInfo = typer.Option(f"--{name}", help=help, rich_help_panel=panel, show_default=False)
    return found


Name = Annotated[str, typer.Option("--monitor", help="Which deployed model is followed.", rich_help_panel=o.MAIN)]
StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        help="Where all is kept: a file (SQLite), or PostgreSQL's URL; one with a password as env:NAME or @FILE, which"
        " others cannot see in the process list. Default: DRIFT_MONITOR_STORE, or else .drift/monitor.db.",
        rich_help_panel=o.MAIN,
        show_default=False,
    ),
]
Source = Annotated[
    str,
    typer.Argument(
        help="A database's URL (with --query; env:NAME or @FILE if it has a password), a CSV or Parquet file, a folder"
        " of such, or 'log': the loop's own log.",
        show_default=False,
    ),
]
TruthSource = Annotated[
    str,
    typer.Argument(
        help="A database's URL (with --query; env:NAME or @FILE if it holds a password), a CSV or Parquet file, or a"
        " folder of such.",
        show_default=False,
    ),
]
Query = Annotated[str, text("What to read from a database: a SELECT, or the name of a table.", "query")]
Prediction = Annotated[str, text("Column with the model's answer: a class, or a number.", "prediction", COLUMNS)]
Truth = Annotated[str, text("Column with the truth; empty where it has not come yet.", "truth", COLUMNS)]
Key = Annotated[str, text("Column that tells rows apart; truth that comes later is joined by it.", "key", COLUMNS)]


def open_store(store: str, *, monitor: str = "default", create: bool = False) -> MonitorStore:
    """The store that an option or the environment names.

    Args:
        store: the option, empty for the default.
        monitor: the one that is asked for, to be named in the command that begins it.
        create: make the store if there is none.

    Raises:
        UsageError: there is none and it is not to be made, or there is no folder for it.
    """
    from drift.data.urls import masked
    from drift.loop.project_dir import ProjectDir
    from drift.monitor.store import MonitorStore

    place = read_option(store, option="--store") or os.environ.get("DRIFT_MONITOR_STORE", "")
    if place and "://" not in place and not Path(place).absolute().parent.is_dir():
        hidden = masked(place)
        raise UsageError(f"there is no folder {Path(hidden).parent} for the store {hidden}: make it first")
    place = place or str(ProjectDir(read=not create).path / "monitor.db")
    if not create and (file := _file_of(place)) is not None and not file.exists():
        raise UsageError(
            f"there is no monitor yet: no store {masked(str(file))}. To begin one: {_first_ingest(monitor, store)}"
        )
    return MonitorStore(place)


def _file_of(place: str) -> Path | None:
    """The file of a store in SQLite; None for another database, and for one in memory."""
    from drift.data.urls import parse_url

    if "://" not in place:
        return Path(place)
    url = parse_url(place)
    named = url.database if url.get_backend_name() == "sqlite" else None
    return None if not named or named.startswith(("file:", ":memory:")) else Path(named)


def _first_ingest(monitor: str, store: str) -> str:
    """The commands that begin a monitor, from the loop's own log and from a file."""
    of_log = following("monitor ingest log", monitor, store)
    of_file = following("monitor ingest FILE", monitor, store, prediction="COLUMN")
    return f"{of_log} (the log of a deployment) or {of_file}"


def following(command: str, monitor: str, store: str, **more: object) -> str:
    """The command that goes on with a monitor, to be printed; a password in the store's URL is not.

    Args:
        command: such as `monitor check`.
        monitor: its name.
        store: the option as it was given, empty for the default.
        more: further options.
    """
    from drift.data.urls import masked
    from drift.invocation import command_line

    own = {"monitor": None if monitor == "default" else monitor, "store": masked(store) if store else None}
    return command_line(command, {**own, **more})


def require_reason(why: str, expected: str) -> str:
    """The reason that was given.

    Args:
        why: as it was given.
        expected: the message if there is none.

    Raises:
        UsageError: there is none, or it is the word that printed commands have in its place.
    """
    if not why.strip():
        raise UsageError(expected)
    if why.strip() == REASON:
        raise UsageError(f"{expected}; got the word {REASON}, which stands for your own reason")
    return why.strip()


def find_monitor(store: MonitorStore, name: str) -> MonitorRecord:
    """The monitor of that name.

    Raises:
        UsageError: there is none, saying which there are.
    """
    from drift.monitor.store import batches

    with store.read() as connection:
        found = batches.find_monitor(connection, name)
        there = [one.name for one in batches.all_monitors(connection)]
    if found is None:
        known = f"it has {', '.join(there)}" if there else "it is empty: drift monitor ingest begins one"
        raise UsageError(f"expected a monitor of {store.name}, got {name!r}; {known}")
    return found


def names_in(text: str) -> tuple[str, ...]:
    """a,b,c as names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def columns_asked(columns: Columns, known: Columns | None) -> Columns:
    """Columns as an option names them, or as the monitor knows them.

    Raises:
        UsageError: neither tells which column holds the prediction.
    """
    if known is None and not columns.prediction:
        raise UsageError(
            "expected --prediction COLUMN at a monitor's first ingest: which column holds the model's answer?"
        )
    return columns if known is None else known.fit_to(columns)
