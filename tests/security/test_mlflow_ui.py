"""`make ui`: MLflow on a port that every user of the machine reaches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.servers import SECONDS_TO_START, free_port, listens
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
PATHS = (
    "/", "/health", "/version", "/api/2.0/mlflow/experiments/search?max_results=1",
    "/ajax-api/2.0/mlflow/experiments/search?max_results=1", "/get-artifact?run_id=x&path=y", "/v1/traces",
    "/api/2.0/mlflow-artifacts/artifacts/x", "/graphql", "/api/3.0/jobs/x", "/static-files/x",
)  # fmt: skip


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Where MLflow finds the app, also if this package is not installed in its newest state."""
    metadata = tmp_path / "site" / "drift_entry_points-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: drift-entry-points\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text(
        "[mlflow.app]\ndrift-password = drift.tracking.password_app:create_app\n"
    )
    return metadata.parent


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("chosen", ["", "a password of one's own"])
def test_make_ui_answers_nobody_without_the_password(tmp_path: Path, installed: Path, chosen: str) -> None:
    port, work = free_port(), tmp_path / "project"
    work.mkdir()
    line = [
        "make",
        "-f",
        str(ROOT / "Makefile"),
        "ui",
        f"BIN={Path(sys.executable).parent}",
        "READY=",
        f"UI_PORT={port}",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DRIFT"))}
    environment |= {"PYTHONPATH": f"{ROOT}:{installed}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment |= {"DRIFT_UI_PASSWORD": chosen} if chosen else {}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            line, cwd=work, env=environment, text=True, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            umask=0o022,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        password = said.strip().partition("password ")[2]
        assert len(password) >= 12, said
        assert password == chosen or not chosen
        address = f"http://127.0.0.1:{port}"
        wait_until(
            lambda: listens(port), SECONDS_TO_START, what=lambda: f"MLflow's page: {(tmp_path / 'log').read_text()}"
        )
        assert requests.get(f"{address}/health", timeout=60).status_code == 401
        for path in PATHS:
            for method in ("GET", "POST", "PUT", "DELETE"):
                for auth in (None, ("admin", "wrong"), ("", "")):
                    asked = requests.request(method, address + path, timeout=30, auth=auth, data=b"{}")
                    assert asked.status_code == 401, (method, path)
        asked = requests.get(f"{address}{PATHS[3]}", timeout=60, auth=("me", password))
        assert asked.status_code == 200
        assert asked.json()["experiments"]
        open_to_others = [path for path in work.rglob("*") if path.stat().st_mode & 0o077]
        assert open_to_others == []
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def test_there_is_no_server_without_a_password(installed: Path) -> None:
    code = "from drift.tracking.password_app import create_app; create_app()"
    for password in ("", "short"):
        environment = os.environ | {"DRIFT_UI_PASSWORD": password, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 1
        assert "expected a password of 12 characters or more in DRIFT_UI_PASSWORD" in ended.stderr
