"""The examples in the commands' own help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from drift.cli import app

MARK = "Example: "


def every_command() -> dict[str, Any]:
    """All commands and groups, by what a person types."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for part, below in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {part}", below)

    return dict(walk("drift", typer.main.get_command(app)))


def examples() -> Mapping[str, str]:
    """The example of each command's help, by command; a command without one is left out."""
    texts = {name: (command.help or "").splitlines() for name, command in every_command().items()}
    return {
        name: line.strip().removeprefix(MARK)
        for name, lines in texts.items()
        for line in lines
        if line.strip().startswith(MARK)
    }
