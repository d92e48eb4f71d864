"""Connect to MLflow: where it is, how long to wait for it, and what its errors mean here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from drift import next_steps
from drift.errors import MissingPackageError, TrackingError
from drift.invocation import project_call
from drift.system.disk import alone_in
from drift.system.extras import EXTRAS, missing_package
from drift.system.quiet import quiet
from drift.system.signals import unbroken
from drift.system.sqlite import advice
from drift.system.streams import one_line
from drift.tracking.connection.addresses import (
    PREFIX,
    address_of,
    check_version,
    file_of,
    with_driver,
    without_password,
)
from drift.tracking.connection.sqlite_file import find_moved_artifacts, reading_address

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_STORE = "mlflow.db"  # SQLite in the current folder, as MLflow itself would choose
TIMEOUTS = {  # seconds and tries; MLflow's own defaults wait for minutes on a server that is away
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # for the UI: no experiment with agents
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
CONNECT_SECONDS = 10
BACKENDS = ("postgresql", "postgres", "mysql", "mssql")
DRIVER_TIMEOUTS = {  # by driver: its argument for the seconds to wait for a connection
    **dict.fromkeys(("psycopg", "psycopg2", "mysqldb", "pymysql"), "connect_timeout"),
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
        name = DRIVER_TIMEOUTS.get(url.get_driver_name())
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


@dataclass(frozen=True)
class Store:
    """An MLflow tracking server or database that answers.

    Attributes:
        uri: of MLflow, as it was asked for.
        client: of MLflow.
        project_run: the run that `mlflow run` made for this process.
    """

    uri: str
    client: MlflowClient
    project_run: str | None

    @property
    def address(self) -> str:
        """Where it is, for people: without user name and password."""
        return without_password(self.uri)

    def experiment_id(self, name: str, *, create: bool = False) -> str:
        """The id of the experiment called `name`."""
        known_id = self.find_experiment(name)
        if known_id is not None:
            return known_id
        if create:
            from mlflow.exceptions import MlflowException

            with mlflow_errors(f"making experiment {name!r}"):
                try:
                    return str(self.client.create_experiment(name, tags=EXPERIMENT_TAGS))
                except MlflowException:  # another process may do so at the same moment
                    experiment = self.client.get_experiment_by_name(name)
                    if experiment is None:
                        raise
                    return str(experiment.experiment_id)
        raise TrackingError(
            f"there is no experiment {name!r} in {self.address}; train a model in it first:"
            f" {next_steps.train_base(name)}"
        )

    def find_experiment(self, name: str) -> str | None:
        """The id of the experiment called `name`, or None if there is none.

        Raises:
            TrackingError: when MLflow does not answer, or the experiment was deleted.
        """
        with mlflow_errors(f"looking for experiment {name!r}"):
            experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            return None
        if experiment.lifecycle_stage != "active":
            raise TrackingError(f"experiment {name!r} was deleted; restore it in MLflow or choose another name")
        return str(experiment.experiment_id)


def set_timeouts() -> None:
    """Bound MLflow's waits, and keep it quiet."""
    for name, value in (TIMEOUTS | QUIET).items():
        os.environ.setdefault(name, value)


def connect(*, create: bool = False, read: bool = False) -> Store:
    """Connect to `MLFLOW_TRACKING_URI`, or to SQLite in the current folder, and prove that it answers.

    A file of SQLite is made only to `create` a first model in; elsewhere its absence means a wrong folder. With
    `read`, it is opened in a way that cannot write it, and artifacts that were moved are not looked for.

    The variables that name a run or an experiment are taken out of the environment, so that a run of ours may live in
    another experiment; a run that `mlflow run` made for this process is `project_run`.
    """
    set_timeouts()
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)
    own = Path.cwd() / DEFAULT_STORE
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri and not create and not own.exists():
        raise TrackingError(
            f"there is no {own}: run from the folder in which a model was trained, train one"
            f" ({next_steps.train_base()}), or set MLFLOW_TRACKING_URI"
        )
    uri = with_driver(uri) if uri else address_of(own)
    used = uri
    with ExitStack() as stack:
        if (database := file_of(uri)) is not None:  # two processes that make its tables at once would fail
            uri = used = uri if "?" in uri else address_of(database)
            if create:
                database.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(alone_in(database.parent))
            stack.enter_context(_without_encoded_folder(uri))
            if read:
                used = reading_address(database)
            else:
                find_moved_artifacts(database, create=create)
        else:
            check_database(uri)
        stack.enter_context(mlflow_errors(f"connecting to MLflow at {without_password(uri)}"))
        stack.enter_context(quiet())
        import mlflow

        mlflow.set_tracking_uri(uri)
        if uri.startswith(("http://", "https://")):
            check_version(uri)
        client = mlflow.MlflowClient(used, used)
        client.search_experiments(max_results=1)
    call = project_call()
    return Store(uri, client, call.run_id if call else None)


@contextmanager
def _without_encoded_folder(uri: str) -> Iterator[None]:
    """Take away the empty folder that MLflow makes where an address has to be encoded, as for a name with a `?`."""
    spelled = Path(uri.removeprefix(PREFIX).partition("?")[0]).parent
    existed = spelled.exists()
    try:
        yield
    finally:
        if not existed:
            with suppress(OSError):
                spelled.rmdir()


def all_pages(search: Callable[..., Any], *filters: Any, **options: Any) -> Iterator[Any]:
    """Everything that a search of MLflow's client finds, page by page.

    Args:
        search: such as `client.search_runs`.
        filters: its positional arguments.
        options: its other arguments.
    """
    token = None
    while True:
        page = search(*filters, **options, page_token=token)
        yield from page
        if not (token := page.token):
            return


@contextmanager
def ignored_errors(*codes: str) -> Iterator[None]:
    """Go on after the block if MLflow fails in it with one of these error codes."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in codes:
            raise


@contextmanager
def mlflow_errors(doing: str) -> Iterator[None]:
    """Map whatever MLflow, its database or its network raises to one line of ours; a first Ctrl-C waits for the end."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise missing_package(error, module="mlflow") from error
    try:
        with unbroken():
            yield
    except ModuleNotFoundError as error:
        if (missing := missing_for_mlflow(error)) is not None:
            raise missing from error
        raise
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = cause(error)
        raise TrackingError(f"MLflow failed while {one_line(doing)}: {one_line(reason)}{advice(reason)}") from error
