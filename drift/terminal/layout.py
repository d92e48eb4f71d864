"""How wide lines may be, and lines of prose folded between words with a hanging indent."""

from __future__ import annotations

import shutil
import textwrap


def line_width() -> int | None:
    """Characters that a line of standard output may have; None where neither a terminal nor COLUMNS says so.

    The last column of a terminal stays free: some wrap when it is written to.
    """
    columns = shutil.get_terminal_size((0, 0)).columns
    return columns - 1 if columns > 0 else None


def fold(line: str, *, indent: int) -> str:
    """A line broken between words to fit the terminal; as it is where there is none.

    Args:
        line: text without line breaks.
        indent: blanks before each line but the first.
    """
    width = line_width()
    if width is None or len(line) <= width or indent > width // 2:
        return line
    lead = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line.strip(), width, initial_indent=lead, subsequent_indent=" " * indent,
        break_long_words=False, break_on_hyphens=False, drop_whitespace=True, replace_whitespace=False,
    )  # fmt: skip
