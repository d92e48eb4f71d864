"""The command line's options, each declared once and shared by the commands that take it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def _plain_name(name: str) -> str:
    """A model's name becomes a folder, a file, an address and a database key, so it is kept plain."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise typer.BadParameter(
            f"expected 1 to 100 letters, digits, '.', '_' or '-', beginning with a letter or digit; got {name!r}"
        )
    return name


MAIN, DATA, MORE = "Main options", "Your own table", "More"

Experiment = Annotated[
    str,
    typer.Option(
        "--mlflow_experiment_name", envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment.", rich_help_panel=MAIN
    ),
]
Epochs = Annotated[
    int,
    typer.Option("--max_epochs", min=1, help="Passes over the training rows in each trial.", rich_help_panel=MAIN),
]
Trials = Annotated[
    int, typer.Option("--total_trials", min=1, help="Sets of parameters that Ax tries.", rich_help_panel=MAIN)
]
ModelName = Annotated[
    str,
    typer.Option(
        "--register_model_name",
        help="Name in the model registry and on the server.",
        rich_help_panel=MAIN,
        callback=_plain_name,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same numbers.", rich_help_panel=MORE)
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|mps",
        help="Where networks are trained (compare: where the joint test runs); auto: cuda, else mps, else cpu.",
        rich_help_panel=MORE,
    ),
]
Json = Annotated[
    Path | None,
    typer.Option("--json", help="Also write the numbers to this file.", rich_help_panel=MORE, show_default=False),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the whole trace of an error.", rich_help_panel=MORE)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted.", rich_help_panel=MAIN)]

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="CSV or Parquet, in time order. Default: ELEC.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
Label = Annotated[
    str | None,
    typer.Option("--label", help="Column with the class.", rich_help_panel=DATA, show_default=False),
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        help="Column with the time; adds time of day and of week. NAME:day_first or NAME:month_first says how"
        " 01/02/2026 is meant.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
Ignore = Annotated[
    str,
    typer.Option("--ignore", help="Columns to leave out: a,b,c.", rich_help_panel=DATA, show_default=False),
]

Window = Annotated[
    int | None,
    typer.Option(
        "--window_rows",
        min=200,
        help="Train on the most recent rows only. Default: all seen so far.",
        rich_help_panel=MAIN,
        show_default=False,
    ),
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        "--held_out_rows",
        min=40,
        help="Newest rows, kept for the comparison. Default: a fifth, at most 1,000 and half of the new ones.",
        rich_help_panel=MORE,
        show_default=False,
    ),
]
Warm = Annotated[
    bool,
    typer.Option("--warm_start/--fresh_start", help="Start from the champion's weights.", rich_help_panel=MORE),
]
Level = Annotated[
    float,
    typer.Option("--promote_level", min=0.0001, max=0.5, help="Level of the paired test.", rich_help_panel=MORE),
]

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="Port of our TorchServe. Default, and 0: any free one.",
        rich_help_panel=MORE,
        show_default=False,
    ),
]

UntilAccepted = Annotated[
    int,
    typer.Option(
        "--until_accepted",
        min=0,
        max=20,
        help="Further tries, at most, while challengers are refused: twice the trials, then half of the window, and so"
        " on in turn. --promote_level holds over all tries together: each is tested at its share.",
        rich_help_panel=MAIN,
    ),
]

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        help="The TorchServe at this URL, instead of one of our own.",
        rich_help_panel=MORE,
        show_default=False,
    ),
]
ServerFolder = Annotated[
    Path | None,
    typer.Option(
        "--server_folder",
        help="Its working directory: key_file.json and model_store/.",
        rich_help_panel=MORE,
        show_default=False,
    ),
]
