"""Write every command's own help into docs/commands.md, and every policy into docs/policies.md.

`python docs/write_help.py`; a test compares both with what they are made from.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from drift.policies.describe import policy_table

PAGE = Path(__file__).with_name("commands.md")
POLICIES_PAGE = Path(__file__).with_name("policies.md")
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


POLICIES_TEXT = """# Policies

Written by `python docs/write_help.py` from the registry, `drift/policies/`. A policy decides after each block whether
to retrain. `drift deploy --policy NAME` takes one, `drift replay --policies NAME,NAME` several, under the same names.

{table}

- Values follow the name after colons: `forecast:3:.7`. Where an option says something else, the name counts.
- `@ROWS` after the name, such as `every:4@2016`: a retrain learns from so many rows, in a deployment 200 or more.
  `@change`, such as `adwin@change`: from the rows since accuracy changed, at least 1,008 in a replay and 200 in a
  deployment.
- `+recall` and `+mix`, in a replay only: versions trained earlier answer, too. A deployment serves one version.
- `spaced:R` in a deployment is spread over the blocks that this deployment scores, `--test_data_rows` of the rows that
  are left, as it is in a replay over the blocks of the replay: never over later rows that no deployment was asked for.
- Policies that follow no measurement (`every:K`, `spaced:R`) flag no block; the retrain is put to the same question and
  is not delayed by `--cooldown_blocks`. All others wait for the cool-down in a deployment; a replay has none.
- In a deployment, detectors leave out the features of the calendar, and the alarm of a detector that follows errors is
  repeated while accuracy stays low ([decision 20](decisions/0020-rows-since-a-fall.md)).
"""


def policies_page() -> str:
    """The page of policies."""
    return POLICIES_TEXT.format(table="\n".join(policy_table()))


if __name__ == "__main__":
    PAGE.write_text(page())
    POLICIES_PAGE.write_text(policies_page())
