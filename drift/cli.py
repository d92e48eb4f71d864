"""The command line: `drift COMMAND`. A command parses, builds the parts, and makes one call into the library.

Nothing heavy is imported before the arguments are parsed, so `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from drift import __version__
from drift.commands import images, loop, monitor, tables, trusting
from drift.commands.flags import DeployedPolicyHelp, MaskedGroup, PlainFlags, PolicyHelp
from drift.invocation import ENTRY_POINTS
from drift.system.secrets import hide_passwords_in

app = typer.Typer(
    cls=MaskedGroup,
    name="drift",
    help="Watch a deployed model age and heal: train, serve, notice drift, retrain, promote, report.\n\n"
    "Exit codes: 0 done; 1 error; 2 usage; 3 drift was flagged and the model not retrained, or its challenger"
    " is still in shadow; 4 a challenger was refused; 130 interrupted.\n\n"
    "Example: drift base --max_epochs 3 --total_trials 5",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"token_normalize_func": lambda name: name.replace("-", "_") if name != "-" else name},
)
_LIST_POLICIES = {loop.deploy: DeployedPolicyHelp, loop.replay: PolicyHelp}
for _command in (
    loop.base,
    loop.deploy,
    loop.retrain,
    loop.status,
    loop.history,
    loop.rollback,
    trusting.accept,
    loop.serve,
    tables.compare,
    tables.example,
    loop.replay,
):
    app.command(cls=_LIST_POLICIES.get(_command, PlainFlags))(_command)
app.add_typer(images.app)
app.add_typer(monitor.app)
app.add_typer(trusting.keys, name="keys")


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print name and version.")] = False) -> None:
    if version:
        print(f"drift {__version__}")
        raise typer.Exit


def run(command: str | None = None) -> None:
    """Run `drift`, or one of its commands as a script of its own."""
    words = sys.argv[1:] if command is None else [command, *sys.argv[1:]]
    hide_passwords_in(words)
    if "MLFLOW_RUN_ID" in os.environ and words and "--help" not in words and words[0] in ENTRY_POINTS:
        from drift.tracking.runs.project_run import adopt_project_run

        ignored = adopt_project_run(words[0], words[1:])
        if ignored is not None:
            print(f"note: {ignored}", file=sys.stderr)
    if command is None:
        app(prog_name="drift")
    else:
        typer.main.get_command(app).commands[command].main(prog_name=f"{command}_model.py")  # type: ignore[attr-defined]
