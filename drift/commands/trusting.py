"""`drift accept` and `drift keys`: whose models may be served."""

from __future__ import annotations

from typing import Annotated

import typer

from drift import next_steps
from drift.commands.ending import command
from drift.commands.flags import MaskedGroup, PlainFlags
from drift.loop.options import ModelName
from drift.system.options import Option


@command(needs=("mlflow",))
def accept(
    register_model_name: ModelName = next_steps.DEFAULT_MODEL,
    version: Annotated[int | None, Option("Registered version. Default: the champion.", "", min=1)] = None,
    run_id: Annotated[str | None, Option("A base run whose model was not registered yet.", "")] = None,
) -> None:
    """Accept a model that was trained elsewhere, so that it may be served here: its digest is kept in this folder.

    What was trained in this folder, or is signed by a trusted key (drift keys), needs no acceptance.

    Example: drift accept
    """
    from drift.loop.library import Loop
    from drift.terminal import fold

    accepted = Loop().accept(register_model_name, version=version, run_id=run_id)
    for line in accepted.lines:
        print(fold(line, indent=2))
    print(f"next: {accepted.next_step}")


keys = typer.Typer(
    cls=MaskedGroup,
    help="Whose models are served: keys that sign what is trained, and keys that are trusted.\n\n"
    "Example: drift keys list",
    no_args_is_help=True,
)


@keys.command(cls=PlainFlags)
@command(needs=("mlflow",))
def new(name: Annotated[str, Option("Whose key it is, for people.", "")] = "") -> None:
    """Make a key pair: what this user trains from now on is signed with it.

    Example: drift keys new --name training-machine
    """
    from drift.system import signing
    from drift.system.person import person

    key = signing.new_key(name or person())
    print(f"{key.text} {key.name}")
    print(f"the private key is in {signing.keys_folder()}; models that are trained from now on are signed with it")
    print(f"next, on the machine that serves: drift keys trust '{key.text} {key.name}'")


@keys.command("list", cls=PlainFlags)
@command
def list_keys() -> None:
    """The keys that are trusted, each as a line to give to others.

    Example: drift keys list
    """
    from drift.system import signing

    own, known = signing.own_key(), signing.trusted_keys()
    for key in known:
        signs = "  (signs what is trained here)" if own and own.text == key.text else ""
        print(f"{key.fingerprint}  {key.text} {key.name}{signs}")
    if not known:
        print(
            f"no key is trusted in {signing.keys_folder()}: drift keys new makes one, drift keys trust adds another's"
        )


@keys.command(cls=PlainFlags)
@command
def trust(
    key: Annotated[str, typer.Argument(help="A line that drift keys list or new printed, or a file that holds one.")],
) -> None:
    """Serve what the owner of a key has signed.

    Example: drift keys trust ed25519:pypRrFg+BiawcOOIGSvLox6xfytkQFyiBy7Y2LE85Xc=
    """
    from drift.system import signing

    public = signing.read_public_key(key)
    added = signing.trust(public)
    print(f"{'trusted' if added else 'trusted already'}: {public.words}; compare the fingerprint with its owner's")


@keys.command(cls=PlainFlags)
@command
def distrust(fingerprint: Annotated[str, typer.Argument(help="As drift keys list prints it.")]) -> None:
    """Serve nothing new that a key has signed; what was served because of it stays known here.

    Example: drift keys distrust b7979baea184f65a
    """
    from drift.system import signing

    print(f"not trusted any more: {signing.distrust(fingerprint).words}")
