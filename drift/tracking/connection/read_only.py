"""MLflow's SQLite file for commands that only read: MLflow itself opens it for writing, and makes its tables.

Used by `store`.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from drift import next_steps
from drift.errors import TrackingError
from drift.system.sqlite import advice, uri_to_read


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
