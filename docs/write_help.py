"""Write every command's own help into docs/commands.md: `python docs/write_help.py`. A test compares the two."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).with_name("commands.md")
LOOP = ("base", "deploy", "retrain", "status", "history", "rollback", "serve", "accept")
PLAIN = (*LOOP, "compare", "example", "replay", "images", "monitor", "keys")
LABORATORY = ("simulate", "kernels", "augment")
MONITOR = ("ingest", "truth", "reference", "check", "alerts", "serve", "report", "findings")
KEYS = ("new", "list", "trust", "distrust")
COMMANDS = (
    *((name,) for name in PLAIN),
    *(("images", name) for name in LABORATORY),
    *(("monitor", name) for name in MONITOR),
    *(("keys", name) for name in KEYS),
)


# One process for all: each would load the same packages.
CODE = """
import contextlib, io, json, sys
from drift.__main__ import main
texts = []
for command in json.loads(sys.argv.pop()):
    sys.argv[1:] = [*command, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        main()
    texts.append(text.getvalue())
print(json.dumps(texts))
"""


def helps(commands: Sequence[tuple[str, ...]]) -> list[str]:
    """The help of each command, 100 columns wide, without colour."""
    environment = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "PY_COLORS")}
    environment |= {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "TERMINAL_WIDTH": "100"}
    line = [sys.executable, "-c", CODE, json.dumps(commands)]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=240, env=environment)
    return ["\n".join(line.rstrip() for line in text.strip("\n").splitlines()) for text in json.loads(done.stdout)]


def page() -> str:
    """The whole page."""
    parts = ["# Commands\n\nWritten by `python docs/write_help.py` from the commands themselves.\n"]
    commands = ((), *COMMANDS)
    for command, text in zip(commands, helps(commands), strict=True):
        title = " ".join(("drift", *command))
        parts.append(f"## {title}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
