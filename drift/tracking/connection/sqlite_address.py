"""Addresses of SQLite files (`sqlite:///...`) and the files they name, as SQLAlchemy, and so MLflow, reads them.

SQLAlchemy 2.1 decodes `%20` in an address, 2.0 does not; MLflow encodes the folder that `mlflow run` was called in.
Both functions therefore ask the SQLAlchemy that is installed.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

PREFIX = "sqlite:///"


def file_of(address: str) -> Path | None:
    """The file that an address names.

    Args:
        address: such as `sqlite:///relative.db` or `sqlite:////absolute/my%20folder/mlflow.db`.

    Returns:
        Its absolute path; None for an address of another database, or of one in memory.
    """
    if not address.startswith(PREFIX):
        return None
    from sqlalchemy import make_url

    database = make_url(address).database
    return Path(database).absolute() if database else None


def address_of(file: Path) -> str:
    """The address of a file, so that `file_of(address_of(file))` is that file.

    Encoded only where it must be: of an encoded address, MLflow makes the folder that it spells.

    Args:
        file: a path, absolute or relative to the current folder, whatever characters it has.
    """
    from sqlalchemy import make_url

    plain = f"{PREFIX}{file.absolute()}"
    return plain if make_url(plain).database == str(file.absolute()) else f"{PREFIX}{quote(str(file.absolute()))}"
