"""Whole commands in real processes: a project to run them in, and a watch over what they leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest
from typer.testing import CliRunner

from drift.cli import app
from tests.built import MODEL, copied, deployed_folder, promoted_folder, trained_folder
from tests.said import without_progress
from tests.servers import free_port, listens
from tests.stores import empty_store
from tests.waiting import wait_until

DRIFT = [sys.executable, "-m", "drift"]
HERE = Path(__file__).parent
MARK = "DRIFT_FAULT_TESTS_IN"  # holds the session's temporary folder in every process that a test starts
SECONDS = 120.0  # for one command; it needs 15, a machine at work needs more
LEFT_SECONDS = 20.0  # until nothing runs any more after a `kill -9`: the guard gives TorchServe 8 to end
HUNDRED_BLOCKS = ("--test_data_rows", "2000", "--block_size", "20")
ALL_FLAGGED = ("--threshold_accuracy", "0.99")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def taken(process: int, number: signal.Signals) -> bool:
    """Whether a signal that was sent to a process has reached its handler: two that wait are one."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    waits = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:"))]
    return not any(mask >> (number - 1) & 1 for mask in waits)


def handles(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether a process has come far enough to catch a signal; before, the signal's default ends it."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def error(self) -> str:
        """The text of its only `error:` line; fails if there is another line beside it, or a traceback."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: "), self.err
        return lines[0].removeprefix("error: ")


class Terminal:
    """A command in a pseudo-terminal, as a person sees it."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        env = {**environment, "TERM": "xterm-256color", "PYTHONFAULTHANDLER": "1"}
        self.child = pexpect.spawn(
            command[0], command[1:], cwd=str(folder), env=env, encoding="utf-8",
            codec_errors="replace",  # Ctrl-C makes a terminal drop what is on its way, also half a character
            timeout=SECONDS, dimensions=(60, 220),
        )  # fmt: skip
        self.text = ""

    @property
    def pid(self) -> int:
        return int(self.child.pid)

    def expect(self, pattern: str, *, seconds: float = SECONDS) -> None:
        """Wait for text; a command that does not write it in time is ended, and the failure says where it hung."""
        try:
            self.child.expect(pattern, timeout=seconds)
        except pexpect.TIMEOUT:
            self.child.kill(signal.SIGABRT)  # PYTHONFAULTHANDLER: where every thread is
            with contextlib.suppress(pexpect.ExceptionPexpect):
                self.child.expect(pexpect.EOF, timeout=10)
            shown = ESCAPES.sub("", str(self.child.before)).partition("Extension modules:")[0][-6000:]
            raise AssertionError(f"no {pattern!r} within {seconds:.0f} s: {shown}") from None
        self.text += ESCAPES.sub("", f"{self.child.before}{self.child.after}")

    def answer(self, line: str) -> None:
        """Type a line."""
        self.child.sendline(line)

    def ctrl_c(self) -> None:
        """Press Ctrl-C: SIGINT to everything in the foreground."""
        self.child.sendintr()

    def ctrl_d(self) -> None:
        """Press Ctrl-D on an empty line."""
        self.child.sendeof()

    def end(self, *, seconds: float = SECONDS) -> int:
        """Wait for the end; the exit code, or minus the signal that killed it."""
        self.child.expect(pexpect.EOF, timeout=seconds)
        self.text += ESCAPES.sub("", self.child.before)
        self.child.close()
        return int(self.child.exitstatus) if self.child.exitstatus is not None else -int(self.child.signalstatus)

    def close(self) -> None:
        """End it in any case."""
        self.child.close(force=True)


@dataclass
class Project:
    """One model's name in one project folder, with the commands to run there and what they left in their databases."""

    folder: Path
    model: str
    experiment: str = "drift"
    environment: dict[str, str] = field(default_factory=dict)
    terminals: list[Terminal] = field(default_factory=list)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    mlflow_file: Path | None = None  # by default mlflow.db in the folder

    def command(self, *args: str) -> list[str]:
        """`drift` with the names of this project's model and experiment."""
        return [*DRIFT, *self.named(*args)]

    def named(self, *args: str) -> list[str]:
        """The arguments, with the names of this project's model and experiment where the command takes them."""
        names = ["--mlflow_experiment_name", self.experiment] if args[0] in ("base", "deploy", "retrain") else []
        names += ["--register_model_name", self.model] if args[0] != "base" else []
        return [*args, *names]

    def run(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        folder: Path | None = None,
        timeout: float = SECONDS,
        command: list[str] | None = None,
    ) -> Ended:
        """Run a command to its end, without a terminal."""
        process = self.start(*args, env=env, folder=folder, command=command)
        return self.finish(process, timeout=timeout)

    def run_here(self, *args: str) -> Ended:
        """Run the command of these words in this process: what is refused at once needs none of its own."""
        began = time.monotonic()
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(app, args, env=self.environ())
        assert isinstance(done.exception, SystemExit | None), done.exception
        return Ended(done.exit_code, done.stdout, without_progress(done.stderr), time.monotonic() - began)

    def finish(self, process: subprocess.Popen[str], *, timeout: float = SECONDS) -> Ended:
        """Wait for a command that was started."""
        began = time.monotonic()
        out, err = process.communicate(timeout=timeout)
        return Ended(process.returncode, out, without_progress(err), time.monotonic() - began)

    def start(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        folder: Path | None = None,
        command: list[str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command in the background, without a terminal."""
        process = subprocess.Popen(
            command or self.command(*args),
            cwd=folder or self.folder,
            env=self.environ(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def spawn(self, *args: str, env: Mapping[str, str | None] | None = None) -> Terminal:
        """Start a command in a pseudo-terminal."""
        terminal = Terminal(self.command(*args), self.folder, self.environ(env))
        self.terminals.append(terminal)
        return terminal

    def patched(self, script: str, *script_args: str, args: tuple[str, ...]) -> Ended:
        """Run a command inside one of the scripts beside this file, which break something on purpose."""
        return self.run(command=[sys.executable, str(HERE / script), *script_args, "--", *self.named(*args)])

    def environ(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The environment of this project's commands; None takes a variable away."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DRIFT_HOME"))}
        full: dict[str, str | None] = {**kept, **self.environment, **(changes or {})}
        return {key: value for key, value in full.items() if value is not None}

    def close(self) -> None:
        """End what a failed test left running; a test that passes leaves nothing."""
        for terminal in self.terminals:
            terminal.close()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        store = self.mlflow_file or self.folder / "mlflow.db"
        if store.exists():  # tests share the store: one that failed is not to fail the others
            with contextlib.closing(sqlite3.connect(store, timeout=30)) as connection, connection:
                connection.execute("update runs set status = 'KILLED' where status = 'RUNNING'")

    # --- what the databases say -------------------------------------------------------------------------------------

    def log(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the scoring log."""
        return _ask(self.folder / ".drift" / "log.db", query, values)

    def mlflow(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask MLflow's database."""
        return _ask(self.mlflow_file or self.folder / "mlflow.db", query, values)

    def deployments(self) -> list[tuple[str, str, str]]:
        """Id, state and MLflow run of the model's deployments, oldest first."""
        return [
            (str(id), str(state), str(run))
            for id, state, run in self.log(
                "select id, state, run_id from deployments where model = ? order by began_at", self.model
            )
        ]

    def blocks(self) -> list[tuple[int, int]]:
        """Block and version of what the newest deployment scored, in the order of committing."""
        if not (found := self.deployments()):
            return []
        return self.log("select block, version from blocks where deployment = ? order by rowid", found[-1][0])

    def decisions(self) -> list[tuple[int, str, int | None]]:
        """Block, outcome and challenger of the newest deployment's decisions."""
        newest = self.deployments()[-1][0]
        return self.log("select block, outcome, challenger from decisions where deployment = ? order by block", newest)

    def audit(self) -> list[tuple[str, int | None, int]]:
        """Action, version before and version after, oldest first."""
        return self.log("select action, from_version, to_version from audit where model = ? order by id", self.model)

    def alias(self, name: str) -> int | None:
        """The version that an alias points at."""
        found = self.mlflow(
            "select version from registered_model_aliases where name = ? and alias = ?", self.model, name
        )
        return int(found[0][0]) if found else None

    def versions(self) -> int:
        """How many versions are registered."""
        return int(self.mlflow("select count(*) from model_versions where name = ?", self.model)[0][0])

    def runs(self, status: str | None = None) -> list[str]:
        """The names of MLflow's runs (of one status), oldest first."""
        where = " where status = ?" if status else ""
        values = (status,) if status else ()
        return [str(name) for (name,) in self.mlflow(f"select name from runs{where} order by start_time", *values)]  # noqa: S608

    def run_status(self, run: str) -> str:
        """The status of one run."""
        return str(self.mlflow("select status from runs where run_uuid = ?", run)[0][0])

    def tracked_steps(self, key: str = "block/accuracy") -> list[int]:
        """The steps of a metric in the newest deployment's run, a step that is there twice as often."""
        run = self.deployments()[-1][2]
        return [
            int(step)
            for (step,) in self.mlflow(
                "select step from metrics where run_uuid = ? and key = ? order by step", run, key
            )
        ]

    # --- what must be true in the end -------------------------------------------------------------------------------

    def assert_complete(self, blocks: int) -> None:
        """The newest deployment is done; every block is in the log and in MLflow once; MLflow ended its run."""
        _, state, run = self.deployments()[-1]
        assert state == "done"
        assert [block for block, _ in self.blocks()] == list(range(blocks))
        rows = self.log(
            "select count(*), count(distinct row) from predictions where deployment = ?", self.deployments()[-1][0]
        )
        assert rows == [(20 * blocks, 20 * blocks)]
        assert self.tracked_steps() == list(range(blocks))
        assert self.run_status(run) == "FINISHED"
        self.assert_settled()

    def assert_settled(self) -> None:
        """No run is left RUNNING, and the audit trail's last line names the registry's champion."""
        assert self.runs("RUNNING") == []
        if trail := self.audit():
            assert trail[-1][2] == self.alias("champion")

    def assert_resumable(self) -> None:
        """The newest deployment is unfinished, says so, and its blocks are the first ones, once each."""
        assert self.deployments()[-1][1] in ("interrupted", "running")
        done = [block for block, _ in self.blocks()]
        assert done == list(range(len(done)))

    # --- the server of a running deployment -------------------------------------------------------------------------

    def server(self) -> dict[str, Any]:
        """What `server.json` of this model's newest server says."""
        found = sorted((self.folder / ".drift" / "deployments").glob(f"{self.model}-*/server/server.json"))
        return dict(json.loads(found[-1].read_text()))

    def server_folder(self) -> str:
        """The run folder of this model's newest server."""
        return str(sorted((self.folder / ".drift" / "deployments").glob(f"{self.model}-*/server"))[-1])

    def server_processes(self, part: str) -> list[psutil.Process]:
        """The processes of this model's newest server whose command line holds `part`."""
        temp = self.server()["temp"]
        return [
            process
            for process in psutil.process_iter()
            if _environment(process).get("TEMP") == temp and part in _command_line(process)
        ]

    def answering_version(self) -> int:
        """The version with which this model's newest server answers by default."""
        import requests

        folder = sorted((self.folder / ".drift" / "deployments").glob(f"{self.model}-*/server"))[-1]
        key = json.loads((folder / "key_file.json").read_text())["management"]["key"]
        url = f"{self.server()['management_url']}/models/{self.model}"
        answer = requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=10)
        return int(answer.json()[0]["modelVersion"])


def _ask(path: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # the command has not made its tables yet
                return []
            raise


def _environment(process: psutil.Process) -> dict[str, str]:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ()
    return {}


def _command_line(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        return " ".join(process.cmdline())
    return ""


# --- fixtures -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def temp_folder() -> Iterator[Path]:
    """The temporary folder of every process here, which marks servers: their environment holds nothing else of ours."""
    folder = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored in the background of a script, and under nohup
        if signal.getsignal(number) is signal.SIG_IGN:  # commands would inherit it
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def marks(temp_folder: Path) -> dict[str, str]:
    """The environment by which the tests know their own processes."""
    return {"TMPDIR": str(temp_folder), MARK: str(temp_folder)}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, temp_folder: Path) -> Project:
    """A project folder with one base model; tests share it, each with a registered name of its own."""
    folder = copied(trained_folder(tmp_path_factory), tmp_path_factory.mktemp("project"))
    return Project(folder, "none", environment=marks(temp_folder))


@pytest.fixture
def deployed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, temp_folder: Path) -> Iterator[Project]:
    """A project of the test's own whose champion is its base model, version 1."""
    folder = copied(deployed_folder(tmp_path_factory), tmp_path)
    own = Project(folder, MODEL, environment=marks(temp_folder))
    yield own
    own.close()


@pytest.fixture
def promoted(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, temp_folder: Path) -> Iterator[Project]:
    """A project of the test's own with champion 2 and previous version 1."""
    folder = copied(promoted_folder(tmp_path_factory), tmp_path)
    own = Project(folder, MODEL, environment=marks(temp_folder))
    yield own
    own.close()


@pytest.fixture
def project(trained: Project) -> Iterator[Project]:
    """The trained project, under a model name that nobody has used."""
    own = Project(trained.folder, f"m{uuid.uuid4().hex[:6]}", environment=dict(trained.environment))
    yield own
    own.close()


@pytest.fixture
def fresh(tmp_path: Path, temp_folder: Path) -> Iterator[Project]:
    """An empty project folder."""
    own = Project(tmp_path, "drift_model", environment=marks(temp_folder))
    yield own
    own.close()


@pytest.fixture(autouse=True)
def nothing_left(temp_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After every test: no process that it started lives, no server's port listens, no temporary folder is left."""
    began = time.time()
    yield
    try:
        wait_until(lambda: not ours(temp_folder), LEFT_SECONDS, what=lambda: f"end of {describe(ours(temp_folder))}")
        assert not listening(tmp_path_factory.getbasetemp(), temp_folder, since=began)
        assert not [path for path in temp_folder.glob("drift-*") if path.name.count("-") == 1], (
            "a server's folder is left"
        )
    finally:
        for process in ours(temp_folder):  # the next test begins with a clean table
            with contextlib.suppress(psutil.Error):
                process.kill()


def ours(temp_folder: Path) -> list[psutil.Process]:
    """The living processes that tests started: commands by our mark, servers by their temporary folder."""
    found = []
    for process in psutil.process_iter():
        environment = _environment(process)
        if process.pid != os.getpid() and (
            environment.get(MARK) == str(temp_folder) or Path(environment.get("TEMP", "/")).parent == temp_folder
        ):
            found.append(process)
    return found


def describe(processes: list[psutil.Process]) -> str:
    """Processes by number and command."""
    return ", ".join(f"{process.pid} ({_command_line(process)[:80]})" for process in processes) or "nothing"


def listening(projects: Path, temp_folder: Path, *, since: float) -> list[int]:
    """Ports of servers started after `since` that are still taken, and not by somebody else."""
    ports: list[int] = []
    for properties in projects.glob("*/.drift/deployments/*/server/config.properties"):
        if properties.stat().st_mtime >= since:
            ports += [
                int(port)
                for port in re.findall(r"(?:address=http://[\d.]+:|grpc_\w+_port=)(\d+)", properties.read_text())
            ]
    connections = psutil.net_connections("tcp")
    owners = {c.laddr.port: c.pid for c in connections if c.laddr and c.status == psutil.CONN_LISTEN}
    mine = {process.pid for process in ours(temp_folder)}
    return [port for port in ports if port in owners and owners[port] in {None, *mine}]


@dataclass
class TrackingServer:
    """A real MLflow server with SQLite and its own artifact folder, which can be killed and started again."""

    folder: Path
    port: int
    marks: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(self.port),
                    "--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}",
                    "--artifacts-destination", str(self.folder / "artifacts"),
                ],
                cwd=self.folder,
                env=environment
                | self.marks
                | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: listens(self.port), 60, what="start of the MLflow server")

    def kill(self) -> None:
        """Kill it with its worker, as a power cut would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
        wait_until(lambda: not listens(self.port), 10, what="end of the MLflow server")


@pytest.fixture
def tracking_server(tmp_path: Path, temp_folder: Path) -> Iterator[TrackingServer]:
    """A running MLflow server."""
    folder = tmp_path / "tracking"
    folder.mkdir()
    empty_store(folder, artifacts="mlflow-artifacts:/0")
    server = TrackingServer(folder, free_port(), marks(temp_folder))
    server.start()
    yield server
    server.kill()
