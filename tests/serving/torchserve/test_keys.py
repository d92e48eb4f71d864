"""Tokens against a stub; their rotation by a real server is in test_faults."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from drift.errors import ServerError, ServingError
from drift.serving.torchserve import keys
from drift.serving.torchserve.keys import Keyring
from tests.serving.conftest import Stub

OK = (200, dict[str, str](), b"{}")


def write_keys(folder: Path, *, seconds: float = 3600, prefix: str = "") -> Path:
    """A key file whose tokens end in `seconds`, in TorchServe's own format."""
    ends = datetime.fromtimestamp(time.time() + seconds, UTC)
    moment = ends.strftime("%Y-%m-%dT%H:%M:%S.%f123Z")  # nine decimals
    stored: dict[str, dict[str, str]] = {
        kind: {"key": f"{prefix}{kind}-key", "expiration time": moment} for kind in ("management", "inference")
    }
    file = folder / "key_file.json"
    file.write_text(json.dumps(stored | {"API": {"key": "api-key"}}))
    file.chmod(0o600)
    return file


def test_a_fresh_token_is_used_without_asking(stub: Stub, tmp_path: Path) -> None:
    keyring = Keyring(write_keys(tmp_path), stub.url)
    assert keyring.inference() == {"Authorization": "Bearer inference-key"}
    assert keyring.management() == {"Authorization": "Bearer management-key"}
    assert stub.asked == []


def test_a_token_is_renewed_before_it_ends(stub: Stub, tmp_path: Path) -> None:
    stub.script = [OK]
    keyring = Keyring(write_keys(tmp_path, seconds=keys.MARGIN_SECONDS - 1), stub.url)
    keyring.inference()
    ((path, headers, _),) = stub.asked
    assert path == "/token?type=inference"
    assert headers["Authorization"] == "Bearer api-key"


def test_a_token_that_another_process_renewed_is_read_not_renewed(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, late = write_keys(tmp_path, seconds=keys.MARGIN_SECONDS + 1_000), 0.0
    clock = SimpleNamespace(time=lambda: time.time() + late, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(keys, "time", clock)
    keyring = Keyring(file, stub.url)
    keyring.inference()
    late = 1_001.0
    write_keys(tmp_path, prefix="new-")
    assert keyring.inference() == {"Authorization": "Bearer new-inference-key"}
    assert stub.asked == []


def test_reread_forgets_what_was_read(stub: Stub, tmp_path: Path) -> None:
    keyring = Keyring(write_keys(tmp_path), stub.url)
    keyring.inference()
    write_keys(tmp_path, prefix="new-")
    assert keyring.inference() == {"Authorization": "Bearer inference-key"}
    keyring.reread()
    assert keyring.inference() == {"Authorization": "Bearer new-inference-key"}


def test_a_key_file_that_others_can_read_is_refused(stub: Stub, tmp_path: Path) -> None:
    file = write_keys(tmp_path)
    file.chmod(0o640)
    with pytest.raises(ServingError, match="chmod 600"):
        Keyring(file, stub.url).inference()


@pytest.mark.parametrize("text", ["", '{"management": {', "[]", "{}"])
def test_a_broken_or_missing_key_file_is_an_error_in_time(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(keys, "READING_SECONDS", 0.1)
    file = write_keys(tmp_path)
    file.write_text(text)
    with pytest.raises(ServerError, match="cannot read TorchServe's keys"):
        Keyring(file, stub.url).inference()
    file.unlink()
    with pytest.raises(ServerError, match="is the server running"):
        Keyring(file, stub.url).inference()


def test_a_refused_renewal_says_which_file_to_check(stub: Stub, tmp_path: Path) -> None:
    stub.script = [(400, {}, b"{}")]
    file = write_keys(tmp_path, seconds=1)
    with pytest.raises(ServingError, match=r"refused a new token \(HTTP 400\)") as error:
        Keyring(file, stub.url).management()
    assert "key" not in str(error.value).replace("key_file", "").replace("key file", "")
