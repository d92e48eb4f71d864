"""Files that are there whole or not at all, and one process at a time where several would make the same one."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

MAKE_SECONDS = 120.0  # MLflow makes its tables in 5 to 20
PRIVATE_FOLDER, PRIVATE_FILE, PRIVATE_UMASK = 0o700, 0o600, 0o077  # only the owner may look into what is made


@contextmanager
def at_once(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A file beside `path` to write to; it takes its place when the block ends well, and is removed when not.

    Its name cannot be guessed and it is made here, so that no link of somebody else's is followed. What takes the place
    of a file of this user's keeps that file's mode; one of somebody else's may have been put there to be read.

    Args:
        path: of the file that is to be.
        private: only the owner may read and write it, whatever was there before.
    """
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    kept = None
    with suppress(OSError):  # there is no file yet
        before = path.lstat()
        if stat.S_ISREG(before.st_mode) and before.st_uid == os.geteuid() and not private:
            kept = stat.S_IMODE(before.st_mode)
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


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can look into, or take it from others that could; OSError as it comes.

    Folders above it are made the same way. One that belongs to somebody else is left as it is.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    found = path.stat()
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(PRIVATE_FOLDER)


@contextmanager
def alone_in(folder: Path, *, seconds: float = MAKE_SECONDS) -> Iterator[None]:
    """One process at a time in here, for each folder; goes on without the lock after `seconds`, or where none is had.

    The folder itself is locked, so nothing is left behind, and the lock goes with the process, however it ends.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                sleep(0.1)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(handle)
