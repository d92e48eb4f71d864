"""One file from the network: streamed to a `.part`, gone on with after an interruption, checked, then put in place.

An `Address` knows how to bring one file; `obtain` does what is the same for all of them. Addresses of packages are in
`packages`. Used by `drift.datasets.images`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from drift.errors import DataError, UnreachableError
from drift.system.http_session import session_for

if TYPE_CHECKING:
    import requests

Tell = Callable[[str, int, int | None], None]  # words, bytes done, bytes in all if they are known


def to_nobody(words: str, done: int, total: int | None) -> None:
    """Nobody listens."""


CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0  # of silence in the middle of a file
TRIES = 5  # of an address whose connection breaks off; each goes on where the last one ended
CHUNK_BYTES = 1 << 16  # what may be lost when a connection breaks off
RANGE_ENDED = 416  # HTTP: what was asked for begins at the file's end, or beyond it


class Address(Protocol):
    """Where one file can be had."""

    @property
    def file_name(self) -> str:
        """What the file is called once it is here."""
        ...

    @property
    def sha256(self) -> str | None:
        """Of the file, or as many of its first digits as are published; None where only its contents can be checked."""
        ...

    def fetch(self, part: Path, *, tell: Tell) -> None:
        """Bring the whole file to `part`, going on with what is there; UnreachableError if it cannot be had."""
        ...


@dataclass(frozen=True)
class Url:
    """A file at public addresses: the same bytes at each, asked in this order.

    Attributes:
        urls: addresses of the same file, tried in turn.
        sha256: or its first digits.
    """

    urls: tuple[str, ...]
    sha256: str

    @property
    def file_name(self) -> str:
        """The last part of the first address."""
        return PurePosixPath(urlsplit(self.urls[0]).path).name

    def fetch(self, part: Path, *, tell: Tell) -> None:
        """Bring it from the first address that answers."""
        reasons = []
        for url in self.urls:
            try:
                return download(url, part, tell=tell)
            except UnreachableError as error:
                reasons.append(str(error))
        raise UnreachableError("; ".join(reasons))


def obtain(address: Address, folder: Path, *, tell: Tell) -> Path:
    """The file of an address in `folder`: the one that lies there already, or downloaded.

    Raises:
        DataError: the checksum is wrong; the file is removed.
        UnreachableError: it cannot be had now; a `.part` stays, to go on with.
        OSError: the folder cannot be written.
    """
    target = folder / address.file_name
    if target.is_file():
        check(target, address.sha256)
        return target
    part = target.with_name(f"{target.name}.part")
    resumed = part.exists()
    address.fetch(part, tell=tell)
    try:
        check(part, address.sha256)
    except DataError:
        if not resumed:
            raise
        address.fetch(part, tell=tell)  # the beginning may have been of another file: once more, from nothing
        check(part, address.sha256)
    part.replace(target)
    return target


def check(path: Path, sha256: str | None) -> None:
    """Remove a file whose checksum is wrong, with a DataError that names both."""
    if sha256 is None:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(sha256):
        path.unlink()
        name = path.name.removesuffix(".part")
        raise DataError(f"{name} has a wrong checksum: expected sha256 {sha256}, got {digest}; it was removed")


def download(url: str, part: Path, *, tell: Tell) -> None:
    """Bring a file by HTTP to `part`, from where `part` ends if the server allows it.

    Raises:
        UnreachableError: no connection, another answer than the file, or one that broke off time and again.
    """
    import requests

    for tries_left in reversed(range(TRIES)):
        before = _bytes_in(part)
        try:
            return _stream(url, part, tell=tell)
        except requests.RequestException as error:
            if tries_left and _bytes_in(part) > before:
                continue
            raise UnreachableError(f"{url}: {_reason(error)}") from error
    raise AssertionError("the last try returns or raises")


def _bytes_in(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _reason(error: requests.RequestException) -> str:
    """In a few words; the library's own are a paragraph."""
    from requests import exceptions

    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    words = {  # the first that fits
        exceptions.SSLError: "its certificate was refused",
        exceptions.ProxyError: "the proxy did not let us through",
        exceptions.ConnectTimeout: f"no connection within {CONNECT_SECONDS:g} s",
        exceptions.ReadTimeout: f"silent for {READ_SECONDS:g} s",
        exceptions.ChunkedEncodingError: "it broke off",
        exceptions.ConnectionError: "no connection",
    }
    return next((said for kind, said in words.items() if isinstance(error, kind)), type(error).__name__)


def _stream(url: str, part: Path, *, tell: Tell) -> None:
    import requests

    done = _bytes_in(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    words = f"downloading {part.name.removesuffix('.part')} from {urlsplit(url).hostname}"
    with (
        session_for(url) as session,
        session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer,
    ):
        if answer.status_code == RANGE_ENDED and done:
            if answer.headers.get("Content-Range") == f"bytes */{done}":
                return None
            part.unlink()  # it is longer than the file, or we cannot know that it is not
            return _stream(url, part, tell=tell)
        answer.raise_for_status()
        goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        done = done if goes_on else 0
        answer.raw.headers.pop("Content-Encoding", None)  # a .gz is to stay one, whatever its server says it is
        length = answer.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        tell(words, done, total)
        # No link is followed: in a folder of several users it may lead to any file of this one.
        with open(part, "ab" if done else "wb", opener=_no_link) as file:
            for chunk in answer.iter_content(CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                tell(words, done, total)
    if total is not None and done < total:
        raise requests.exceptions.ChunkedEncodingError(f"{done} of {total} bytes")
    return None


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def cache_folder() -> Path:
    """`$DRIFT_CACHE`, or `$XDG_CACHE_HOME/drift`, or `~/.cache/drift`; it need not be there yet."""
    if named := os.environ.get("DRIFT_CACHE"):
        return Path(named).absolute()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return caches.absolute() / "drift"
