"""The client against a stub: what it sends, what it tries again, what it refuses."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from drift.data.blocks import Floats
from drift.errors import NoAnswerError, PredictionError, ServerError
from drift.serving.torchserve.client import TorchServeClient
from drift.serving.torchserve.keys import Keyring, NoTokens
from tests.serving.conftest import Stub
from tests.serving.torchserve.test_keys import write_keys

Reply = tuple[int, dict[str, str], bytes]
WORKER_DIED: Reply = (500, {}, b'{"code": 500, "type": "InternalServerException", "message": "Worker died."}')
BAD_KEY: Reply = (400, {}, b'{"code": 400, "type": "InvalidKeyException", "message": "Token Authorization failed."}')
REFUSED: Reply = (400, {}, b'{"code": 400, "type": "RefusedInput", "message": "expected 4 features, got 3"}')
TOO_LARGE: Reply = (413, {}, b'{"code": 413, "type": "RequestEntityTooLargeException", "message": ""}')


def probabilities(array: NDArray[Any], version: int = 3) -> Reply:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return 200, {"Content-Type": "application/x-npy", "x-model-version": str(version)}, buffer.getvalue()


GOOD = probabilities(np.full((20, 2), 0.5, np.float32))


@pytest.fixture
def client(stub: Stub, tmp_path: Path) -> TorchServeClient:
    keyring = Keyring(write_keys(tmp_path), stub.url)
    return TorchServeClient(stub.url, keyring, "tiny", deadline_seconds=120.0)


def test_it_sends_npy_with_a_token_and_reads_the_version(client: TorchServeClient, stub: Stub, rows: Floats) -> None:
    stub.script = [GOOD]
    answer = client.predict(rows)
    ((path, headers, body),) = stub.asked
    assert (path, headers["Content-Type"]) == ("/predictions/tiny", "application/x-npy")
    assert headers["Authorization"] == "Bearer inference-key"
    np.testing.assert_array_equal(np.load(io.BytesIO(body)), rows)
    assert answer.version == 3
    assert answer.probabilities.tolist() == [[0.5, 0.5]] * 20


def test_json_is_the_same_in_words(stub: Stub, tmp_path: Path, rows: Floats) -> None:
    told = json.dumps({"probabilities": [[0.25, 0.75]] * 20, "classes": ["a", "b"], "version": 4}).encode()
    stub.script = [(200, {"Content-Type": "application/json", "x-model-version": "4"}, told)]
    keyring = Keyring(write_keys(tmp_path), stub.url)
    answer = TorchServeClient(stub.url, keyring, "tiny", format="json").predict(rows)
    path, _, body = stub.asked[0]
    assert path == "/predictions/tiny"
    np.testing.assert_array_equal(np.array(json.loads(body)["rows"], np.float32), rows)
    assert answer.probabilities.dtype == np.float32
    assert answer.probabilities[0].tolist() == [0.25, 0.75]


def test_many_rows_go_in_several_requests(
    client: TorchServeClient, stub: Stub, rows: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server holds the whole body before it looks at the token, so it takes little at a time."""
    monkeypatch.setattr("drift.serving.torchserve.client.PART_BYTES", 4 * rows.shape[1] * 8)
    parts = [np.full((count, 2), value, np.float32) for count, value in ((8, 0.1), (8, 0.2), (4, 0.3))]
    stub.script = [probabilities(part) for part in parts]
    answer = client.predict(rows)
    np.testing.assert_array_equal(answer.probabilities, np.concatenate(parts))
    sent = [np.load(io.BytesIO(body)) for _, _, body in stub.asked]
    assert [len(part) for part in sent] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate(sent), rows)


