"""A server that answers wrongly, slowly or as an old version does: the message names that cause."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drift.errors import TrackingError
from drift.tracking.connection.store import connect
from drift.tracking.runs.lookup import find_runs
from tests.tracking.stub import Stub, stub_server

SEARCH = "/api/2.0/mlflow/runs/search"
DENIED = '{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}'
CAUSES = [
    pytest.param((500, "oops"), "error of its own (HTTP 500)", id="500"),
    pytest.param((502, "<html>bad gateway</html>"), "error of its own (HTTP 502)", id="502"),
    pytest.param((500, '{"error_code": "INTERNAL_ERROR", "message": "database"}'), "(HTTP 500)", id="500 json"),
    pytest.param((403, "forbidden"), "refuses access (HTTP 403)", id="403"),
    pytest.param((403, DENIED), "refuses access (HTTP 403)", id="403 json"),
    pytest.param((401, "who are you"), "asks for a login (HTTP 401)", id="401"),
    pytest.param((404, "<!doctype html>"), "version 3 or later", id="404 html"),
]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stub]:
    with stub_server() as made:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", made.url)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
        yield made


@pytest.mark.parametrize(("answer", "cause"), CAUSES)
def test_a_failing_look_up_names_its_cause(stub: Stub, answer: tuple[int, str], cause: str) -> None:
    stub.answers[SEARCH] = answer
    store = connect()
    with pytest.raises(TrackingError) as raised:
        find_runs(store, "drift", kind="base")
    assert cause in str(raised.value)
    assert "no finished base model" not in str(raised.value)


def test_a_slow_look_up_names_its_cause(stub: Stub) -> None:
    stub.answers[SEARCH] = stub.hang(30)
    store = connect()
    with pytest.raises(TrackingError, match="did not answer within 1 s, asked 2 times"):
        find_runs(store, "drift", kind="base")


@pytest.mark.parametrize("version", ["2.22.1", "1.30.0", "2.0.0rc0"])
def test_an_old_server_is_refused_at_once(stub: Stub, version: str) -> None:
    stub.answers["/version"] = (200, version)
    with pytest.raises(TrackingError, match=rf"has version {version}, expected 3\.0 or later"):
        connect(create=True)
    assert stub.requests == ["GET /version"]


@pytest.mark.parametrize("answer", [(404, "not found"), (200, "<html>a proxy</html>"), (200, "3.99.0"), (200, "4.0")])
def test_other_versions_are_not_refused(stub: Stub, answer: tuple[int, str]) -> None:
    stub.answers["/version"] = answer
    assert connect().uri == stub.url


def test_a_password_in_the_address_is_not_shown(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stub.url.replace("http://", "http://me:secret@"))
    stub.answers["/version"] = (200, "2.22.0")
    with pytest.raises(TrackingError) as raised:
        connect()
    assert "secret" not in str(raised.value)


def command(stub: Stub, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_HTTP")}
    return subprocess.run(
        [sys.executable, "-m", "drift", *words], cwd=folder, env=environment | {"MLFLOW_TRACKING_URI": stub.url},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "cause"),
    [((500, "oops"), "HTTP 500"), ((403, "no"), "HTTP 403"), (None, "did not answer within 20 s, asked 3 times")],
    ids=["500", "403", "30 seconds"],
)
def test_deploy_names_why_the_base_run_was_not_read(
    stub: Stub, tmp_path: Path, answer: tuple[int, str] | None, cause: str
) -> None:
    stub.answers[SEARCH] = answer or stub.hang(30)
    done = command(stub, tmp_path, "deploy")
    assert done.returncode == 1
    assert cause in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_base_refuses_an_old_server_before_training(stub: Stub, tmp_path: Path) -> None:
    stub.answers["/version"] = (200, "2.22.0")
    done = command(stub, tmp_path, "base", "--max_epochs", "1", "--total_trials", "1")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "has version 2.22.0, expected 3.0 or later" in done.stderr
    assert stub.requests == ["GET /version"]
