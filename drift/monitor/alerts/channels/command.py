"""Alerts to a program of the user's own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Annotated, ClassVar

from drift.errors import DeliveryError, UsageError
from drift.monitor.alerts.channels.protocol import PANEL, ChannelOptions, Message, body, shortened
from drift.system.options import Option, split_names
from drift.system.secrets import environment_without_secrets, read_option

LONGEST_VARIABLE = 4_000  # characters; Linux takes 128 kB


@dataclass(frozen=True)
class Command:
    """A command that is given each message as JSON on its standard input, and in DRIFT_ALERT_… variables.

    Variables hold at most 4,000 characters of a value; the JSON has it whole.

    Attributes:
        command: as a shell would read it; no shell does.
        seconds: after which it is ended.
        keep: variables of the environment that it gets although their names or values look like secrets; those of
            this package, of MLflow, of databases and of clouds are kept from it else.
    """

    kind: ClassVar[str] = "command"
    command: str
    seconds: float = 30.0
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            program = (self.command.split() or [""])[0]  # the rest may be a secret
            raise UsageError(
                f"expected a command as a shell would read it, got {program!r} with others: {error}; look at its quotes"
            ) from error
        if not words:
            raise UsageError("expected a command, got nothing")

    @property
    def target(self) -> str:
        """The program, without its arguments, which may be secrets."""
        return shlex.split(self.command)[0]

    def send(self, message: Message) -> None:
        """Run it, never through a shell.

        Raises:
            DeliveryError: it could not be started, took too long, or failed.
        """
        variables = {
            f"DRIFT_ALERT_{name.upper()}": shortened(str(value).replace("\0", ""), LONGEST_VARIABLE)
            for name, value in vars(message).items()
        }
        with tempfile.TemporaryFile() as errors:  # no pipe: a process that it leaves behind would hold it
            try:
                process = subprocess.Popen(
                    shlex.split(self.command), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
                    env={**environment_without_secrets(self.keep), **variables}, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise DeliveryError(f"{self.target} cannot be started: {error.strerror}") from error
            try:
                process.communicate(body(message), timeout=self.seconds)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise DeliveryError(f"{self.target} took more than {self.seconds:g} s and was ended") from error
            if process.returncode:
                errors.seek(0)
                lines = errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
                raise DeliveryError(f"{self.target} ended with {process.returncode}: {lines[-1][:200]}")


@dataclass(frozen=True)
class CommandOptions(ChannelOptions):
    """A program that gets messages.

    Attributes:
        run_command: the program with its arguments; empty for none.
        command_env: names of variables that it gets although they look like secrets, separated by commas.
    """

    order: ClassVar[int] = 1
    run_command: Annotated[
        str,
        Option(
            "Run this program, without a shell, for each message: JSON on its standard input, and its parts in"
            " DRIFT_ALERT_SIGNAL, DRIFT_ALERT_REASON and so on. env:NAME or @FILE if it holds a secret.",
            PANEL,
            name="command",
        ),
    ] = ""
    command_env: Annotated[
        str,
        Option(
            "Variables that --command gets although they look like secrets: a,b. Tokens, passwords and keys of clouds"
            " are kept from it else.",
            PANEL,
        ),
    ] = ""

    def channel(self) -> Command | None:
        """The channel; None if no program is named."""
        command = read_option(self.run_command, option="--command")
        return Command(command, keep=split_names(self.command_env)) if command else None
