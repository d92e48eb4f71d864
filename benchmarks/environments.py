"""Environments of peers: made by the benchmarks themselves, each apart from the others and from the project's own."""

from __future__ import annotations

import os
import subprocess
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.machine import plain_version

SCRIPTS = Path(__file__).parent / "peers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "drift-benchmarks"
INSTALL_SECONDS = 3_600
TORCH = f"torch=={plain_version(version('torch'))}"  # peers compute with the same torch as we do


@dataclass(frozen=True)
class Peer:
    """Somebody else's implementation, and how to come by it."""

    script: str  # in peers/
    packages: tuple[str, ...]  # what pip installs into its environment
    calls: tuple[str, ...] = ("",)  # what the script can be asked for; each is a row of the table
    checkout: bool = False  # on no package index: its source is to be had by a checkout alone
    note: str = ""  # what a reader of its figures must know


class NotInstalledError(Exception):
    """A peer's environment could not be made; the message is the installer's last line."""


def environment(name: str, peer: Peer) -> Path:
    """The Python of a peer's own environment; made and filled if it is not there, or has other packages.

    Raises:
        NotInstalledError: pip failed.
    """
    folder = CACHE / name
    python, done, wanted = folder / "bin" / "python", folder / "installed", "\n".join(peer.packages)
    if not done.exists() or done.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "-q", *peer.packages]
        found = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if found.returncode != 0:
            raise NotInstalledError((found.stderr.strip().splitlines() or ["pip failed"])[-1])
        done.write_text(wanted)
    return python


def sources(given: list[str]) -> dict[str, Path]:
    """Checkouts as given on a command line, NAME=FOLDER each.

    Raises:
        ValueError: a word without a name, or no folder there.
    """
    found = {}
    for word in given:
        name, equals, folder = word.partition("=")
        if not equals or not Path(folder).is_dir():
            raise ValueError(f"expected NAME=FOLDER with a folder that is there, got {word!r}")
        found[name] = Path(folder).resolve()
    return found
