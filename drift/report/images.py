"""Pages of experiments with images: figures with a sentence each, and tables of the numbers behind them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drift.report.page import page_of, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Tile:
    """A number that is seen first.

    Attributes:
        label: what it counts.
        value: as it is shown.
        note: below it.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture under a heading.

    Attributes:
        heading: above it.
        figure: of matplotlib.
        says: what is to be seen on it.
    """

    heading: str
    figure: Figure
    says: str


@dataclass(frozen=True)
class Numbers:
    """A table under a heading.

    Attributes:
        heading: above it.
        columns: headers.
        rows: cells, one for each column.
        says: below it.
    """

    heading: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    says: str = ""


def write_images(
    path: Path,
    *,
    title: str,
    verdict: Sequence[str],
    tiles: Sequence[Tile] = (),
    pictures: Sequence[Picture] = (),
    tables: Sequence[Numbers] = (),
) -> Path:
    """Write a page to `path`, whole or not at all; it asks the network for nothing."""
    shown = [(picture.heading, png(picture.figure), picture.says) for picture in pictures]
    page = page_of("images.html.j2", title=title, verdict=verdict, tiles=tiles, pictures=shown, tables=tables)
    return write_whole(page, path)


def markdown(title: str, verdict: Sequence[str], tables: Sequence[Numbers]) -> str:
    """The same without pictures, as Markdown."""
    lines = [f"# {title}", "", *(f"- {sentence}" for sentence in verdict)]
    for table in tables:
        lines += ["", f"## {table.heading}", ""]
        lines += ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
        lines += ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in table.rows]
        lines += ["", table.says] if table.says else []
    return "\n".join(lines) + "\n"


def png(figure: Figure) -> str:
    """A picture as an address that a page can hold."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png")
    return "data:image/png;base64," + base64.b64encode(whole.getvalue()).decode()
