"""What another user of the same machine tries, with real processes: to read tokens and state."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drift.errors import ServerError, ServingError
from drift.serving.torchserve.client import TorchServeClient
from drift.serving.torchserve.control import Control
from drift.serving.torchserve.keys import Keyring
from drift.serving.torchserve.process.server import TorchServe
from tests.security.conftest import USER, OtherUser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]

READ_LOOP = """
import sys, time
path, seconds = sys.argv[1], float(sys.argv[2])
print("looking", flush=True)
end = time.monotonic() + seconds
while time.monotonic() < end:
    try:
        with open(path) as file:
            found = file.read()
    except OSError:
        continue
    if "key" in found:
        print(found, flush=True)
        break
"""


def test_the_tokens_are_not_readable_for_a_moment(other_user: OtherUser, open_folder: Path) -> None:
    """The JVM makes the file readable to all and closes it a moment later: the folder has to be closed before."""
    server = TorchServe(open_folder / "server")
    for _ in range(3):
        readers = [other_user.python(READ_LOOP, str(server.key_file), "25") for _ in range(2)]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "looking\n"
        with server:
            time.sleep(1)  # no event: the readers look meanwhile
            assert json.loads(server.key_file.read_text())["inference"]["key"]
            assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
        for reader in readers:
            reader.kill()
            out, _ = reader.communicate(timeout=10)
            assert out == "", "another user has read the tokens"


SQUATTER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), reuse_port=False)
listener.settimeout(float(sys.argv[2]))
print("listening", flush=True)
try:
    while True:
        connection, _ = listener.accept()
        connection.settimeout(3)
        try:
            sent = connection.recv(65536)
        except OSError:
            sent = b""
        if b"earer" in sent:
            print(sent.decode("latin1"), flush=True)
            break
        if sent:
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
        connection.close()
except TimeoutError:
    pass
"""


def test_who_takes_the_port_first_gets_no_token(
    other_user: OtherUser, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor after the server ended, when its port is free again and clients go on asking."""
    monkeypatch.setattr("drift.serving.torchserve.process.server.RETAKE_SECONDS", 0.5)
    server = TorchServe(open_folder / "server")
    with server:
        keys = Keyring(server.key_file, server.management_url)
        client = TorchServeClient(server.inference_url, keys, "drift_model", deadline_seconds=3)
        keys.inference()  # read while it runs
    control = Control(server.management_url, keys, "drift_model")
    requests: dict[int, Callable[[], object]] = {
        server.ports.inference: lambda: client.predict(np.zeros((1, 4), np.float32)),
        server.ports.management: control.versions,
    }
    for port, request in requests.items():
        squatter = other_user.python(SQUATTER, str(port), "12")
        assert squatter.stdout is not None
        assert squatter.stdout.readline() == "listening\n"
        with pytest.raises(ServingError, match="a process of another user"):
            request()
        with pytest.raises(ServerError, match=f"port {port} .* by a process of user {USER}"):
            server.start()
        out, _ = squatter.communicate(timeout=30)
        assert out == "", "another user was sent a token"


def test_nothing_that_a_command_leaves_can_be_read_by_others(other_user: OtherUser, open_folder: Path) -> None:
    """Log, registry, models, searches, archives, server logs and reports; the folder was open to all before."""
    work = open_folder / "project"
    work.mkdir(mode=0o755)
    drift(work, "base", "--max_epochs", "1", "--total_trials", "1", "--train_rows", "17424")
    drift(work, "deploy", "--test_data_rows", "40", "--threshold_accuracy", "0", "--json", "numbers.json")
    drift(work, "monitor", "ingest", "log")
    made = [path for path in work.rglob("*") if not path.is_symlink()]
    assert {"log.db", "monitor.db", "mlflow.db", "model.pt2", "torchserve.log", "numbers.json"} <= {
        p.name for p in made
    }
    assert any(path.suffix == ".mar" for path in made)
    assert any(path.suffix == ".html" for path in made)
    wrong = {
        str(path.relative_to(work)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in made
        if path.stat().st_mode & 0o077
    }
    assert wrong == {}
    seen = other_user.run("find", str(work), "-type", "f", "-readable")
    assert seen.stdout == ""


def test_a_project_of_the_version_before_is_closed_by_the_next_command(open_folder: Path) -> None:
    """Its folder was open to all; status, which only reads, leaves it as it is."""
    work = open_folder / "project"
    (work / ".drift").mkdir(parents=True, mode=0o755)
    (work / ".drift").chmod(0o755)
    drift(work, "base", "--max_epochs", "1", "--total_trials", "1", "--train_rows", "17424")
    assert stat.S_IMODE((work / ".drift").stat().st_mode) == 0o700


def drift(folder: Path, *words: str) -> str:
    """Run a command as ourselves, with the umask that most systems have."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DRIFT"))}
    ended = subprocess.run(
        [sys.executable, "-m", "drift", *words], cwd=folder, env=environment, umask=0o022, timeout=240,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
