"""The whole room with a real TorchServe: answers, refusals, rollover, and what breaks underneath it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import grpc
import numpy as np
import psutil
import pytest
import requests

from drift.data.blocks import Floats
from drift.errors import ArchiveError, NoAnswerError, PredictionError, ServerError, ServingError
from drift.serving import ModelService, TorchServeClient
from drift.serving.torchserve.control import Control
from drift.serving.torchserve.keys import KINDS, Keyring, direct_request
from drift.serving.torchserve.process.record import running
from drift.serving.torchserve.process.server import TorchServe
from tests.serving.conftest import TinyModel
from tests.serving.torchserve.test_handler import BAD, npy
from tests.waiting import wait_until


@pytest.fixture
def keyring(service: ModelService, service_folder: Path) -> Keyring:
    record = running(service_folder)
    assert record is not None
    return Keyring(service_folder / "key_file.json", record.management_url)


@pytest.fixture
def second_version(service: ModelService, tiny_model: TinyModel) -> Iterator[int]:
    """Version 2 beside version 1, not the default; gone after the test."""
    service.load(tiny_model.archive(service.store, 2), 2)
    yield 2
    service.make_default(1)
    service.retire(2)


def server_processes(folder: Path, part: str) -> list[psutil.Process]:
    record = running(folder)
    assert record is not None
    return [process for process in record.processes if part in " ".join(process.cmdline())]


@pytest.mark.parametrize("count", [1, 20, 5000])
def test_npy_and_json_equal_the_model_in_this_process(
    service: ModelService, keyring: Keyring, tiny_model: TinyModel, count: int
) -> None:
    features = np.random.default_rng(count).normal(size=(count, 4)).astype(np.float32)
    as_json = TorchServeClient(service.inference_url, keyring, "tiny", format="json")
    for answer in (service.predict(features), as_json.predict(features)):
        assert answer.version == 1
        assert answer.probabilities.dtype == np.float32
        np.testing.assert_allclose(answer.probabilities, tiny_model.probabilities(features), rtol=0, atol=1e-6)


def test_any_memory_order_travels_well(service: ModelService, tiny_model: TinyModel) -> None:
    """Rows cut out of a wider table, and in Fortran order, travel as what they are."""
    features = np.asfortranarray(np.random.default_rng(1).normal(size=(20, 8)).astype(np.float32))[:, ::2]
    expected = tiny_model.probabilities(np.ascontiguousarray(features))
    np.testing.assert_allclose(service.predict(features).probabilities, expected, atol=1e-6)


def test_bad_requests_are_400_and_the_worker_stays(
    service: ModelService, service_folder: Path, keyring: Keyring, rows: Floats
) -> None:
    (worker,) = server_processes(service_folder, "model_service_worker")
    for name, (kind, body, message) in BAD.items():
        headers = keyring.inference() | ({"Content-Type": kind} if kind else {})
        reply = requests.post(f"{service.inference_url}/predictions/tiny", data=body, headers=headers, timeout=120)
        assert reply.status_code == 400, name
        assert reply.json()["code"] == 400, (name, message)
    with pytest.raises(PredictionError, match=r"of 4 features .* got an array of shape \(20, 3\)"):
        service.predict(rows[:, :3])
    assert service.predict(rows).version == 1
    assert worker.is_running()


def test_a_block_larger_than_the_server_takes_goes_in_parts(service: ModelService, tiny_model: TinyModel) -> None:
    features = np.random.default_rng(0).normal(size=(600_000, 4)).astype(np.float32)  # 9.6 MB
    answer = service.predict(features)
    np.testing.assert_allclose(answer.probabilities, tiny_model.probabilities(features), atol=1e-6)


def test_a_large_body_is_refused_before_it_is_held(service: ModelService) -> None:
    """Whoever has no token can make the server hold 8 MB, not more."""
    for size, status in ((7_900_000, 400), (8_100_000, 413)):
        answer = requests.post(
            f"{service.inference_url}/predictions/tiny", data=b"x" * size, timeout=60,
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        assert answer.status_code == status


def test_no_port_tells_without_a_token_what_is_served(
    service: ModelService, service_folder: Path, rows: Floats
) -> None:
    """The port of metrics takes no token: it named models, versions and how often each was asked."""
    service.predict(rows)
    told = (service_folder / "config.properties").read_text().splitlines()
    addresses = [
        line.partition("=")[2] for line in told if line.startswith(("inference_a", "management_a", "metrics_a"))
    ]
    assert len(addresses) == 3
    for address in addresses:
        for path in ("metrics", "models", "predictions/tiny", ""):
            answer = requests.get(f"{address}/{path}", timeout=60)
            assert "tiny" not in answer.text, (address, path)


def test_a_stream_by_grpc_ends_no_worker(
    service: ModelService, service_folder: Path, keyring: Keyring, rows: Floats
) -> None:
    """TorchServe ends a worker whose answer to a stream does not say whether more comes."""
    told = dict(line.split("=", 1) for line in (service_folder / "config.properties").read_text().splitlines())
    (worker,) = server_processes(service_folder, "model_service_worker")
    with grpc.insecure_channel(f"127.0.0.1:{told['grpc_inference_port']}") as channel:
        for kind in ("StreamPredictions", "Predictions"):
            make = channel.unary_stream if kind == "StreamPredictions" else channel.unary_unary
            call = make(f"/org.pytorch.serve.grpc.inference.InferenceAPIsService/{kind}", bytes, bytes)
            token = [(name.lower(), value) for name, value in keyring.inference().items()]
            answer = call(b"\n\x04tiny", metadata=token, timeout=60)  # the model's name alone
            text = b"".join(answer) if kind == "StreamPredictions" else answer
            assert b"RefusedInput" in text
    assert service.predict(rows).version == 1
    assert worker.is_running()


def test_malformed_requests_do_not_fill_the_disk(service: ModelService, service_folder: Path) -> None:
    """Whoever has no token wrote 4 kB for each of 30 bytes into a log without a bound."""
    logs = [service_folder / "console.log", service_folder / "logs" / "torchserve.log"]
    before = sum(log.stat().st_size for log in logs)
    told = dict(line.split("=", 1) for line in (service_folder / "config.properties").read_text().splitlines())
    names = (
        "inference_address",
        "management_address",
        "metrics_address",
        "grpc_inference_port",
        "grpc_management_port",
    )
    for name in names:
        for request in (b"GET /%zz HTTP/1.1\r\n\r\n", bytes(100) + b"GET / HTTP/1.1\r\n\r\n"):
            for _ in range(50):
                with socket.create_connection(("127.0.0.1", int(told[name].rpartition(":")[2])), timeout=60) as sock:
                    sock.sendall(request)
                    with suppress(OSError):
                        sock.recv(100)
    assert sum(log.stat().st_size for log in logs) - before < 20_000


@pytest.mark.slow
def test_a_bad_request_in_a_batch_is_refused_alone(
    service: ModelService, keyring: Keyring, tiny_model: TinyModel, rows: Floats
) -> None:
    control = Control(keyring.management_url, keyring, "batched")
    archive = tiny_model.archive(service.store, 1, name="batched")
    together: dict[str, str | int] = {
        "url": archive.name,
        "model_name": "batched",
        "batch_size": 4,
        "max_batch_delay": 500,
    }
    models = f"{keyring.management_url}/models"
    assert requests.post(models, params=together, headers=keyring.management(), timeout=30).ok
    try:
        control.scale(1, 1)
        control.wait_ready(1, 60)
        url = f"{service.inference_url}/predictions/batched"
        headers = keyring.inference() | {"Content-Type": "application/x-npy"}

        def ask(array: Floats) -> requests.Response:
            return requests.post(url, data=npy(array), headers=headers, timeout=120)

        arrays = [rows[:3], rows[:, :3], rows[3:4], rows[4:]]
        with ThreadPoolExecutor(4) as threads:
            first, bad, second, third = threads.map(ask, arrays)
        assert bad.status_code == 400
        for reply, array in ((first, arrays[0]), (second, arrays[2]), (third, arrays[3])):
            probabilities = np.load(io.BytesIO(reply.content))
            np.testing.assert_allclose(probabilities, tiny_model.probabilities(array), atol=1e-6)
    finally:
        control.unregister(1)


def test_steps_can_be_repeated(service: ModelService, tiny_model: TinyModel, second_version: int) -> None:
    archive = tiny_model.archive(service.store, second_version)
    service.load(archive, second_version)
    assert set(service.loaded) == {1, second_version}
    assert service.default_version == 1
    service.make_default(second_version)
    service.make_default(second_version)
    with pytest.raises(ServingError, match="version 2 is the default"):
        service.retire(second_version)
    service.make_default(1)
    service.retire(second_version)
    service.retire(second_version)
    assert set(service.loaded) == {1}


def test_archives_from_elsewhere_are_refused(service: ModelService, tiny_model: TinyModel, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="build it there"):
        service.load(tiny_model.archive(tmp_path, 3), 3)
    other = tiny_model.archive(service.store, 1)
    other = Path(shutil.copy(other, service.store / "tiny-v1-another.mar"))
    with pytest.raises(ArchiveError, match="version 1 is loaded from"):
        service.load(other, 1)
    with pytest.raises(ServingError, match="version 9 of tiny is not loaded"):
        service.make_default(9)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        pytest.param("model.pt2", r"workers die \(RuntimeError: expected a model with SHA-256", marks=pytest.mark.slow),
        pytest.param("handler.py", "workers die .*NameError", marks=pytest.mark.slow),
        pytest.param("all of it", "", marks=pytest.mark.slow),
    ],
)
def test_a_broken_archive_disturbs_nothing(
    service: ModelService, tiny_model: TinyModel, rows: Floats, part: str, message: str
) -> None:
    archive = tiny_model.archive(service.store, 5)
    if part == "all of it":
        archive.write_bytes(archive.read_bytes()[:3000])
    else:
        replace_in_archive(archive, part, b"broken")
    with Clients(service, rows, count=2) as clients, pytest.raises(ServerError) as error:
        service.load(archive, 5, seconds=60)
    assert re.search(rf"{message}.*: archive {archive.name} cannot be served$", str(error.value))
    assert "\n" not in str(error.value)
    assert set(service.loaded) == {1}
    assert service.default_version == 1
    assert not clients.failures
    assert {told.version for told in clients.told} == {1}


def test_rollover_loses_no_request(service: ModelService, tiny_model: TinyModel, rows: Floats) -> None:
    with Clients(service, rows, count=8) as clients:
        service.load(tiny_model.archive(service.store, 2), 2)
        clients.go_on()
        switch_began = time.monotonic()
        service.make_default(2)
        switched = time.monotonic()
        clients.go_on()
        service.retire(1)
        clients.go_on()
    longest = max(told.ended - told.began for told in clients.told)
    print(f"{len(clients.told)} requests of 8 clients, longest {longest:.3f} s")
    try:
        assert not clients.failures
        assert {told.version for told in clients.told if told.ended < switch_began} == {1}
        assert {told.version for told in clients.told if told.began > switched} == {2}
        assert set(service.loaded) == {2}
    finally:
        service.load(tiny_model.archive(service.store, 1), 1)
        service.make_default(1)
        service.retire(2)


@pytest.mark.slow
def test_a_killed_worker_is_replaced(service: ModelService, service_folder: Path, rows: Floats) -> None:
    (worker,) = server_processes(service_folder, "model_service_worker")
    with Clients(service, rows, count=2) as clients:
        worker.kill()
        worker.wait(30)
        assert service.predict(rows).version == 1
    assert not clients.failures


@pytest.mark.slow
def test_a_killed_server_is_restarted_with_what_it_had(
    service: ModelService, service_folder: Path, rows: Floats, second_version: int
) -> None:
    service.make_default(second_version)
    old = service.inference_url
    with Clients(service, rows, count=4) as clients:
        (java,) = server_processes(service_folder, "org.pytorch.serve.ModelServer --python")
        java.kill()
        assert service.predict(rows).version == second_version  # waits for the start, however long that takes
    assert not clients.failures
    assert {told.version for told in clients.told} == {second_version}
    assert set(service.loaded) == {1, second_version}
    assert service.inference_url == old


@pytest.mark.slow
def test_a_server_without_its_guard_is_replaced_by_one_with(
    tmp_path: Path, tiny_model: TinyModel, rows: Floats
) -> None:
    with ModelService.start(tmp_path, "tiny") as service:
        service.load(tiny_model.archive(service.store, 1), 1)
        record = running(tmp_path)
        assert record is not None
        os.kill(record.supervisor.pid, signal.SIGKILL)
        wait_until(lambda: not record.supervisor.lives, what="end of the supervisor")
        assert service.predict(rows).version == 1
        fresh = running(tmp_path)
        assert fresh is not None
        assert fresh.supervisor.lives
        assert not record.processes
    with pytest.raises(ServingError, match="was closed"):
        service.predict(rows)


def test_a_given_server_is_used_and_never_stopped(
    service: ModelService, service_folder: Path, tiny_model: TinyModel, rows: Floats
) -> None:
    with ModelService.connect(service.inference_url, service_folder, "another") as given:
        assert set(given.loaded) == set()
        assert given.default_version is None
        given.load(tiny_model.archive(given.store, 1, name="another"), 1)
        assert given.predict(rows).version == 1
        given.retire(1)
        assert given.default_version is None
    with ModelService.connect(service.inference_url + "/", service_folder, "tiny") as given:
        assert set(given.loaded) == {1}
        np.testing.assert_array_equal(given.predict(rows).probabilities, service.predict(rows).probabilities)
    assert service.predict(rows).version == 1


def test_a_given_server_that_is_not_there(tmp_path: Path) -> None:
    """Keys are read only once the server says that it wants them, so that it not being there is what is told."""
    with pytest.raises(NoAnswerError, match=r"no management API of TorchServe answers at http://127.0.0.1:10: "):
        ModelService.connect("http://127.0.0.1:9", tmp_path, "tiny")
    with pytest.raises(ServingError, match="a URL with a port"):
        ModelService.connect("http://localhost", tmp_path, "tiny")


def test_tokens_another_process_renewed_are_read_again(
    service: ModelService, service_folder: Path, keyring: Keyring, rows: Floats
) -> None:
    service.predict(rows)
    headers, users = keyring.management(), keyring.users
    api_key = json.loads((service_folder / "key_file.json").read_text())["API"]["key"]
    for kind in KINDS:
        renewed = direct_request(
            "GET", f"{keyring.management_url}/token", params={"type": kind},
            headers={"Authorization": f"Bearer {api_key}"}, timeout=60, users=users,
        )  # fmt: skip
        assert renewed.ok
    assert keyring.management() == headers, "it has not read the file again yet"
    assert service.predict(rows).version == 1
    assert set(service.loaded) == {1}


def outlive(key_file: Path) -> None:
    """Wait until every token that the file holds now has ended; the shortest life that TorchServe knows is a minute."""
    stored = json.loads(key_file.read_text())
    ends = max(datetime.fromisoformat(stored[kind]["expiration time"]).timestamp() for kind in KINDS)
    assert ends - time.time() < 65
    wait_until(lambda: time.time() > ends, 70, what="end of the tokens' life")


@pytest.mark.slow
def test_tokens_are_renewed_for_longer_than_they_live(tmp_path: Path, tiny_model: TinyModel, rows: Floats) -> None:
    with TorchServe(tmp_path, token_minutes=1) as server:
        service = ModelService.connect(server.inference_url, tmp_path, "tiny")
        service.load(tiny_model.archive(service.store, 1), 1)
        first = (tmp_path / "key_file.json").read_text()
        with Clients(service, rows, count=4, pause=0.2) as clients:  # for a minute
            outlive(tmp_path / "key_file.json")
            assert set(service.loaded) == {1}
        assert not clients.failures
        assert (tmp_path / "key_file.json").read_text() != first
        outlive(tmp_path / "key_file.json")  # and after nobody asked for as long as the newest lived
        assert service.predict(rows).version == 1


@dataclass(frozen=True)
class Told:
    """One answer: which version gave it, and when it was asked for and given."""

    version: int
    began: float
    ended: float


class Clients:
    """Threads that ask again and again while the body of a `with` runs; none may be left without answer."""

    def __init__(self, service: ModelService, rows: Floats, *, count: int, pause: float = 0.0) -> None:
        self.told: list[Told] = []
        self.failures: list[Exception] = []
        self._service, self._rows, self._pause = service, rows, pause
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.told

    def go_on(self) -> None:
        """Wait for the next answers, several of each thread."""
        enough = len(self.told) + 5 * len(self._threads)
        wait_until(lambda: len(self.told) >= enough or self.failures, what="answers")

    def _ask(self) -> None:
        while not self._end.wait(self._pause):
            began = time.monotonic()
            try:
                answer = self._service.predict(self._rows)
                assert answer.probabilities.shape == (len(self._rows), 3)
                self.told.append(Told(answer.version, began, time.monotonic()))
            except Exception as error:
                self.failures.append(error)


def replace_in_archive(archive: Path, part: str, content: bytes) -> None:
    with zipfile.ZipFile(archive) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(archive, "w") as packed:
        for name, old in parts.items():
            packed.writestr(name, content if name == part else old)
