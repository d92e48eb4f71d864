"""The project's own folder: the scoring log, searches to resume, and one folder for each deployment's server."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from drift.errors import StateError
from drift.invocation import project_call
from drift.system.disk import PRIVATE_FILE, lock_file, private_folder, require_own, require_owner
from drift.tracking.connection.addresses import file_of, require_run_id

FOLDERS = "deployments", "locks", "searches"
NEEDED_BYTES = 100_000_000  # an archive, a server's logs and a report, with room to spare

_held: dict[Path, int] = {}  # locks of this process, with the thread that holds each


class ProjectDir:
    """`.drift` in the current folder, with reports beside it in `reports/`; or `DRIFT_HOME`, with reports inside.

    Under `mlflow run` it is beside MLflow's SQLite file, or in the folder in which `mlflow run` was called; elsewhere
    that folder is found, too, where the current one has no `.drift`.
    """

    def __init__(self, path: Path | None = None, *, create: bool = True, read: bool = False) -> None:
        """Open the folder; raise `StateError` if it cannot be written, has no space left, or is not to be made here.

        With `read`, nothing is made or tried, and the folder need not be there.
        """
        named = path or os.environ.get("DRIFT_HOME")
        self.path = (Path(named) if named else _state_folder() / ".drift").absolute()
        self.reports = (self.path if named else self.path.parent) / "reports"
        if read:
            return
        if not create:
            self.require()
        try:
            self._make()
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"x")
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise StateError(
                f"{self.path} cannot be written ({error.strerror}); run from a folder that can, or set DRIFT_HOME"
            ) from error
        if free < NEEDED_BYTES:
            raise StateError(
                f"{self.path} has {free / 1e6:.0f} MB left, {NEEDED_BYTES / 1e6:.0f} MB are needed:"
                " make space or set DRIFT_HOME"
            )

    def _make(self) -> None:
        """Make the folder, for its owner alone; one that is there and holds our log is taken from others, too.

        Nothing in it may be another user's: who made it before us could replace what is served, or what is trusted.
        """
        if not self.path.is_dir() or self.path.name == ".drift" or self.log.exists():
            private_folder(self.path)
        else:  # of other things, too: others may go on reading it
            require_owner(self.path)
            mode = stat.S_IMODE(self.path.stat().st_mode)
            if mode & 0o022 and self.path.stat().st_uid == os.geteuid():
                self.path.chmod(mode & ~0o022)
            require_own(self.path)
        for folder in (*(self.path / name for name in FOLDERS), *(self.path / "deployments").glob("*")):
            if folder.is_dir():
                private_folder(folder)
        for place in (self.log, self.reports):
            if os.path.lexists(place):
                require_owner(place)

    def require(self) -> None:
        """Raise `StateError` if the folder is not there: the current folder is not that of a deployment."""
        if not self.path.is_dir():
            raise StateError(f"there is no {self.path}: run from the folder of a deployment, or set DRIFT_HOME")

    @property
    def log(self) -> Path:
        """The scoring log and the audit trail (SQLite)."""
        return self.path / "log.db"

    def new_report(self, name: str) -> Path:
        """Where a page goes by default: a file with the time, in UTC."""
        return self.reports / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.html"

    def search(self, run_id: str) -> Path:
        """Folder of a search that may be resumed.

        Raises:
            TrackingError: the id of the run, which MLflow gave, is none: it could name any folder.
        """
        return self.path / "searches" / require_run_id(run_id)

    def forget_search(self, run_id: str) -> None:
        """Delete what was kept in case a search had to be resumed."""
        shutil.rmtree(self.search(run_id), ignore_errors=True)

    def deployment(self, name: str) -> Path:
        """Folder of a deployment's server."""
        return self.path / "deployments" / name

    def deployments(self) -> list[Path]:
        """Folders of all deployments, oldest first."""
        folders = [path for path in (self.path / "deployments").glob("*") if path.is_dir()]
        return sorted(folders, key=lambda path: path.stat().st_mtime)

    @contextmanager
    def lock(self, name: str, *, doing: str, seconds: float = 0.0) -> Iterator[None]:
        """Only one process at a time; raises `StateError` if another is still `doing` it after `seconds`.

        The lock goes with the process, however it ends. A thread that asks for one that it holds itself would wait for
        itself, so that is refused at once; another thread waits like another process.
        """
        path = self.path / "locks" / name
        if _held.get(path) == threading.get_ident():
            raise StateError(f"this process is {doing} already; wait for it to end")
        private_folder(path.parent)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)) as handle:
            if not lock_file(handle.fileno(), seconds):
                raise StateError(f"another process is {doing}; wait for it to end")
            _held[path] = threading.get_ident()
            try:
                yield
            finally:
                _held.pop(path, None)


def _state_folder() -> Path:
    """The folder that holds `.drift`."""
    call = project_call()
    if call is not None:
        return call.state
    here = Path.cwd()
    if not (here / ".drift").is_dir() and (file := file_of(os.environ.get("MLFLOW_TRACKING_URI", ""))) is not None:
        return file.parent if (file.parent / ".drift").is_dir() else here
    return here
