"""`drift compare` and `drift example`: two tables that may differ, and tables to try the commands on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.errors import ExitCode
from drift.system.devices import ComputeOptions
from drift.system.options import DATA, MORE, Option, as_options, split_names

Table = Annotated[Path, typer.Argument(help="A .csv or .parquet file.", show_default=False)]
STAGES = 4  # columns, all of them together, one by one, and where they differ
ROWS = "Only these rows of {}: START:STOP, counted from 0."


@dataclass(frozen=True)
class CompareOptions:
    """What of the tables is compared, and how."""

    reference_rows: Annotated[str | None, Option(ROWS.format("REFERENCE"))] = None
    current_rows: Annotated[str | None, Option(ROWS.format("CURRENT"))] = None
    columns: Annotated[str, Option("Compare only these: a,b,c.")] = ""
    ignore: Annotated[str, Option("Columns to leave out: a,b,c.", DATA)] = ""
    level: Annotated[float, Option("Chance of finding drift where there is none.", min=0.0001, max=0.5)] = 0.05
    html: Annotated[Path | None, Option("Also write a page with pictures.")] = None
    permutations: Annotated[
        int, Option("Of the joint test, and draws for what chance makes of distances.", MORE, min=19)
    ] = 1000
    unlike_rows: Annotated[int, Option("How many unlike rows to tell.", MORE, min=0)] = 5
    compute: ComputeOptions = field(default_factory=ComputeOptions)


@command
def compare(reference: Table, current: Table, options: CompareOptions, json: o.Json = None) -> ExitCode:
    """Do two tables differ, beyond chance, and where? Exit code 0: no drift; 3: drift.

    Needs no model, no server and no project. Columns that are dates or sorted in both tables are left out, since they
    differ between any two stretches.

    Example: drift compare last_month.csv this_month.csv --ignore note
    """
    from drift.comparison import compare_tables
    from drift.comparison.files import read_rows
    from drift.comparison.result import reasons, verdict
    from drift.comparison.text import lines
    from drift.terminal import counting, fold, line_width

    options = replace(options, compute=options.compute.on_device(double_precision=True))
    columns, ignore = split_names(options.columns), split_names(options.ignore)
    tables = (reference, options.reference_rows), (current, options.current_rows)
    frames = [read_rows(path, rows, columns=columns, ignore=ignore) for path, rows in tables]
    stages = count()
    with counting() as tell:
        comparison = compare_tables(
            *frames,
            columns=columns,
            ignore=ignore,
            level=options.level,
            permutations=options.permutations,
            rows=options.unlike_rows,
            seed=options.compute.seed,
            device=options.compute.device,
            tell=lambda _: tell("comparing tables", next(stages), STAGES),
        )
    for line in lines(comparison, width=line_width()):
        print(fold(line, indent=len(line) - len(line.lstrip()) + 2))
    if options.html is not None:
        from drift.report.comparison import write_comparison

        first, second = (f"{path}, rows {rows}" if rows else str(path) for path, rows in tables)
        print(f"page: {write_comparison(comparison, options.html, reference=first, current=second)}")
    names = ("drift", "p_value", "rows", "joint", "pairs", "unlike", "left_out")
    more = {name: getattr(comparison, name) for name in names}
    more |= {"verdict": verdict(comparison), "reasons": list(reasons(comparison))}
    called = as_options(options, reference=reference, current=current)
    o.write_json(json, called, [vars(column) for column in comparison.columns], **more)
    return ExitCode.DRIFT if comparison.drift else ExitCode.DONE


@command
def example(
    folder: Annotated[Path, typer.Argument(help="Where to. Default: here.", show_default=False)] = Path(),
) -> None:
    """Write the small tables that the documentation's examples name: sales.csv, predictions.csv and others.

    They are made up, the same whenever they are written, and something drifts in each. A file that is there already
    is never replaced by another one.

    Example: drift example
    """
    from drift.datasets.example import write_example

    for path, words in write_example(folder).items():
        print(f"{path}: {words}")
