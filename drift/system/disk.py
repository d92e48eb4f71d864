"""Files that are there whole or not at all, and one process at a time where several would make the same one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from drift.errors import StateError

MAKE_SECONDS = 120.0  # MLflow makes its tables in 5 to 20
PRIVATE_FOLDER, PRIVATE_FILE, PRIVATE_UMASK = 0o700, 0o600, 0o077  # only the owner may look into what is made


@contextmanager
def at_once(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A file beside `path` to write to; it takes its place when the block ends well, and is removed when not.

    Its name cannot be guessed and it is made here, so that no link of somebody else's is followed. What takes the place
    of a file of this user keeps that file's mode.

    Args:
        path: of the file that is to be.
        private: only the owner may read and write it, whatever was there before.
    """
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    kept = None if private else _own_mode(path)
    mode = PRIVATE_FILE if private or kept is not None else 0o666
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode))
    try:
        yield beside
        if kept is not None:
            beside.chmod(kept)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_at_once(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file beside `path`, and put it in its place when it is complete; OSError as it comes.

    Args:
        path: of the file.
        content: all of it.
        private: as in `at_once`.
    """
    with at_once(path, private=private) as beside:
        beside.write_bytes(content)


@contextmanager
def write_errors(failure: str) -> Iterator[None]:
    """Errors of the disk as errors of this package: `failure`, and the system's reason.

    Raises:
        StateError: for an OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise StateError(f"{failure}: {error.strerror or error}") from error


def _own_mode(path: Path) -> int | None:
    """The mode of a regular file of this user; another user's file says nothing about who may read ours."""
    try:
        status = path.lstat()
    except OSError:  # there is no file yet
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() else None


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can look into, or take it from others that could; OSError as it comes.

    Folders above it are made the same way.

    Raises:
        StateError: it is not this user's alone (see `require_own`).
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    require_owner(path)
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(PRIVATE_FOLDER)
    require_own(path)


def require_owner(path: Path) -> None:
    """Refuse a file or folder, or a link that leads to one, of another user: they could replace what is in it.

    Root's are taken. Where the file system keeps no owners (some of Windows and of the network), nothing is refused.

    Raises:
        StateError: naming the path, its owner, and what to do.
        OSError: it is not there, or cannot be looked at.
    """
    owners = {path.lstat().st_uid, path.stat().st_uid} - {os.geteuid(), 0}
    if owners and _keeps_owners(path if path.is_dir() else path.parent):
        raise StateError(
            f"expected {path} of this user, got one of another user (id {min(owners)}), who could replace what is in"
            " it: work in a folder of your own, or set DRIFT_HOME to one"
        )


def require_own(path: Path) -> None:
    """Refuse a folder of another user, and one that others can write to.

    Raises:
        StateError: naming the folder, and what to do.
        OSError: it is not there, or cannot be looked at.
    """
    require_owner(path)
    if path.stat().st_mode & 0o022 and _keeps_owners(path):
        raise StateError(
            f"expected {path} that only this user can write to, got one that others can write to, too: run"
            " chmod go-w on it, or set DRIFT_HOME to a folder of your own"
        )


def _keeps_owners(folder: Path) -> bool:
    """Whether a new file in a folder has the owner and the mode that it was made with."""
    probe = folder / f".{secrets.token_hex(8)}"
    try:
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
    except OSError:
        return True
    try:
        status = os.fstat(handle)  # by the open file: another user may have replaced its name meanwhile
        return status.st_uid == os.geteuid() and not status.st_mode & 0o077
    finally:
        os.close(handle)
        with suppress(OSError):
            probe.unlink()


def _to_lock(folder: Path) -> int:
    """What is locked for a folder, opened."""
    if not folder.stat().st_mode & 0o077:
        return os.open(folder, os.O_RDONLY)
    locks = Path(tempfile.gettempdir()) / f"drift-locks-{os.geteuid()}"
    private_folder(locks)
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return os.open(locks / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)


@contextmanager
def alone_in(folder: Path, *, seconds: float = MAKE_SECONDS) -> Iterator[None]:
    """One process at a time in here, for each folder; goes on without the lock after `seconds`, or where none is had.

    The lock goes with the process, however it ends. A folder that only its owner can open is locked itself, so nothing
    is left behind; others can lock one that they may read, and would stop whoever waits: for such a folder there is a
    file of this user's own.
    """
    try:
        handle = _to_lock(folder)
    except (OSError, StateError):
        yield
        return
    try:
        with suppress(OSError):  # of a file system without locks
            lock_file(handle, seconds)
        yield
    finally:
        os.close(handle)


def lock_file(handle: int, seconds: float) -> bool:
    """Lock an open file for this process; False if another one still holds it after `seconds`."""
    deadline = monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= deadline:
                return False
            sleep(0.1)
        else:
            return True
