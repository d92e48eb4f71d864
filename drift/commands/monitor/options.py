"""The options that the monitor's commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from drift.errors import UsageError
from drift.system.options import MAIN, Option

if TYPE_CHECKING:
    from drift.monitor.library import Monitor

REASON = "REASON"  # stands in printed commands for what the user is to say; refused as it is
COLUMNS, ALERTS = "Columns, at a monitor's first ingest", "Alerts"


def number(name: str, help: str) -> typer.models.OptionInfo:
    """An option that takes a positive number; the help does not show 0, which stands for none."""
    info: typer.models.OptionInfo = typer.Option(
        f"--{name}", help=help, rich_help_panel=MAIN, show_default=False, min=0
    )
    return info


Name = Annotated[str, Option("Which deployed model is followed.")]
StoreOption = Annotated[
    str,
    Option(
        "Where all is kept: a file (SQLite), or PostgreSQL's URL; one with a password as env:NAME or @FILE, which"
        " others cannot see in the process list. Default: DRIFT_MONITOR_STORE, or else .drift/monitor.db."
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
Query = Annotated[str, Option("What to read from a database: a SELECT, or the name of a table.")]
Prediction = Annotated[str, Option("Column with the model's answer: a class, or a number.", COLUMNS)]
Truth = Annotated[str, Option("Column with the truth; empty where it has not come yet.", COLUMNS)]
Key = Annotated[str, Option("Column that tells rows apart; truth that comes later is joined by it.", COLUMNS)]


def open_monitor(store: str, monitor: str = "default", *, create: bool = False) -> Monitor:
    """The monitor of the store that an option or the environment names; see `Monitor.open`."""
    from drift.monitor.library import Monitor

    return Monitor.open(store, monitor, create=create)


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
