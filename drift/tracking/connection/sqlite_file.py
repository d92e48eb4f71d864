"""MLflow's SQLite file: opened by whoever only reads it, and its paths of artifacts after the project was moved.

MLflow itself opens the file for writing, and makes its tables. In a folder that was moved, renamed or copied, it would
look for artifacts in the old place, and make that folder again to log new ones. The paths are therefore rewritten, in
one transaction, before MLflow opens the file. Used by `store`.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from drift import next_steps
from drift.errors import TrackingError
from drift.system.sqlite import advice, uri_to_read

ARTIFACTS = "mlruns"  # MLflow's folder of artifacts beside the file
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
SECONDS = 20.0  # to wait for another process that writes


def reading_address(database: Path) -> str:
    """The address by which MLflow reads its file and cannot write it, in a folder that cannot be written, too.

    Args:
        database: MLflow's SQLite file.

    Raises:
        TrackingError: there is no such file, it cannot be read, or MLflow has not made its tables in it.
    """
    from sqlalchemy import make_url

    if not database.exists():
        raise TrackingError(f"there is no {database}: train a base model first: {next_steps.train_base()}")
    folder = Path(tempfile.mkdtemp(prefix="drift-read-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        uri = uri_to_read(database, folder)
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TrackingError(f"{database} cannot be read: {reason}{advice(reason)}") from error
    if not {"experiments", "registered_models"} <= tables:
        raise TrackingError(f"{database} holds no models: train a base model first: {next_steps.train_base()}")
    place = uri.removeprefix("file:").partition("?")[0]
    encoded = quote(place, safe="")  # of an address with slashes, MLflow would make the folders
    if make_url(f"sqlite:///file:{encoded}").database != f"file:{place}":  # SQLAlchemy 2.0 does not decode; SQLite does
        encoded = place.replace("/", "%2F")
    return f"sqlite:///file:{encoded}?mode=ro&uri=true"


def find_moved_artifacts(database: Path, *, create: bool) -> None:
    """Point MLflow's file at the artifacts beside it, if they are no longer where it says.

    Paths are rewritten where the artifacts are beside the file now. Where neither place has any, only new artifacts
    go beside the file. Artifacts that are elsewhere on purpose, on another disk or a server, stay where they are.

    Args:
        database: MLflow's SQLite file.
        create: whether a first model is to be made, for which artifacts that are lost do not matter.

    Raises:
        TrackingError: artifacts are neither in the old place nor in the new one.
    """
    if not database.is_file():
        return
    own = database.parent / ARTIFACTS
    try:
        with closing(sqlite3.connect(database, timeout=SECONDS)) as connection, connection:
            for text, old in _other_roots(connection, own):
                _move(connection, database, text, old, own, create=create)
    except sqlite3.Error as error:
        if "no such table" not in str(error):  # MLflow has not made its tables yet
            raise TrackingError(f"{database} cannot be used: {error}{advice(str(error))}") from error


def _other_roots(connection: sqlite3.Connection, own: Path) -> Iterable[tuple[str, Path]]:
    """Folders called `mlruns` that experiments name, as written and as a path, if they are not `own`."""
    texts = set()
    for location, experiment in connection.execute("select artifact_location, experiment_id from experiments"):
        if location and str(location).endswith(f"/{ARTIFACTS}/{experiment}"):
            texts.add(str(location).removesuffix(f"/{experiment}"))
    for text in sorted(texts):
        path = _path(text)
        if path is not None and not _same(path, own):
            yield text, path


def _path(text: str) -> Path | None:
    """The folder that an artifact location names; None if it is not of this machine's files."""
    if text.startswith("/"):
        return Path(text)
    parts = urlsplit(text)
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def _same(path: Path, other: Path) -> bool:
    with suppress(OSError):
        return path.samefile(other)
    return path == other


def _move(connection: sqlite3.Connection, database: Path, text: str, old: Path, own: Path, *, create: bool) -> None:
    locations = [
        str(location)
        for table, column in COLUMNS[1:3]
        for (location,) in connection.execute(f"select {column} from {table}")  # noqa: S608  # names of our own
        if str(location).startswith(f"{text}/")
    ]
    here = [location for location in locations if (own / location.removeprefix(f"{text}/")).exists()]
    if not here and old.is_dir():
        return
    if not here and not create and _has_models(connection, text):
        raise TrackingError(
            f"the artifacts of {database} were in {old}, which is gone, and {own} does not hold them: move the folder"
            f" {ARTIFACTS} of that place to {database.parent}, or run from the folder that has both"
        )
    new = own.as_uri() if text.startswith("file:") else str(own)
    for table, column in COLUMNS if here else COLUMNS[:1]:  # what is lost may come back, on a disk that was away
        connection.execute(
            f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",  # noqa: S608
            (new, len(text) + 1, len(text) + 1, f"{text}/"),
        )


def _has_models(connection: sqlite3.Connection, text: str) -> bool:
    rows = connection.execute(
        "select 1 from logged_models where substr(artifact_location, 1, ?) = ? limit 1", (len(text) + 1, f"{text}/")
    )
    return rows.fetchone() is not None
