"""Where artifacts may lie: whoever writes to MLflow chooses no address that the login is sent to, and no folder."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from drift.data.blocks import Reference
from drift.errors import TrackingError
from drift.tracking.connection.artifacts import artifacts_of_model, require_permitted_uploads
from drift.tracking.connection.store import Store
from drift.tracking.runs.lookup import model_card, model_file, reference_file
from drift.tracking.runs.run import Run

MODEL, RUN = f"m-{'a' * 32}", "b" * 32
TOKEN = base64.urlsafe_b64encode(b"token of the user").decode()


class Heard(list[tuple[str, str | None]]):
    """Requests to a listener: path and Authorization header."""

    port = 0


@contextmanager
def listener() -> Iterator[Heard]:
    """Someone else's web server on loopback, which answers 404."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.path, self.headers.get("Authorization")))
            self.send_response(404)
            self.end_headers()

        do_PUT = do_POST = do_GET  # noqa: N815  # http.server looks for these names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("DRIFT_ARTIFACT_ROOTS", raising=False)
    with listener() as made:
        yield made


class Client:
    """MLflow's database after somebody wrote locations of their own into it."""

    def __init__(self, location: str, experiment: str = "mlflow-artifacts:/1") -> None:
        self.location, self.experiment = location, experiment

    def get_logged_model(self, _: str) -> Any:
        return SimpleNamespace(artifact_location=self.location, experiment_id="1")

    def get_run(self, _: str) -> Any:
        info = SimpleNamespace(artifact_uri=self.location, experiment_id="1")
        return SimpleNamespace(info=info, data=SimpleNamespace(tags={}))

    def get_experiment(self, _: str) -> Any:
        return SimpleNamespace(artifact_location=self.experiment)


def store_of(uri: str, location: str, experiment: str = "mlflow-artifacts:/1") -> Store:
    client: Any = Client(location, experiment)
    return Store(uri, client, None)


def read(what: str, store: Store, folder: Path) -> None:
    """Download one of the files of a model."""
    if what == "card":
        model_card(store, MODEL)
    elif what == "model":
        model_file(store, MODEL, folder)
    elif what == "reference":
        reference_file(store, RUN, folder, model_id=MODEL)
    else:
        reference_file(store, RUN, folder)


OF_STORES = {  # whether MLflow's client would send a login for the store to no host but its provider's
    "s3://bucket/1": True,
    "gs://bucket/1": True,
    "wasbs://box@account.blob.core.windows.net/1": True,
    "abfss://box@account.dfs.core.windows.net/1": True,
    "abfss://box@account.dfs.core.windows.net.evil.example/1": False,
    "abfss://box@evil.example/1": False,
    "abfss://box@127.0.0.1:{port}/1": False,
    "abfss://box@evil@account.dfs.core.windows.net/1": False,
    "r2://bucket@account.r2.cloudflarestorage.com/1": True,
    "r2://bucket@account.eu.r2.cloudflarestorage.com/1": True,
    "r2://bucket@evil.example/1": False,
    "b2://bucket@s3.us-east-1.backblazeb2.com/1": True,
    "b2://bucket@evil.example/1": False,
    "ftp://127.0.0.1:{port}/1": False,
    "sftp://evil.example/1": False,
    "hdfs://evil.example:8020/1": False,
    "viewfs://evil.example/1": False,
}

FILES = ["card", "model", "reference", "run's reference"]
ELSEWHERE = [
    "http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/evil",
    "HTTP://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/evil",
    "mlflow-artifacts://127.0.0.1:{port}/evil",
    "http://127.0.0.1:{port}\\@127.0.0.1:1/mlflow-artifacts/artifacts/evil",
    "\nhttp://127.0.0.1:{port}/mlflow-artifacts/artifacts/evil",
    "http://127.0.0.1:1@127.0.0.1:{port}/mlflow-artifacts/artifacts/evil",
    "http://[127.0.0.1:{port}/evil",
]


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("location", ELSEWHERE)
def test_no_login_is_sent_to_an_address_that_mlflow_names(
    heard: Heard, tmp_path: Path, location: str, what: str
) -> None:
    for uri in ("http://127.0.0.1:1", "https://127.0.0.1", f"sqlite:///{tmp_path}/mlflow.db"):
        with pytest.raises(TrackingError) as raised:
            read(what, store_of(uri, location.format(port=heard.port)), tmp_path / "to")
        assert "\n" not in str(raised.value)
        assert "DRIFT_ARTIFACT_ROOTS" in str(raised.value) or "cannot be read" in str(raised.value)
    assert heard == []


