"""`drift monitor ...`: batches of predictions, followed over time."""

import typer

from drift.commands.flags import MaskedGroup, PlainShares
from drift.commands.monitor.checks import alerts, check, reference
from drift.commands.monitor.ingestion import ingest, truth
from drift.commands.monitor.pages import findings, report, serve

app = typer.Typer(
    cls=MaskedGroup,
    name="monitor",
    help="Follow a deployed model's predictions batch by batch: what got worse, why, and what people found out.\n\n"
    "Example: drift monitor ingest log",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for _command in (ingest, truth, reference, check, alerts, findings, serve, report):
    app.command(cls=PlainShares)(_command)
