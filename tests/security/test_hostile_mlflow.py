"""What somebody can do who may write to MLflow and nothing else: with curl, as another user of the machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.built import FIVE_BLOCKS, MODEL, NONE_FLAGGED, QUICK_TRAINING, TRAIN_ROWS, built_once
from tests.faults.conftest import Project, TrackingServer, marks
from tests.models.test_exported_program import records_of, torch_saved, write
from tests.security.conftest import OtherUser
from tests.servers import free_port
from tests.stores import empty_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


class Attacker:
    """Writes to MLflow with curl alone, under another user id."""

    def __init__(self, user: OtherUser, url: str) -> None:
        self.user = user
        self.url = url

    def call(self, method: str, path: str, **values: object) -> Any:
        """Ask MLflow's API."""
        line = ["curl", "-sS", "-X", method, f"{self.url}{path}", "-H", "Content-Type: application/json"]
        ended = self.user.run(*line, "-d", json.dumps(values))
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout or "{}")

    def upload(self, file: Path, path: str) -> None:
        """Put a file into the artifact store."""
        ended = self.user.run(
            "curl", "-sS", "-f", "-X", "PUT", f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{path}",
            "--data-binary", f"@{file}",
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr

    def download(self, path: str, file: Path) -> Path:
        """Take a file out of it."""
        ended = self.user.run(
            "curl", "-sS", "-f", f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{path}", "-o", str(file)
        )
        assert ended.returncode == 0, ended.stderr
        return file


def served_folder(factory: pytest.TempPathFactory, temp_folder: Path) -> Path:
    """A project with a champion, and the folder of its MLflow server beside it; nobody may change them."""

    def build(folder: Path) -> None:
        for name in ("tracking", "project"):
            (folder / name).mkdir()
        empty_store(folder / "tracking", artifacts="mlflow-artifacts:/0")
        server = TrackingServer(folder / "tracking", free_port(), marks(temp_folder))
        server.start()
        try:
            own = project_of(folder, server, temp_folder)
            for words in (
                ("base", *QUICK_TRAINING, "--train_rows", str(TRAIN_ROWS)),
                ("deploy", *FIVE_BLOCKS, *NONE_FLAGGED),
            ):
                ended = own.run(*words)
                assert ended.code == 0, ended.err
        finally:
            server.kill()

    return built_once(factory, "served-by-mlflow", build)


def project_of(folder: Path, server: TrackingServer, temp_folder: Path) -> Project:
    """The project of a server, whose folder is beside it."""
    environment = marks(temp_folder) | {"MLFLOW_TRACKING_URI": server.url}
    return Project(folder / "project", MODEL, environment=environment, mlflow_file=server.folder / "mlflow.db")


@pytest.fixture
def tracking_server(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, temp_folder: Path
) -> Iterator[TrackingServer]:
    """A running MLflow server, which has the project's model."""
    shutil.copytree(served_folder(tmp_path_factory, temp_folder), tmp_path / "copy")
    server = TrackingServer(tmp_path / "copy" / "tracking", free_port(), marks(temp_folder))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def served(tmp_path: Path, temp_folder: Path, tracking_server: TrackingServer) -> Iterator[Project]:
    """A project with a champion, whose MLflow is a server that everybody can write to."""
    own = project_of(tmp_path / "copy", tracking_server, temp_folder)
    yield own
    own.close()


def forged_version(attacker: Attacker, marker: Path) -> int:
    """A version with the attacker's own digest, whose weights are a pickle; it is made champion."""
    api = "/api/2.0/mlflow"
    champion = attacker.call("GET", f"{api}/registered-models/alias?name=drift_model&alias=champion")["model_version"]
    model = attacker.call("GET", f"{api}/logged-models/{champion['source'].removeprefix('models:/')}")["model"]
    place = model["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    folder = attacker.user.folder
    original = attacker.download(f"{place}/data/model.pt2", folder / "original.pt2")
    records = records_of(original)
    config = json.loads(records["data/weights/model_weights_config.json"])
    payload = next(iter(config["config"].values()))
    payload["use_pickle"] = True
    records["data/weights/model_weights_config.json"] = json.dumps(config).encode()
    records[f"data/weights/{payload['path_name']}"] = torch_saved(Payload(marker))
    forged = write(records, folder / "model.pt2")
    forged.chmod(0o644)
    made = attacker.call(
        "POST", f"{api}/logged-models", experiment_id=model["info"]["experiment_id"], name="model",
        source_run_id=champion["run_id"],
    )["model"]["info"]  # fmt: skip
    target = made["artifact_uri"].removeprefix("mlflow-artifacts:/")
    attacker.upload(forged, f"{target}/data/model.pt2")
    for file in ("MLmodel", "extra_files/reference.npz"):
        copy = attacker.download(f"{place}/{file}", folder / Path(file).name)
        attacker.upload(copy, f"{target}/{file}")
    attacker.call("PATCH", f"{api}/logged-models/{made['model_id']}", status="LOGGED_MODEL_READY")
    digest = hashlib.sha256(forged.read_bytes()).hexdigest()
    attacker.call(
        "PATCH", f"{api}/logged-models/{made['model_id']}/tags", tags=[{"key": "drift.sha256", "value": digest}]
    )
    version = attacker.call(
        "POST", f"{api}/model-versions/create", name="drift_model", source=f"models:/{made['model_id']}",
        run_id=champion["run_id"], model_id=made["model_id"], tags=[{"key": "drift.sha256", "value": digest}],
    )["model_version"]["version"]  # fmt: skip
    attacker.call("POST", f"{api}/registered-models/alias", name="drift_model", alias="champion", version=version)
    return int(version)


def test_a_forged_version_runs_nothing_and_is_not_served(
    served: Project, other_user: OtherUser, tracking_server: TrackingServer, tmp_path: Path
) -> None:
    """The attack that ran code as the person who serves: a digest of one's own beside one's own model."""
    marker = tmp_path / "ran"
    version = forged_version(Attacker(other_user, tracking_server.url), marker)
    for command in (
        ("serve",),
        ("deploy", *FIVE_BLOCKS),
        ("retrain", *QUICK_TRAINING),
        ("accept",),
    ):
        ended = served.run(*command)
        assert ended.code == 1, (command, ended.out)
        assert f"version {version} of drift_model" in ended.error
        assert "is not known here" in ended.error or "nothing of it was run" in ended.error
    assert "drift accept" in served.run("serve").error
    assert not marker.exists()
    back = served.run("rollback")
    assert back.code in (0, 1), back.err
    assert not marker.exists()


def test_a_running_server_goes_on_with_what_it_has(
    served: Project, other_user: OtherUser, tracking_server: TrackingServer, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    serving = served.spawn("serve")
    serving.expect("Ctrl-C ends it")
    forged_version(Attacker(other_user, tracking_server.url), marker)
    serving.expect("the server goes on with the version it has")
    assert served.answering_version() == 1
    assert not marker.exists()
    serving.ctrl_c()
    assert serving.end() == 0, serving.text


def test_swapped_classes_are_noticed(served: Project, tracking_server: TrackingServer) -> None:
    """The served names were changed in the artifact store, without a word, and with them all answers."""
    (card,) = [file for file in tracking_server.folder.rglob("MLmodel") if "drift_model" not in str(file)][:1]
    told = yaml.safe_load(card.read_text())
    told["metadata"]["classes"] = told["metadata"]["classes"][::-1]
    card.write_text(yaml.safe_dump(told))
    ended = served.run("serve")
    assert ended.code == 1
    assert "is not known here" in ended.error


def test_a_base_model_from_elsewhere_has_to_be_accepted(
    served: Project, tmp_path: Path, temp_folder: Path, tracking_server: TrackingServer
) -> None:
    """Another folder's base run is the newest: it is not deployed here until a person accepts it, by the command that
    is printed. A folder that knows nothing yet accepts what it deploys first, and says so."""
    folder = tmp_path / "other"
    folder.mkdir()
    environment = marks(temp_folder) | {"MLFLOW_TRACKING_URI": tracking_server.url}
    other = Project(folder, "other_model", environment=environment)
    first = other.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED)
    assert first.code == 0, first.err
    assert "its first deployment accepts it" in " ".join(first.out.split())
    trained = other.run("base", *QUICK_TRAINING, "--train_rows", str(TRAIN_ROWS + 100))
    assert trained.code == 0, trained.err
    served.model = "fresh_model"
    refused = served.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED)
    assert refused.code == 1
    assert "is not known here" in refused.error
    words = refused.error.partition("If you know where it comes from: ")[2].split()
    accepted = served.run(*words[words.index("accept") :])
    assert accepted.code == 0, accepted.err
    assert "accepted the model of run" in accepted.out
    again = served.run("deploy", *FIVE_BLOCKS, *NONE_FLAGGED)
    assert again.code == 0, again.err
    other.close()


def test_curl_is_there() -> None:
    """The attacker's one tool."""
    assert shutil.which("curl"), "install curl: make system"
    assert subprocess.run(["curl", "--version"], capture_output=True, check=True).returncode == 0
