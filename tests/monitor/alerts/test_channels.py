"""Every kind of channel, by the registry: a new one is tried without a change here."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from drift.monitor.alerts import channels
from drift.system.options import declared_options

FOLDER = Path(channels.__file__).parent
every = pytest.mark.parametrize("kind", channels.CHANNELS, ids=lambda kind: kind.__name__)


def test_every_file_is_in_the_registry() -> None:
    assert len(channels.CHANNELS) == len({path.stem for path in FOLDER.glob("*.py")} - {"__init__", "protocol"})


def test_kinds_are_their_own() -> None:
    """Deliveries are kept by kind and target."""
    names = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "protocol"}
    kinds = [
        entry.kind
        for name in names
        for entry in vars(import_module(f"{channels.__name__}.{name}")).values()
        if isinstance(entry, type) and entry.__module__ == f"{channels.__name__}.{name}" and hasattr(entry, "kind")
    ]
    assert len(kinds) == len(set(kinds)) >= len(names)


@every
def test_no_option_names_no_channel(kind: type[channels.ChannelOptions]) -> None:
    assert kind().channel() is None


def test_options_of_all_kinds_have_names_of_their_own() -> None:
    names = [option.name for kind in channels.CHANNELS for option in declared_options(kind)]
    assert len(names) == len(set(names)) >= len(channels.CHANNELS)
    assert channels.channels_of(channels.AllChannels()) == []


def test_their_options_are_in_the_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drift", "monitor", "check", "--help"], capture_output=True, text=True, check=True,
        timeout=240,
    )  # fmt: skip
    for kind in channels.CHANNELS:
        for option in declared_options(kind):
            assert f"--{option.name}" in done.stdout


def test_files_show_the_target_and_not_the_destination() -> None:
    """A destination may hold a secret: the path of a webhook, the arguments of a program."""
    webhook = channels.WebhookOptions(webhook="https://hooks.example/T0/secret")
    command = channels.CommandOptions(run_command="page --key hush")
    shown = channels.shown_options(channels.AllChannels(WebhookOptions=webhook, CommandOptions=command))
    assert not {text for text in map(str, shown.values()) if "secret" in text or "hush" in text}
    assert shown["run_command"] == "page"
    assert {field.name for kind in channels.CHANNELS for field in fields(kind)} == set(shown)  # type: ignore[arg-type]
