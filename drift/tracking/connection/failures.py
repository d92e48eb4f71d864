"""Why MLflow or its database failed, in words, and whether a database other than SQLite answers.

The causes are read from the exceptions of MLflow's client, whose texts name the symptom. MLflow itself tries ten times
to connect to a database, with pauses that double, before it gives up. Used by `store` and
`drift.tracking.runs.project_run`.
"""

from __future__ import annotations

import os
import re
from traceback import walk_tb

from drift.errors import MissingPackageError, TrackingError
from drift.system.extras import EXTRAS, missing_package
from drift.tracking.connection.addresses import without_password

CONNECT_SECONDS = 10
BACKENDS = ("postgresql", "postgres", "mysql", "mssql")
TIMEOUTS = {  # by driver: its argument for the seconds to wait for a connection
    "psycopg": "connect_timeout",
    "psycopg2": "connect_timeout",
    "mysqldb": "connect_timeout",
    "pymysql": "connect_timeout",
    "pyodbc": "timeout",
    "pymssql": "login_timeout",
}
PACKAGES = {  # by module: what installs it, where that has another name
    "MySQLdb": "mysqlclient",
    "psycopg2": "psycopg2-binary",
    "azure": "azure-storage-blob azure-identity",
    "google": "google-cloud-storage",
}
TIMED_OUT = re.compile(r"timed out|timeout", re.IGNORECASE)
LOGIN = re.compile(r"authentication failed|no password supplied|access denied|login failed", re.IGNORECASE)
NO_DATABASE = re.compile(r"database .* does not exist|unknown database", re.IGNORECASE)
ADDRESS = "in MLFLOW_TRACKING_URI (postgresql://USER:PASSWORD@HOST:PORT/DATABASE)"
LONGEST = 300  # characters of a text of MLflow's own
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"  # seconds
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
LOGIN_VARIABLES = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
WORDS = {
    401: f"asks for a login (HTTP 401): {LOGIN_VARIABLES}",
    403: f"refuses access (HTTP 403): ask its administrator for permission, or {LOGIN_VARIABLES}",
    429: "refuses more requests for now (HTTP 429): try again later",
}
STATUS = re.compile(r"too many (\d{3}) error responses|error code (\d{3}) !=")
STATUS_OF_CODE = {"PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "CUSTOMER_UNAUTHORIZED": 401}
ABSENT = re.compile(r"NewConnectionError|Connection refused|Name or service not known|NameResolutionError")
NO_ANSWER = re.compile(r"timed out|timeout exception|ReadTimeout|ConnectTimeout", re.IGNORECASE)


def cause(error: BaseException) -> str:
    """One line: what went wrong, and what to do where that is known.

    >>> cause(OSError("(Caused by ResponseError('too many 503 error responses'))"))
    'the server answered with an error of its own (HTTP 503); its log says more'
    """
    text = str(error).strip()
    status = _status(error, text)
    if status in WORDS:
        return f"the server {WORDS[status]}"
    if status == 404 and "<" in text:
        return "the server has no such address (HTTP 404): is it MLflow, of version 3 or later?"
    if status is not None and status >= 500:
        return f"the server answered with an error of its own (HTTP {status}); its log says more"
    if ABSENT.search(text):
        return "no server answers there: start it, or set MLFLOW_TRACKING_URI to another address"
    if NO_ANSWER.search(text):
        tries = int(os.environ.get(RETRIES, "0")) + 1
        return (
            f"the server did not answer within {os.environ.get(TIMEOUT, '?')} s, asked {tries} times: try again when"
            f" it is less busy, or set {TIMEOUT} to more seconds"
        )
    return (text.splitlines() or [type(error).__name__])[0][:LONGEST]


def _status(error: BaseException, text: str) -> int | None:
    """The HTTP status behind an error of MLflow's client, if there is one."""
    match = STATUS.search(text)
    if match:
        return int(match.group(1) or match.group(2))
    return STATUS_OF_CODE.get(str(getattr(error, "error_code", "")))


def check_database(uri: str) -> None:
    """Open one connection and close it, where `uri` is of a database other than SQLite; Ctrl-C is heard meanwhile.

    Args:
        uri: of MLflow's store; one of a server or of SQLite is left alone.

    Raises:
        TrackingError: the database does not answer within `CONNECT_SECONDS`, or refuses the connection.
        MissingPackageError: its driver is not installed.
    """
    scheme = uri.partition("://")[0]
    if scheme.partition("+")[0] not in BACKENDS:
        return
    import sqlalchemy as sql
    from sqlalchemy.exc import SQLAlchemyError

    try:
        url = sql.make_url(uri)
        name = TIMEOUTS.get(url.get_driver_name())
        wait = {name: CONNECT_SECONDS} if name and name not in url.query else {}
        engine = sql.create_engine(url, poolclass=sql.NullPool, connect_args=wait)
        with engine.connect():
            pass
    except ModuleNotFoundError as error:
        if error.name == "psycopg2" and "+" not in scheme:  # either driver does; the extra has the newer one
            raise missing_package(error, module="psycopg") from error
        if error.name in EXTRAS:
            raise missing_package(error) from error
        raise _missing(error, "the driver of this database") from error
    except (SQLAlchemyError, ValueError) as error:  # the second of a port that is no number
        raise TrackingError(f"MLflow's database at {without_password(uri)} cannot be used: {_reason(error)}") from error


def missing_for_mlflow(error: ModuleNotFoundError) -> MissingPackageError | None:
    """The error of a package that only MLflow or SQLAlchemy imports, as for artifacts in S3; None for any other."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    importer = str(frames[-1].f_globals.get("__name__", "")) if frames else ""
    known = error.name is None or error.name.partition(".")[0] in EXTRAS
    if known or importer.partition(".")[0] not in ("mlflow", "sqlalchemy"):
        return None
    return _missing(error, "what MLflow needs for this database or artifact store")


def _missing(error: ModuleNotFoundError, what: str) -> MissingPackageError:
    module = (error.name or "").partition(".")[0]
    return MissingPackageError(f"{what} ({module}) is not installed: pip install {PACKAGES.get(module, module)}")


def _reason(error: Exception) -> str:
    """One line: what the database said, and what to do where that is known."""
    original = getattr(error, "orig", None) or error
    text = (
        (str(original).strip().splitlines() or [type(original).__name__])[0].rpartition("FATAL:")[2].strip()[:LONGEST]
    )
    if LOGIN.search(text):
        return f"{text}; give its user and password {ADDRESS}"
    if NO_DATABASE.search(text):
        return f"{text}; make it there, or name another one {ADDRESS}"
    if TIMED_OUT.search(text) and not ABSENT.search(text):
        return f"it did not answer within {CONNECT_SECONDS} s; check the address {ADDRESS}"
    return cause(original)
