"""A TorchServe of somebody else: without tokens, with its management API elsewhere, and with models locked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drift.data.blocks import Floats
from drift.errors import ServingError
from drift.serving import ModelService
from drift.serving.torchserve.process.settings import choose_ports, find_java, listens
from tests.serving.conftest import TinyModel
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def has_ipv6() -> bool:
    """Whether this machine has a loopback address of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For the file that says which TorchServe is running, and sockets, whose paths may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("models_may_be_loaded", [True, False])
def test_a_server_without_tokens_and_with_management_elsewhere(
    tmp_path: Path, short_folder: Path, tiny_model: TinyModel, rows: Floats, models_may_be_loaded: bool
) -> None:
    ports = choose_ports()
    (tmp_path / "model_store").mkdir()
    (tmp_path / "config.properties").write_text(
        f"inference_address=http://0.0.0.0:{ports.inference}\nmanagement_address=http://0.0.0.0:{ports.management}\n"
        f"metrics_address=http://127.0.0.1:{ports.metrics}\ngrpc_inference_port={ports.grpc_inference}\n"
        f"grpc_management_port={ports.grpc_management}\n"
    )
    command = [sys.executable, "-m", "ts.model_server", "--start", "--foreground", "--ncs", "--disable-token-auth"]
    command += ["--ts-config", "config.properties", "--model-store", "model_store"]
    command += ["--enable-model-api"] if models_may_be_loaded else []
    temp = short_folder / "temp"
    temp.mkdir()
    environment = os.environ | {"JAVA_HOME": str(find_java()), "TEMP": str(temp), "TMPDIR": str(short_folder)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(
            lambda: listens(ports.inference) and listens(ports.management), 150,
            what=lambda: f"start of the server; its log: {(tmp_path / 'log').read_text()}",
        )  # fmt: skip
        for host in ("localhost", *(["[::1]"] if has_ipv6() else [])):
            service = ModelService.connect(f"http://{host}:{ports.inference}/", tmp_path, "tiny")
            archive = tiny_model.archive(service.store, 1)
            if models_may_be_loaded:
                service.load(archive, 1)
                assert service.predict(rows).version == 1
            else:
                with pytest.raises(ServingError, match=r"HTTP 405.*start it with --enable-model-api"):
                    service.load(archive, 1)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
