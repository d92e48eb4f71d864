"""Write every command's own help into docs/commands.md: `python docs/write_help.py`. A test compares the two."""

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("commands.md")
LOOP = ("base", "deploy", "retrain", "status", "history", "rollback", "serve")
PLAIN = (*LOOP, "compare", "example", "replay", "images", "monitor")
LABORATORY = ("simulate", "kernels", "augment")
MONITOR = ("ingest", "truth", "reference", "check", "alerts", "serve", "report", "findings")
COMMANDS = (
    *((name,) for name in PLAIN),
    *(("images", name) for name in LABORATORY),
    *(("monitor", name) for name in MONITOR),
)


def help_of(*command: str) -> str:
    """A command's help, 100 columns wide, without colour."""
    environment = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "PY_COLORS")}
    environment |= {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "TERMINAL_WIDTH": "100"}
    line = [sys.executable, "-m", "drift", *command, "--help"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=240, env=environment)
    return "\n".join(text.rstrip() for text in done.stdout.strip("\n").splitlines())


def page() -> str:
    """The whole page."""
    parts = ["# Commands\n\nWritten by `python docs/write_help.py` from the commands themselves.\n"]
    for command in ((), *COMMANDS):
        title = " ".join(("drift", *command))
        parts.append(f"## {title}\n\n```text\n{help_of(*command)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
