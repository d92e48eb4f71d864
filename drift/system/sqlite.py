"""SQLite files: opened without a trace by whoever only reads, and what to do when one cannot be used.

Standard library only; used by the scoring log, the monitor's store and the connection to MLflow.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

ADVICE = (  # part of SQLite's message, what to do
    ("not a database", "it is damaged: put a copy of it back, or move it away to begin a new one"),
    ("malformed", "it is damaged: put a copy of it back, or move it away to begin a new one"),
    ("disk i/o error", "check the disk, and that the folder can be written"),
    ("readonly", "make the file and its folder writable (chmod u+w), or run where they are"),
    ("read-only", "make the file and its folder writable (chmod u+w), or run where they are"),
    ("permission denied", "make the file readable (chmod u+r)"),
    ("unable to open", "make the file and its folder readable and writable (chmod u+rw)"),
    ("locked", "another process is writing it: try again when that has ended"),
    ("full", "the disk is full: make space"),
)


def advice(reason: str) -> str:
    """What to do about an error of SQLite, with the semicolon before it; empty where that is not known.

    >>> advice("database disk image is malformed")
    '; it is damaged: put a copy of it back, or move it away to begin a new one'
    """
    return next((f"; {words}" for part, words in ADVICE if part in reason.lower()), "")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that writes neither the file nor anything beside it; works in a folder that cannot be written.

    Where no process has the file open, it is read as one that does not change, which needs no locks. Where one has, its
    log (`-wal`) is read with it. A log that a process left which was killed is read from a copy.

    Raises:
        sqlite3.Error: there is no such file, or it cannot be read.
    """
    log, index = (path.with_name(f"{path.name}-{part}") for part in ("wal", "shm"))
    if not log.exists():
        return _open(path, "mode=ro&immutable=1")
    if index.exists():
        try:
            connection = _open(path, "mode=ro")
            connection.execute("PRAGMA schema_version").fetchone()
            return connection
        except sqlite3.OperationalError:  # a folder that cannot be written: a copy can
            pass
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        copy = Path(shutil.copy(path, folder))
        shutil.copy(log, folder)
        memory = sqlite3.connect(":memory:", check_same_thread=False)
        source = sqlite3.connect(copy)
        try:
            source.backup(memory)
        finally:
            source.close()
        return memory


def uri_to_read(path: Path, folder: Path) -> str:
    """The address (`file:...`) by which any connection only reads a file, in a folder that cannot be written, too.

    It sees what other processes commit. What a killed process left half written, and a file with a write-ahead log,
    are read from a copy as of now.

    Args:
        path: of the file.
        folder: an own one, for the copy; it must last as long as the address is used.

    Raises:
        sqlite3.Error: there is no such file, or it cannot be read.
        OSError: it cannot be read, or copied.
    """
    with path.open("rb") as file:
        with_log = file.read(20)[18:19] == b"\x02"  # the version of the format for reading: 2 has a write-ahead log
    if not with_log:
        try:
            with closing(_open(path, "mode=ro")) as connection:
                connection.execute("PRAGMA schema_version").fetchone()
            return _address(path, "mode=ro")
        except sqlite3.OperationalError:  # a transaction to be undone, which takes writing
            pass
    copy = Path(shutil.copy(path, folder))
    for part in ("journal", "wal"):
        if (beside := path.with_name(f"{path.name}-{part}")).exists():
            shutil.copy(beside, folder)
    copy.chmod(0o600)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()
    return _address(copy, "mode=ro")


def _address(path: Path, how: str) -> str:
    return f"file:{quote(str(path))}?{how}"


def _open(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(_address(path, how), uri=True, check_same_thread=False, timeout=30)
