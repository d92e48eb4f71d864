"""Pages of experiments with images: figures with a sentence each, and tables of the numbers behind them."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

from drift.images.experiments.result import ExperimentResult
from drift.report.page import page_of, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_images(path: Path, result: ExperimentResult) -> Path:
    """Write a page to `path`, whole or not at all; it asks the network for nothing."""
    shown = [(picture.heading, png(picture.figure), picture.says) for picture in result.pictures]
    page = page_of(
        "images.html.j2",
        title=result.title,
        verdict=result.sentences,
        tiles=result.tiles,
        pictures=shown,
        tables=[result.table],
    )
    return write_whole(page, path)


def markdown(result: ExperimentResult) -> str:
    """The same without pictures, as Markdown."""
    table = result.table
    lines = [f"# {result.title}", "", *(f"- {sentence}" for sentence in result.sentences)]
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
