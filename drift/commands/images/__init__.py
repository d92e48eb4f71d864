"""`drift images ...`: the image laboratory."""

import typer

from drift.commands.flags import MaskedGroup, PlainShares
from drift.commands.images.augmenting import augment
from drift.commands.images.kernels import kernels
from drift.commands.images.simulating import simulate

app = typer.Typer(
    cls=MaskedGroup,
    name="images",
    help="The image laboratory: make drift, measure it, see it, train it away.\n\n"
    "Example: drift images augment --data cifar-10 --quick",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for _command in (simulate, kernels, augment):
    app.command(cls=PlainShares)(_command)
