"""The templates of the pages, and values as these show them."""

from __future__ import annotations

from typing import Any

from drift.charts.plots import as_json
from drift.invocation import shell_words
from drift.monitor.drift.signals import display_name
from drift.report.page import environment


def number(value: float | None, digits: int = 4) -> str:
    """A number as tables show it.

    >>> number(0.73214), number(1234567.0), number(None)
    ('0.7321', '1.235e+06', '–')
    """
    return "–" if value is None else f"{value:.{digits}g}"


def count(many: int, name: str) -> str:
    """So many of them.

    >>> count(1, "batch"), count(1200, "row")
    ('1 batch', '1,200 rows')
    """
    plural = f"{name}es" if name.endswith("ch") else f"{name}s"
    return f"{many:,} {name if many == 1 else plural}"


def moment(text: str | None) -> str:
    """A time to the minute."""
    return "" if text is None else text[:16].replace("T", " ")


def templates() -> Any:
    """The templates of the pages and of the report."""
    made = environment("monitor/web/templates")
    made.filters |= {
        "display_name": display_name,
        "chart": as_json,
        "number": number,
        "count": count,
        "moment": moment,
        "shell_words": shell_words,
    }
    return made
