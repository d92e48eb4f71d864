"""`drift example`: small tables to try the other commands on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.errors import ExitCode


@command
def example(
    folder: Annotated[Path, typer.Argument(help="Where to. Default: here.", show_default=False)] = Path(),
    verbose: o.Verbose = False,
) -> ExitCode:
    """Write the small tables that the documentation's examples name: sales.csv, predictions.csv and others.

    They are made up, the same whenever they are written, and something drifts in each. A file that is there already
    is never replaced by another one.

    Example: drift example
    """
    from drift.datasets.example import write_example

    for path, words in write_example(folder).items():
        print(f"{path}: {words}")
    return ExitCode.DONE
