"""The options that the monitor's commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from drift.commands import options as o
from drift.errors import UsageError

if TYPE_CHECKING:
    from drift.monitor.library import Monitor

REASON = "REASON"  # stands in printed commands for what the user is to say; refused as it is
COLUMNS, ALERTS = "Columns, at a monitor's first ingest", "Alerts"


def option(
    help: str, name: str, panel: str = o.MAIN, *, show_default: bool = False, **bounds: float
) -> typer.models.OptionInfo:
    """An option of one name.

    Args:
        help: what it does.
        name: without dashes.
        panel: of the help.
        show_default: whether the help shows the default.
        bounds: `min` and `max` of a number.
    """
    shown: Any = {"help": help, "rich_help_panel": panel, "show_default": show_default, **bounds}
    info: typer.models.OptionInfo = typer.Option(f"--{name}", **shown)
    return info


Name = Annotated[str, option("Which deployed model is followed.", "monitor", show_default=True)]
StoreOption = Annotated[
    str,
    option(
        "Where all is kept: a file (SQLite), or PostgreSQL's URL; one with a password as env:NAME or @FILE, which"
        " others cannot see in the process list. Default: DRIFT_MONITOR_STORE, or else .drift/monitor.db.",
        "store",
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
Query = Annotated[str, option("What to read from a database: a SELECT, or the name of a table.", "query")]
Prediction = Annotated[str, option("Column with the model's answer: a class, or a number.", "prediction", COLUMNS)]
Truth = Annotated[str, option("Column with the truth; empty where it has not come yet.", "truth", COLUMNS)]
Key = Annotated[str, option("Column that tells rows apart; truth that comes later is joined by it.", "key", COLUMNS)]


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


def names_in(text: str) -> tuple[str, ...]:
    """a,b,c as names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
