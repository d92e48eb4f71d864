"""One tiny exported model, one real server for the session, and a watch over what tests leave behind."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import psutil
import pytest

from drift.data.blocks import Floats
from drift.serving import ModelService, build_archive
from drift.serving.torchserve.process.record import running
from tests.waiting import wait_until

WIDTH = 4


@dataclass(frozen=True)
class TinyModel:
    """An exported program, and what the module in this process says."""

    file: Path
    digest: str
    module: Any  # torch.nn.Module
    card: dict[str, list[str]]

    def probabilities(self, features: Floats) -> Floats:
        import torch

        with torch.inference_mode():
            return np.asarray(self.module(torch.from_numpy(features)).numpy(), dtype=np.float32)

    def archive(self, store: Path, version: int, *, name: str = "tiny") -> Path:
        return build_archive(self.file, name=name, version=version, card=self.card, digest=self.digest, store=store)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(WIDTH, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(dim=1)).eval()
    rows = {0: torch.export.Dim("rows")}
    program = torch.export.export(module, (torch.zeros(2, WIDTH),), dynamic_shapes=(rows,))
    file = tmp_path_factory.mktemp("model") / "model.pt2"
    torch.export.save(program, file)
    card = {"feature_names": [f"f{column}" for column in range(WIDTH)], "classes": ["a", "b", "c"]}
    return TinyModel(file, hashlib.sha256(file.read_bytes()).hexdigest(), module, card)


@pytest.fixture
def rows() -> Floats:
    return np.random.default_rng(0).normal(size=(20, WIDTH)).astype(np.float32)


@pytest.fixture(scope="session")
def service_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # With what a folder's name may hold, and longer than a Unix socket's path can be.
    return tmp_path_factory.mktemp("a folder é #1 " + "x" * 100) / "server"


@pytest.fixture(scope="session")
def session_service(service_folder: Path, temp_folder: Path, tiny_model: TinyModel) -> Iterator[ModelService]:
    with ModelService.start(service_folder, "tiny") as service:
        service.load(tiny_model.archive(service.store, 1), 1)
        yield service


@pytest.fixture
def service(session_service: ModelService) -> ModelService:
    """The session's server, with version 1 as its default."""
    if session_service.default_version != 1:
        session_service.make_default(1)
    return session_service


@pytest.fixture(scope="session")
def temp_folder() -> Iterator[Path]:
    """A temporary folder of these tests' servers alone, so that nobody else's are mistaken for them."""
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        yield Path(folder)
    tempfile.tempdir = before[1]
    os.environ.pop("TMPDIR")
    if before[0] is not None:
        os.environ["TMPDIR"] = before[0]


@pytest.fixture(autouse=True)
def nothing_left_running(service_folder: Path, temp_folder: Path) -> Iterator[None]:
    """After every test: no process of any server but the session's."""
    yield
    wait_until(
        lambda: not _servers(temp_folder) - {_temp(service_folder)},
        what=lambda: f"end of the processes of {_servers(temp_folder) - {_temp(service_folder)}}",
    )


def _temp(folder: Path) -> str | None:
    record = running(folder)
    return None if record is None else record.temp


def _servers(temp_folder: Path) -> set[str | None]:
    """The temporary folders of living servers in `temp_folder`."""
    found = set[str | None]()
    for process in psutil.process_iter():
        try:
            temp = process.environ().get("TEMP", "")
        except psutil.Error:
            continue
        if Path(temp).parent == temp_folder:
            found.add(temp)
    return found


class Stub(ThreadingHTTPServer):
    """A server that says what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _StubHandler)
        self.script: list[tuple[int, dict[str, str], bytes]] = []  # the last one repeats
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _StubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, dict(self.headers), body))
        script = self.server.script
        code, headers, answer = script.pop(0) if len(script) > 1 else script[0]
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