@pytest.mark.parametrize("location", OF_STORES)
def test_the_login_of_a_store_goes_to_its_provider_alone(
    heard: Heard, tmp_path: Path, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def repository(uri: str, tracking_uri: str) -> SimpleNamespace:
        asked.append(uri)
        return SimpleNamespace()

    there = location.format(port=heard.port)
    monkeypatch.setattr("mlflow.store.artifact.artifact_repository_registry.get_artifact_repository", repository)
    if OF_STORES[location]:
        artifacts_of_model(store_of("http://127.0.0.1:1", there), MODEL)
        require_permitted_uploads(store_of("http://127.0.0.1:1", there, there), RUN)
        assert asked == [there]
        return
    for uri in ("http://127.0.0.1:1", f"sqlite:///{tmp_path}/mlflow.db"):
        with pytest.raises(TrackingError, match="DRIFT_ARTIFACT_ROOTS"):
            artifacts_of_model(store_of(uri, there), MODEL)
        with pytest.raises(TrackingError, match="DRIFT_ARTIFACT_ROOTS"):
            require_permitted_uploads(store_of(uri, there), RUN)
    assert asked == []
    monkeypatch.setenv("DRIFT_ARTIFACT_ROOTS", there)
    artifacts_of_model(store_of("http://127.0.0.1:1", there), MODEL)


@pytest.mark.parametrize("what", FILES)
def test_the_tracking_server_and_what_the_user_allows_are_asked(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    own = f"http://127.0.0.1:{heard.port}"
    place = f"{own}/api/2.0/mlflow-artifacts/artifacts/1"
    for uri, location, roots in (
        (own, "mlflow-artifacts:/1", ""),
        (own, f"mlflow-artifacts://127.0.0.1:{heard.port}/1", ""),
        (own, place, ""),
        ("http://127.0.0.1:1", place, f"s3://bucket, {own}/"),
    ):
        monkeypatch.setenv("DRIFT_ARTIFACT_ROOTS", roots)
        heard.clear()
        with pytest.raises(TrackingError):
            read(what, store_of(uri, location), tmp_path / "to")
        assert heard, (uri, location)


@pytest.mark.parametrize("what", FILES)
def test_a_server_names_no_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    secret = tmp_path / "secret"
    (secret / "extra_files").mkdir(parents=True)
    for name in ("MLmodel", "model.pt2", "reference.npz", "extra_files/reference.npz"):
        (secret / name).write_text("{metadata: {classes: [a]}}")
    for location in (str(secret), secret.as_uri(), f"{tmp_path}/other/../secret", "runs:/x", "models:/m-1"):
        for uri in ("http://127.0.0.1:1", f"sqlite:///{tmp_path}/mlflow.db"):
            with pytest.raises(TrackingError, match="DRIFT_ARTIFACT_ROOTS"):
                read(what, store_of(uri, location, str(tmp_path)), tmp_path / "to")
    monkeypatch.setenv("DRIFT_ARTIFACT_ROOTS", str(tmp_path))
    read(what, store_of("http://127.0.0.1:1", secret.as_uri()), tmp_path / "to")


def test_a_server_that_keeps_artifacts_in_a_folder_here_is_read(tmp_path: Path) -> None:
    place = tmp_path / "my artifacts" / "1" / "models" / MODEL / "artifacts"
    place.mkdir(parents=True)
    (place / "MLmodel").write_text("{metadata: {classes: [a]}}")
    for uri in ("http://127.0.0.1:1", f"sqlite:///{tmp_path}/mlflow.db"):
        store = store_of(uri, str(place), (tmp_path / "my artifacts" / "1").as_uri())
        assert model_card(store, MODEL) == {"classes": ["a"]}


def upload(what: str, store: Store, folder: Path) -> None:
    """Upload one of what a run can hold."""
    run = Run(store, RUN, "1")
    if what == "text":
        run.text("environment/packages.txt", "numpy")
    elif what == "figure":
        run.figure("error", Figure())
    elif what == "file":
        run.file(Path(__file__))
    elif what == "folder":
        run.folder(Path(__file__).parent / "__init__.py", "figures")
    elif what == "reference":
        run.reference(Reference(np.zeros((20, 1), np.float32), np.zeros(20, np.int64), np.full((20, 2), 0.5)))
    else:
        example = np.zeros((2, 1), np.float32)
        run.model(torch.nn.Linear(1, 2), example=example, answer=np.full((2, 2), 0.5, np.float32), card={})


UPLOADS = ["text", "figure", "file", "folder", "reference", "model"]


@pytest.mark.parametrize("what", UPLOADS)
@pytest.mark.parametrize("location", ELSEWHERE)
def test_nothing_is_sent_to_an_address_that_mlflow_names(
    heard: Heard, tmp_path: Path, location: str, what: str
) -> None:
    there = location.format(port=heard.port)
    for uri in ("http://127.0.0.1:1", "https://127.0.0.1", f"sqlite:///{tmp_path}/mlflow.db"):
        for store in (store_of(uri, there), store_of(uri, "mlflow-artifacts:/1", there)):
            with pytest.raises(TrackingError) as raised:
                upload(what, store, tmp_path)
            assert "\n" not in str(raised.value)
    assert heard == []


@pytest.mark.parametrize("what", UPLOADS)
def test_a_server_names_no_folder_that_is_written_to(tmp_path: Path, what: str) -> None:
    for location, experiment in ((str(tmp_path), "mlflow-artifacts:/1"), (f"{tmp_path}/{RUN}/../x", str(tmp_path))):
        with pytest.raises(TrackingError, match="DRIFT_ARTIFACT_ROOTS"):
            upload(what, store_of("http://127.0.0.1:1", location, experiment), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/no-artifacts", "mlflow-artifacts://127.0.0.1:{port}"])
def test_a_malformed_location_is_one_line(heard: Heard, tmp_path: Path, location: str) -> None:
    for what in FILES:
        with pytest.raises(TrackingError) as raised:
            read(what, store_of(f"http://127.0.0.1:{heard.port}", location.format(port=heard.port)), tmp_path / "to")
        assert "\n" not in str(raised.value)
