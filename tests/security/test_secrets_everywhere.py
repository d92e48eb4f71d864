"""Passwords in every address that is accepted: searched for in all that a run prints, writes, logs and starts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import sqlalchemy as sql

from tests.monitor.receiver import receiver
from tests.postgres import PASSWORD as OF_POSTGRES
from tests.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]

PASSWORD = "hunter2-geheim"
TOKEN = "webhook-token-7f3a"
SECRETS = (PASSWORD, TOKEN, OF_POSTGRES, quote(OF_POSTGRES, safe=""))
DRIFT = [sys.executable, "-m", "drift"]


class Watcher:
    """Looks at the command lines of all processes while commands run."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            for process in psutil.process_iter(["cmdline"]):
                line = " ".join(process.info["cmdline"] or ())
                if any(secret in line for secret in SECRETS):
                    self.seen.add(line)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder with predictions."""
    rows = "".join(f"{key},{key % 7},{'yes' if key % 3 else 'no'},{'yes' if key % 2 else 'no'}\n" for key in range(400))
    (tmp_path / "rows.csv").write_text(f"key,size,answer,truth\n{rows}")
    yield tmp_path


def run(folder: Path, *words: str, **environment: str) -> str:
    """All that a command prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DRIFT", "PG"))}
    ended = subprocess.run(
        [*DRIFT, *words],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"


def holds_secret(content: bytes) -> bool:
    return any(secret.encode() in content for secret in SECRETS)


def assert_clean(folder: Path, printed: list[str], watcher: Watcher) -> None:
    """Nothing of the secrets in the output, in any file of the folder, or in the list of processes."""
    for text in printed:
        assert not holds_secret(text.encode()), text
    leaks = [str(path) for path in folder.rglob("*") if path.is_file() and holds_secret(path.read_bytes())]
    assert leaks == []
    assert watcher.seen == set()


def test_of_an_mlflow_server_that_is_away(project: Path) -> None:
    """The address with its password is in the environment, and every command is told that nobody answers there."""
    address = f"http://ada:{PASSWORD}@127.0.0.1:{free_port()}"
    printed = []
    with Watcher() as watcher:
        for words in (
            ["status", "--json", "status.json"], ["history"], ["base", "--max_epochs", "1", "--json", "base.json"],
            ["deploy"], ["serve"], ["rollback"], ["retrain"], ["accept"], ["status", "--verbose"],
            ["replay", "--policies", "never", "--json", "replay.json"],
        ):  # fmt: skip
            printed.append(run(project, *words, MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"))
    assert_clean(project, printed, watcher)
    assert "127.0.0.1" in printed[0]


@pytest.mark.parametrize("scheme", ["http", "unknown"])
def test_of_a_password_with_spaces(project: Path, scheme: str) -> None:
    """requests takes it as it is."""
    address = f"{scheme}://ada:pa ss {PASSWORD}@127.0.0.1:{free_port()}"
    for words in (["status"], ["status", "--verbose"]):
        said = run(project, *words, MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
        assert not said.startswith("0")
        assert "pa ss" not in said
        assert not holds_secret(said.encode()), said


def test_of_a_command_that_cannot_be_read(project: Path) -> None:
    (project / "command").write_text(f"curl -H 'Authorization: Bearer {PASSWORD} http://x")
    said = run(project, "monitor", "check", "--command", "@command")
    assert "No closing quotation" in said
    assert not holds_secret(said.encode()), said


def test_of_a_database_for_mlflow(project: Path, database: Callable[[], str]) -> None:
    """A whole loop with MLflow in PostgreSQL."""
    url = database()
    printed = []
    with Watcher() as watcher:
        for words in (
            ["base", "--max_epochs", "1", "--total_trials", "1", "--train_rows", "17424", "--json", "base.json"],
            ["deploy", "--test_data_rows", "40", "--threshold_accuracy", "0", "--json", "deploy.json"],
            ["status", "--json", "status.json"],
            ["rollback"],
        ):
            printed.append(run(project, *words, MLFLOW_TRACKING_URI=url))
    assert printed[0].startswith("0"), printed[0]
    assert printed[1].startswith("0"), printed[1]
    assert_clean(project, printed, watcher)
    engine = sql.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        for table in sql.inspect(engine).get_table_names():
            rows = connection.execute(sql.text(f'SELECT * FROM "{table}"')).fetchall()  # noqa: S608
            assert not holds_secret(repr(rows).encode()), table
    engine.dispose()


def test_of_the_monitor(project: Path, database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Store, source and webhook, each with a secret, given by variable and by file."""
    url = database()
    secret_file = tmp_path_factory.mktemp("secrets") / "webhook"
    with receiver() as there, Watcher() as watcher:
        secret_file.write_text(f"{there.address}/hook?token={TOKEN}\n")
        variables = {"STORE_URL": url}
        printed = [
            run(project, "monitor", "ingest", "rows.csv", "--store", "env:STORE_URL", "--prediction", "answer",
                "--truth", "truth", "--key", "key", "--batch_size", "40", "--json", "ingest.json", **variables),
            run(project, "monitor", "reference", "--store", "env:STORE_URL", "--first_batches", "6",
                "--why", "accepted", **variables),
            run(project, "monitor", "check", "--store", "env:STORE_URL", "--webhook", f"@{secret_file}",
                "--expect_every", "30min", "--json", "check.json", "--file", "alerts.jsonl", **variables),
            run(project, "monitor", "alerts", "--store", "env:STORE_URL", **variables),
            run(project, "monitor", "report", "--store", "env:STORE_URL", **variables),
            run(project, "monitor", "ingest", "env:SOURCE", "--query", "SELECT 1 AS answer", "--prediction", "answer",
                SOURCE=f"{url}_not_there"),
            run(project, "monitor", "alerts", DRIFT_MONITOR_STORE=url),
        ]  # fmt: skip
    assert printed[0].startswith("0"), printed[0]
    assert_clean(project, printed, watcher)


def test_a_password_in_an_option_is_hidden_in_what_is_printed(project: Path) -> None:
    """It is in the list of processes then, which only the user can avoid; nowhere else."""
    printed = [
        run(project, "monitor", "alerts", "--store", f"postgresql://u:{PASSWORD}@127.0.0.1:{free_port()}/d"),
        run(project, "monitor", "ingest", f"postgresql://u:{PASSWORD}@[half/d", "--query", "t", "--prediction", "p"),
        run(project, "monitor", "check", "--webhook", f"ftp://u:{PASSWORD}@h", "--verbose"),
        run(project, "deploy", "--server", f"http://u:{PASSWORD}@h", "--server_folder", "."),
        run(project, "monitor", "check", f"postgresql://u:{PASSWORD}@db.example/shop"),
        run(project, "monitor", "ingest", "rows.csv", f"postgresql://u:{PASSWORD}@db.example/shop"),
        run(project, f"postgresql://u:{PASSWORD}@db.example/shop"),
        run(project, "monitor", f"postgresql://u:{PASSWORD}@db.example/shop"),
        run(project, "status", f"postgresql://u:pa {PASSWORD}@db.example/shop"),
        run(project, "replay", "--policies", f"postgresql://u:{PASSWORD}@db.example/shop"),
    ]
    for text in printed:
        assert not text.startswith("0")
        assert not holds_secret(text.encode()), text
