"""Where a TorchServe of somebody else listens, and whether it wants tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drift.errors import NoAnswerError, ServingError
from drift.serving.torchserve.address import inference_url_of, keyring_of, management_url_of, model_store_of
from drift.serving.torchserve.process.record import ProcessIdentity, ServerRecord
from tests.serving.conftest import Stub
from tests.serving.torchserve.test_keys import write_keys

INVALID = (400, dict[str, str](), json.dumps({"type": "InvalidKeyException", "message": "no"}).encode())


@pytest.mark.parametrize(
    ("url", "inference", "management"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8081"),
        ("http://localhost:8080/", "http://localhost:8080", "http://localhost:8081"),
        ("http://[::1]:8080", "http://[::1]:8080", "http://[::1]:8081"),
        ("http://models.example:7000//", "http://models.example:7000", "http://models.example:7001"),
    ],
)
def test_management_is_one_port_further(url: str, inference: str, management: str, tmp_path: Path) -> None:
    assert inference_url_of(url) == inference
    assert management_url_of(inference, tmp_path) == management


@pytest.mark.parametrize(
    "url", ["http://localhost", "localhost:8080", "http://:8080", "http://[::1:8080", "http://h:x", "ftp://h:1", ""]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ServingError, match=r"expected a URL with a port, as http://127\.0\.0\.1:8080"):
        inference_url_of(url)
    with pytest.raises(ServingError, match="the server's address alone"):
        inference_url_of("http://localhost:8080/predictions/x")


@pytest.mark.parametrize(
    "text", ["management_address=http://127.0.0.1:9999\n", "management_address = http://0.0.0.0:9999"]
)
def test_its_configuration_names_another_management_port(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.properties").write_text(f"# a comment = x\n{text}\nmodel_store=models\n")
    (tmp_path / "models").mkdir()
    assert management_url_of("http://[::1]:8080", tmp_path) == "http://[::1]:9999"
    assert management_url_of("http://localhost:8080", tmp_path) == "http://localhost:9999"
    assert management_url_of("http://localhost:7000", tmp_path) == "http://localhost:7001"  # of another server
    assert model_store_of(tmp_path) == tmp_path / "models"


def test_a_server_of_ours_is_known_by_any_name_of_this_machine(tmp_path: Path) -> None:
    here = ProcessIdentity.of(1)
    ServerRecord(here, here, "http://127.0.0.1:20001", "http://127.0.0.1:30000", "/tmp/x").write(tmp_path)
    for url in ("http://localhost:20001", "http://127.0.0.1:20001", "http://[::1]:20001"):
        assert management_url_of(url, tmp_path) == "http://127.0.0.1:30000"
    assert management_url_of("http://elsewhere:20001", tmp_path) == "http://elsewhere:20002"


def test_without_token_authorisation_no_key_file_is_needed(stub: Stub, tmp_path: Path) -> None:
    stub.script = [(200, {}, b'{"models": []}')]
    keys = keyring_of(tmp_path, stub.url)
    assert (keys.inference(), keys.management()) == ({}, {})
    write_keys(tmp_path, seconds=-5)  # a leftover of an earlier start
    assert keyring_of(tmp_path, stub.url).management() == {}
    assert "Authorization" not in stub.asked[-1][1]


def test_with_token_authorisation_the_key_file_is_read(stub: Stub, tmp_path: Path) -> None:
    stub.script = [INVALID]
    write_keys(tmp_path)
    assert keyring_of(tmp_path, stub.url).management() == {"Authorization": "Bearer management-key"}


def test_what_is_not_a_management_api_is_told(stub: Stub, tmp_path: Path) -> None:
    stub.script = [(404, {}, b"<html>not here</html>")]
    with pytest.raises(ServingError, match=r"expected TorchServe's management API .* management_address into"):
        keyring_of(tmp_path, stub.url)
    with pytest.raises(NoAnswerError, match=r"no management API of TorchServe answers at http://127.0.0.1:9"):
        keyring_of(tmp_path, "http://127.0.0.1:9")


def test_a_model_store_must_be_there(tmp_path: Path) -> None:
    assert model_store_of(tmp_path) == tmp_path  # the store itself, where no tokens are wanted
    (tmp_path / "key_file.json").touch()
    with pytest.raises(ServingError, match=r"expected a model store in .*model_store, there is no such folder"):
        model_store_of(tmp_path)
    with pytest.raises(ServingError, match="started with as --model-store"):
        model_store_of(tmp_path / "nowhere")
    (tmp_path / "model_store").mkdir()
    assert model_store_of(tmp_path) == tmp_path / "model_store"
