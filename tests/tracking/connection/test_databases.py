"""MLflow's database that is away, refuses, or has no driver: said at once, in one line, before MLflow is asked."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import mlflow
import pytest
import sqlalchemy

from drift.errors import MissingPackageError, TrackingError
from drift.tracking.connection import store as failures
from drift.tracking.connection.store import connect, mlflow_errors
from drift.tracking.runs import project_run
from tests import postgres
from tests.servers import free_port


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow itself must not be asked: it would try for 100 s."""

    def asked(*args: object, **options: object) -> None:
        raise AssertionError("MLflow was asked")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mlflow, "MlflowClient", asked)


def failure(uri: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises((TrackingError, MissingPackageError)) as raised:
        connect()
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_that_is_away_is_said_at_once(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    text = failure(f"{scheme}://u:secret@127.0.0.1:{port}/db", monkeypatch)
    assert text == (
        f"MLflow's database at postgresql+psycopg://127.0.0.1:{port}/db cannot be used: no server answers there: start"
        " it, or set MLFLOW_TRACKING_URI to another address"
    )


def test_a_database_that_gives_no_answer_is_waited_for_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "CONNECT_SECONDS", 2)  # the least that libpq takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = failure(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/db", monkeypatch)
    assert "cannot be used: it did not answer within 2 s; check the address in MLFLOW_TRACKING_URI" in text


@pytest.mark.parametrize("place", ["host:port/db", "[::1/db"])
def test_an_address_that_is_none_is_one_line(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(f"postgresql://u@{place}", monkeypatch).startswith("MLflow's database at ")


@pytest.mark.parametrize(
    ("uri", "module", "line"),
    [
        ("mysql://u@h/db", "MySQLdb",
         "the driver of this database (MySQLdb) is not installed: pip install mysqlclient"),
        ("mysql+pymysql://u@h/db", "pymysql",
         "the driver of this database (pymysql) is not installed: pip install pymysql"),
        ("mssql+pyodbc://u@h/db", "pyodbc",
         "the driver of this database (pyodbc) is not installed: pip install pyodbc"),
        ("postgresql://u@h/db", "psycopg", "psycopg is not installed: pip install 'drift-loop[postgres]'"),
        ("postgresql+psycopg://u@h/db", "psycopg", "psycopg is not installed: pip install 'drift-loop[postgres]'"),
        ("postgresql+psycopg2://u@h/db", "psycopg2",
         "the driver of this database (psycopg2) is not installed: pip install psycopg2-binary"),
    ],
)  # fmt: skip
def test_a_missing_driver_is_named(uri: str, module: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no fault of the environment: no other environment of this package has it."""
    for name in {module, "psycopg2"}:
        monkeypatch.setitem(sys.modules, name, None)
    assert failure(uri, monkeypatch) == line


def test_a_missing_client_of_an_artifact_store_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    from mlflow.store.artifact.s3_artifact_repo import _get_s3_client

    line = r"artifact store \(boto3\) is not installed: pip install boto3$"
    with pytest.raises(MissingPackageError, match=line), mlflow_errors("reading it"):
        _get_s3_client(addressing_style="path", s3_endpoint_url="http://127.0.0.1:1")
    with pytest.raises(ModuleNotFoundError, match="boto3"), mlflow_errors("reading it"):
        import_module("boto3")


def test_ctrl_c_is_heard_while_a_database_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    went_on = []

    class Waiting:
        def connect(self) -> None:
            signal.raise_signal(signal.SIGINT)
            went_on.append("after Ctrl-C")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr(sqlalchemy, "create_engine", lambda *args, **options: Waiting())
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://u@h/db")
        with pytest.raises(KeyboardInterrupt):
            connect()
    finally:
        signal.signal(signal.SIGINT, before)
    assert went_on == []


def test_a_leftover_run_in_a_database_that_is_away_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_run, "_caller", lambda run: None)  # whoever started the tests
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://u@127.0.0.1:{free_port()}/db")
    assert "is ignored: it cannot be read (MLflow's database at " in (project_run.adopt_project_run("base", ()) or "")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Cluster]:
    with postgres.cluster() as made:
        yield made


@pytest.mark.slow
@pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed")
def test_a_login_and_a_database_that_are_refused_say_so(
    cluster: postgres.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"127.0.0.1:{cluster.port}"
    wrong = failure(f"postgresql://drift:wrong@{place}/postgres", monkeypatch)
    assert 'password authentication failed for user "drift"; give its user and password in MLFLOW_TRACKING' in wrong
    missing = failure(cluster.url.replace("/postgres", "/absent"), monkeypatch)
    assert 'database "absent" does not exist; make it there, or name another one in MLFLOW_TRACKING_URI' in missing
    for text in (wrong, missing):
        assert "wrong@" not in text and postgres.PASSWORD not in text
    failures.check_database(cluster.url)