def test_all_parts_are_answered_by_one_version(
    client: TorchServeClient, stub: Stub, rows: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drift.serving.torchserve.client.PART_BYTES", 4 * rows.shape[1] * 10)
    half = np.full((10, 2), 0.5, np.float32)
    stub.script = [probabilities(half, version) for version in (3, 4, 4, 4)]
    assert client.predict(rows).version == 4
    assert len(stub.asked) == 4
    stub.script = [probabilities(half, version) for version in (3, 4) * 4]
    with pytest.raises(PredictionError, match="changed its version"):
        client.predict(rows)


def test_what_may_pass_is_tried_again(client: TorchServeClient, stub: Stub, rows: Floats) -> None:
    stub.script = [WORKER_DIED, (503, {}, b"no worker"), GOOD]
    assert client.predict(rows).version == 3
    assert len(stub.asked) == 3


def test_trying_again_has_one_deadline(
    stub: Stub, tmp_path: Path, rows: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []  # by a clock that only pauses move
    clock = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr("drift.serving.torchserve.client.time", clock)
    stub.script = [WORKER_DIED]
    keyring = Keyring(write_keys(tmp_path), stub.url)
    with pytest.raises(ServerError, match=r"no answer within 20 s: HTTP 500: Worker died\."):
        TorchServeClient(stub.url, keyring, "tiny", deadline_seconds=20.0).predict(rows)
    assert 10 < sum(pauses) <= 20
    assert len(stub.asked) == len(pauses) + 1 > 3


def test_a_server_that_is_away_is_an_error_in_time(tmp_path: Path, rows: Floats) -> None:
    keyring = Keyring(write_keys(tmp_path), "http://127.0.0.1:9")
    client = TorchServeClient("http://127.0.0.1:9", keyring, "tiny", deadline_seconds=0.3)
    with pytest.raises(ServerError, match="no answer within 0 s"):
        client.predict(rows)


def test_a_rotated_token_is_read_again_once(client: TorchServeClient, stub: Stub, rows: Floats) -> None:
    stub.script = [BAD_KEY, GOOD]
    assert client.predict(rows).version == 3
    stub.script = [BAD_KEY]
    with pytest.raises(PredictionError, match="HTTP 400: Token Authorization failed"):
        client.predict(rows)
    assert len(stub.asked) == 4


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (REFUSED, r"^expected 4 features, got 3$"),
        (TOO_LARGE, "use a smaller block"),
        ((404, {}, b'{"code": 404, "type": "ModelNotFound", "message": "Model not found"}'), "HTTP 404"),
        (probabilities(np.full((19, 2), 0.5, np.float32)), r"of 20 rows .*got float32 of shape \(19, 2\)"),
        (probabilities(np.full((20, 2), np.nan, np.float32)), "expected finite"),
        (probabilities(np.full((20, 2), 0.5, np.float64)), "got float64"),
        ((200, {"Content-Type": "application/x-npy", "x-model-version": "1"}, b"junk"), "no probabilities"),
        ((200, {}, b"[1, 2]"), "no probabilities and version"),
        ((200, GOOD[1] | {"x-model-version": "three"}, GOOD[2]), "no probabilities and version"),
    ],
)
def test_what_will_not_pass_is_raised_at_once(
    client: TorchServeClient, stub: Stub, rows: Floats, reply: Reply, message: str
) -> None:
    stub.script = [reply]
    with pytest.raises(PredictionError, match=message):
        client.predict(rows)
    assert len(stub.asked) == 1


def test_a_server_that_hangs_is_started_again_once(tmp_path: Path) -> None:
    """The last error says that it did not help; no text of another library in it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        restarts: list[float] = []

        def restart(began: float) -> bool:
            restarts.append(began)
            return True

        client = TorchServeClient(
            url, NoTokens(tmp_path / "key_file.json", url), "tiny", deadline_seconds=0.3, restart=restart
        )
        with pytest.raises(NoAnswerError, match="within 0 s: it hangs, or is too busy; it was started again") as error:
            client.predict(np.zeros((1, 4), np.float32))
    assert len(restarts) == 1
    assert "HTTPConnectionPool" not in str(error.value)
