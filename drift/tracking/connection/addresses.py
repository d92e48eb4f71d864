"""Addresses of MLflow: without passwords, with the driver that is installed, of SQLite files, and a server's version.

SQLAlchemy 2.1 decodes `%20` in the address of a SQLite file (`sqlite:///...`), 2.0 does not; MLflow encodes the folder
that `mlflow run` was called in. `file_of` and `address_of` therefore ask the SQLAlchemy that is installed.

Ids of runs and logged models are checked before they are part of a path: whoever writes to MLflow's database chooses
them.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from drift.errors import TrackingError
from drift.system.secrets import hide_in_queries, without_user

OLDEST = 3  # major version; older ones know no logged models, and refuse them at the end of a training
PREFIX = "sqlite:///"
RUN_ID = re.compile(r"[0-9a-f]{32}")
MODEL_ID = re.compile(r"m-[0-9a-f]{32}")  # in a model's address, too, and in the folder that holds it


def check_version(uri: str) -> None:
    """Refuse a server that is too old; one that states no version is left to its other answers.

    Args:
        uri: of the tracking server, `http://` or `https://`.

    Raises:
        TrackingError: the server is older than version 3.
        MlflowException: the server does not answer.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    answer = http_request(get_default_host_creds(uri), "/version", "GET", raise_on_status=False)
    version = answer.text.strip() if answer.status_code == 200 else ""
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < OLDEST:
        raise TrackingError(
            f"the MLflow server at {without_password(uri)} has version {version}, expected {OLDEST}.0 or later: upgrade"
            " it there (pip install -U mlflow; mlflow db upgrade DATABASE), or set MLFLOW_TRACKING_URI to another one"
        )


def with_driver(uri: str) -> str:
    """The address of a PostgreSQL database with the driver that is installed, where it names none.

    >>> with_driver("http://127.0.0.1:5000")
    'http://127.0.0.1:5000'
    """
    from importlib.util import find_spec

    scheme, separator, rest = uri.partition("://")
    if scheme in ("postgres", "postgresql") and find_spec("psycopg2") is None and find_spec("psycopg") is not None:
        return f"postgresql+psycopg{separator}{rest}"
    return uri


def without_password(url: str) -> str:
    """The address without user name and password, for messages and links.

    >>> without_password("postgresql://ada:hunt/er2@127.0.0.1/mlflow")
    'postgresql://127.0.0.1/mlflow'
    """
    from urllib.parse import urlsplit

    url = without_user(url)  # first: to what splits an address, a password with / in it is a path
    url = hide_in_queries(url)
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all, such as one with half a pair of brackets
        return re.sub(r"//[^/]*@", "//", url)
    if "@" not in parts.netloc:
        return url  # put together again, three slashes of an address of SQLite would be lost
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


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


def require_run_id(run_id: str) -> str:
    """The id of a run, which may then be part of a path.

    Raises:
        TrackingError: it is not one as MLflow makes them.
    """
    return _required(run_id, RUN_ID, "run", "32 hexadecimal digits")


def require_model_id(model_id: str) -> str:
    """The id of a logged model; raises as `require_run_id`."""
    return _required(model_id, MODEL_ID, "model", "m- and 32 hexadecimal digits")


def _required(text: str, pattern: re.Pattern[str], what: str, form: str) -> str:
    if not pattern.fullmatch(text):
        raise TrackingError(
            f"expected the id of a {what} as MLflow makes them ({form}), got {text[:80]!r}: somebody wrote it into"
            " MLflow's database; delete it there"
        )
    return text
