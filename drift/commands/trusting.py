"""`drift accept` and `drift keys`: whose models may be served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drift import next_steps
from drift.commands import options as o
from drift.commands.ending import command
from drift.commands.flags import MaskedGroup, PlainFlags
from drift.errors import ExitCode, UsageError
from drift.system.extras import require


@command
def accept(
    register_model_name: o.ModelName = "drift_model",
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, help="Registered version. Default: the champion.", show_default=False),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option("--run_id", help="A base run whose model was not registered yet.", show_default=False),
    ] = None,
    verbose: o.Verbose = False,
) -> ExitCode:
    """Accept a model that was trained elsewhere, so that it may be served here: its digest is kept in this folder.

    What was trained in this folder, or is signed by a trusted key (drift keys), needs no acceptance.

    Example: drift accept
    """
    require("mlflow")
    if version is not None and run_id is not None:
        raise UsageError("expected --version or --run_id, got both: a run that is registered has a version")
    from drift.loop.journal.journal import Journal
    from drift.loop.project_dir import ProjectDir
    from drift.loop.releases.trusted import accept as accept_release
    from drift.terminal import fold
    from drift.tracking.connection.store import connect
    from drift.tracking.registry import Registry
    from drift.tracking.runs.lookup import experiment_of
    from drift.tracking.runs.release import ReleaseOrigin

    store = connect()
    if run_id is None:
        number = version or Registry(store, register_model_name).champion().number
        origin, then = ReleaseOrigin("", register_model_name, number), next_steps.serve(register_model_name)
    else:
        origin = ReleaseOrigin(run_id)
        then = next_steps.deploy(experiment_of(store, run_id), register_model_name)
    for line in accept_release(store, Journal(ProjectDir().log), origin).lines:
        print(fold(line, indent=2))
    print(f"next: {then}")
    return ExitCode.DONE


keys = typer.Typer(
    cls=MaskedGroup,
    help="Whose models are served: keys that sign what is trained, and keys that are trusted.\n\n"
    "Example: drift keys list",
    no_args_is_help=True,
)


@keys.command(cls=PlainFlags)
@command
def new(
    name: Annotated[str, typer.Option("--name", help="Whose key it is, for people.")] = "",
    verbose: o.Verbose = False,
) -> ExitCode:
    """Make a key pair: what this user trains from now on is signed with it.

    Example: drift keys new --name training-machine
    """
    require("mlflow")
    from drift.system import signing
    from drift.system.person import person

    key = signing.new_key(name or person())
    print(f"{key.text} {key.name}")
    print(f"the private key is in {signing.keys_folder()}; models that are trained from now on are signed with it")
    print(f"next, on the machine that serves: drift keys trust '{key.text} {key.name}'")
    return ExitCode.DONE


@keys.command("list", cls=PlainFlags)
@command
def list_keys(verbose: o.Verbose = False) -> ExitCode:
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
    return ExitCode.DONE


@keys.command(cls=PlainFlags)
@command
def trust(
    key: Annotated[str, typer.Argument(help="A line that drift keys list or new printed, or a file that holds one.")],
    verbose: o.Verbose = False,
) -> ExitCode:
    """Serve what the owner of a key has signed.

    Example: drift keys trust ed25519:pypRrFg+BiawcOOIGSvLox6xfytkQFyiBy7Y2LE85Xc=
    """
    from drift.system import signing

    text = key
    if not key.startswith(signing.PREFIX):
        try:
            text = Path(key).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"expected a public key ({signing.PREFIX}BASE64 NAME) or a file that holds one, got {key[:100]!r}"
            ) from error
    found = signing.public_key(text)
    added = signing.trust(found)
    print(f"{'trusted' if added else 'trusted already'}: {found.words}; compare the fingerprint with its owner's")
    return ExitCode.DONE


@keys.command(cls=PlainFlags)
@command
def distrust(
    fingerprint: Annotated[str, typer.Argument(help="As drift keys list prints it.")],
    verbose: o.Verbose = False,
) -> ExitCode:
    """Serve nothing new that a key has signed; what was served because of it stays known here.

    Example: drift keys distrust b7979baea184f65a
    """
    from drift.system import signing

    print(f"not trusted any more: {signing.distrust(fingerprint).words}")
    return ExitCode.DONE
