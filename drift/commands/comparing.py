"""`drift compare`: do two tables differ, and where?"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.parts import options_as_called, write_json
from drift.errors import ExitCode, UsageError
from drift.system.devices import resolve_device

if TYPE_CHECKING:
    import pandas as pd

Table = Annotated[Path, typer.Argument(help="A .csv or .parquet file.", show_default=False)]
STAGES = 4  # columns, all of them together, one by one, and where they differ
STRETCH = "Only these rows of {}: START:STOP, counted from 0."


@command
def compare(
    reference: Table,
    current: Table,
    reference_rows: Annotated[
        str | None,
        typer.Option("--reference_rows", help=STRETCH.format("REFERENCE"), rich_help_panel=o.MAIN, show_default=False),
    ] = None,
    current_rows: Annotated[
        str | None,
        typer.Option("--current_rows", help=STRETCH.format("CURRENT"), rich_help_panel=o.MAIN, show_default=False),
    ] = None,
    columns: Annotated[
        str,
        typer.Option("--columns", help="Compare only these: a,b,c.", rich_help_panel=o.MAIN, show_default=False),
    ] = "",
    ignore: o.Ignore = "",
    level: Annotated[
        float,
        typer.Option(
            "--level", min=0.0001, max=0.5, help="Chance of finding drift where there is none.", rich_help_panel=o.MAIN
        ),
    ] = 0.05,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Also write a page with pictures.", rich_help_panel=o.MAIN, show_default=False),
    ] = None,
    permutations: Annotated[
        int,
        typer.Option(
            "--permutations",
            min=19,
            help="Of the joint test, and draws for what chance makes of distances.",
            rich_help_panel=o.MORE,
        ),
    ] = 1000,
    unlike_rows: Annotated[
        int, typer.Option("--unlike_rows", min=0, help="How many unlike rows to tell.", rich_help_panel=o.MORE)
    ] = 5,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    json: o.Json = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Do two tables differ, beyond chance, and where? Exit code 0: no drift; 3: drift.

    Needs no model, no server and no project. Columns that are dates or sorted in both tables are left out, since they
    differ between any two stretches.

    Example: drift compare last_month.csv this_month.csv --ignore note
    """
    from drift.comparison import compare_tables
    from drift.comparison.describe import reasons, verdict
    from drift.comparison.text import lines
    from drift.data.readers import read_frame
    from drift.terminal import counting, fold, line_width

    device = resolve_device(device, double_precision=True)
    frames = [
        _stretch(read_frame(path, ignore=_names(ignore), wanted=_names(columns)), rows, path)
        for path, rows in ((reference, reference_rows), (current, current_rows))
    ]
    stages = count()
    with counting() as tell:
        found = compare_tables(
            *frames,
            columns=_names(columns),
            ignore=_names(ignore),
            level=level,
            permutations=permutations,
            rows=unlike_rows,
            seed=seed,
            device=device,
            tell=lambda _: tell("comparing tables", next(stages), STAGES),
        )
    for line in lines(found, width=line_width()):
        print(fold(line, indent=len(line) - len(line.lstrip()) + 2))
    if html is not None:
        from drift.report.comparison import write_comparison

        named = [
            f"{path}, rows {rows}" if rows else str(path)
            for path, rows in ((reference, reference_rows), (current, current_rows))
        ]
        print(f"page: {write_comparison(found, html, reference=named[0], current=named[1])}")
    more = {name: getattr(found, name) for name in ("drift", "p_value", "rows", "joint", "pairs", "unlike", "left_out")}
    more |= {"verdict": verdict(found), "reasons": list(reasons(found))}
    write_json(json, options_as_called(compare, locals()), [vars(column) for column in found.columns], **more)
    return ExitCode.DRIFT if found.drift else ExitCode.DONE


def _stretch(frame: pd.DataFrame, rows: str | None, path: Path) -> pd.DataFrame:
    """Some rows of a file, with the numbers that they have in it; refuses names that would forge lines."""
    import re

    from drift.data.problems import require_plain_names

    require_plain_names(frame.columns, f"table {path}")
    if rows is None:
        return frame
    found = re.fullmatch(r"(\d*):(\d*)", rows.strip())
    if found is None:
        raise UsageError(f"expected rows as START:STOP, such as 0:1440, got {rows!r}")
    start, stop = (int(text) if text else None for text in found.groups())
    part = frame.iloc[start:stop]
    if len(part) == 0:
        raise UsageError(f"expected some rows, got none from {rows} of {path}, which has {len(frame):,}")
    return part


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
