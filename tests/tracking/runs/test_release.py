"""One digest over model, card and reference: a change of any of them is another release."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from drift.data.blocks import Reference
from drift.errors import ArchiveError, TrackingError, UntrustedError
from drift.models.predict import LocalPredictor
from drift.system import signing
from drift.tracking.connection.store import Store
from drift.tracking.registry import Registry
from drift.tracking.runs.lookup import sha256_of
from drift.tracking.runs.open_runs import open_run
from drift.tracking.runs.release import Release, ReleaseOrigin, download_release, release_digest
from drift.tracking.runs.run import LoggedModel

CLASSES = ("DOWN", "UP")
CARD: dict[str, Any] = {
    "feature_names": ["x", "y"],
    "classes": list(CLASSES),
    "parameters": {"width": 4, "learning_rate": 0.01},
    "fit_rows": [0, 80],
    "reference_rows": [80, 100],
    "digest": "0" * 64,
    "source": {"path": None, "label": None, "time": None, "ignore": []},
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported network of two features."""
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    torch.manual_seed(0)
    LocalPredictor(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Softmax(1))).to_file(path, width=2)
    return path


def log_release(store: Store, program: Path, *, seed: int = 0) -> tuple[str, str, Path]:
    """A logged model as `Run.model` leaves it: run, model and the folder of its artifacts."""
    client = store.client
    run = client.create_run(store.experiment_id("drift", create=True), tags={"drift.kind": "base"})
    made = client.create_logged_model(run.info.experiment_id, name="model", source_run_id=run.info.run_id)
    folder = Path(str(made.artifact_location).removeprefix("file://"))
    (folder / "data").mkdir(parents=True)
    (folder / "extra_files").mkdir()
    shutil.copy(program, folder / "data" / "model.pt2")
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {}, "metadata": CARD}))
    rng = np.random.default_rng(seed)
    reference = Reference(
        rng.normal(size=(20, 2)).astype(np.float32),
        rng.integers(0, 2, 20),
        np.full((20, 2), 0.5, np.float32),
        ("x", "y"),
        CLASSES,
    )
    reference.save(folder / "extra_files" / "reference.npz")
    client.finalize_logged_model(made.model_id, "READY")
    digest = sha256_of(program)
    client.set_logged_model_tags(made.model_id, {"drift.sha256": digest})
    for key, value in {"drift.model_id": made.model_id, "drift.sha256": digest, "drift.digest": "0" * 64}.items():
        client.set_tag(run.info.run_id, key, value)
    client.set_terminated(run.info.run_id)
    return run.info.run_id, made.model_id, folder


def register(store: Store, run_id: str, model_id: str, name: str = "m") -> int:
    """A new version of a logged model, as anybody who can write to MLflow makes one; it is champion."""
    if not store.client.search_registered_models(f"name = '{name}'"):
        store.client.create_registered_model(name)
    made = store.client.create_model_version(name, f"models:/{model_id}", run_id=run_id, model_id=model_id)
    store.client.set_registered_model_alias(name, "champion", made.version)
    return int(made.version)


def edit_card(folder: Path, **changes: object) -> None:
    """Change metadata in the artifact store, as somebody with write access can."""
    file = folder / "MLmodel"
    told = yaml.safe_load(file.read_text())
    told["metadata"] |= changes
    file.write_text(yaml.safe_dump(told))


def digest_of(store: Store, run_id: str, model_id: str, place: Path) -> str:
    place.mkdir()
    return download_release(store, model_id, run_id, place).digest


def test_the_digest_is_of_all_three_files(store: Store, program: Path, tmp_path: Path) -> None:
    run_id, model_id, folder = log_release(store, program)
    original = digest_of(store, run_id, model_id, tmp_path / "1")
    assert digest_of(store, run_id, model_id, tmp_path / "2") == original
    assert original == release_digest(sha256_of(program), CARD, sha256_of(folder / "extra_files" / "reference.npz"))
    edit_card(folder, classes=["UP", "DOWN"])
    swapped = digest_of(store, run_id, model_id, tmp_path / "3")
    edit_card(folder, classes=list(CLASSES))
    assert digest_of(store, run_id, model_id, tmp_path / "4") == original
    other = log_release(store, program, seed=1)[2]
    shutil.copy(other / "extra_files" / "reference.npz", folder / "extra_files" / "reference.npz")
    assert len({original, swapped, digest_of(store, run_id, model_id, tmp_path / "5")}) == 3


def test_the_order_of_names_in_the_card_does_not_matter() -> None:
    turned = dict(reversed(CARD.items()))
    assert release_digest("a", CARD, "b") == release_digest("a", turned, "b")
    assert release_digest("a", CARD, "b") != release_digest("b", CARD, "a")


class Asked:
    """A trust that remembers what it was asked, and refuses if told to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.origins: list[ReleaseOrigin] = []
        self.tags: list[dict[str, str]] = []

    def require(self, origin: ReleaseOrigin, release: Release, tags: Any) -> None:
        self.origins.append(origin)
        self.tags.append(dict(tags))
        if self.refuses:
            raise UntrustedError("not known")


def test_a_release_is_asked_about_once_and_kept(store: Store, program: Path) -> None:
    run_id, model_id, folder = log_release(store, program)
    store.client.set_logged_model_tags(model_id, {"drift.signature": "s"})
    number = register(store, run_id, model_id)
    trust = Asked()
    registry = Registry(store, "m", trust=trust)
    first = registry.release(registry.get(number))
    edit_card(folder, classes=["UP", "DOWN"])  # too late for this process
    assert registry.release(registry.get(number)) is first
    assert first.card["classes"] == list(CLASSES)
    assert trust.origins == [ReleaseOrigin(run_id, "m", number)]
    assert trust.tags[0]["drift.signature"] == "s"


def test_what_is_not_trusted_is_not_kept(store: Store, program: Path) -> None:
    run_id, model_id, _ = log_release(store, program)
    number = register(store, run_id, model_id)
    registry = Registry(store, "m", trust=Asked(refuses=True))
    for _ in range(2):
        with pytest.raises(ArchiveError, match="not known"):
            registry.release(registry.get(number))


def test_a_missing_reference_is_one_line(store: Store, program: Path, tmp_path: Path) -> None:
    run_id, model_id, folder = log_release(store, program)
    (folder / "extra_files" / "reference.npz").unlink()
    with pytest.raises(TrackingError, match=r"reference\.npz"):
        download_release(store, model_id, run_id, tmp_path)


def test_a_damaged_reference_is_called_damaged_and_not_unknown(store: Store, program: Path) -> None:
    run_id, model_id, folder = log_release(store, program)
    file = folder / "extra_files" / "reference.npz"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    registry = Registry(store, "m", trust=Asked(refuses=True))
    with pytest.raises(TrackingError, match=rf"reference\.npz of model {model_id} in .* is damaged \("):
        registry.release(registry.get(register(store, run_id, model_id)))


class Affine(torch.nn.Module):
    """A network that can be exported."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(2, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.dense(rows), 1)


def log(store: Store) -> LoggedModel:
    """Log a model as a training does."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20, 2)).astype(np.float32)
    probabilities = np.full((20, 2), 0.5, np.float32)
    reference = Reference(features, rng.integers(0, 2, 20), probabilities, ("x", "y"), CLASSES)
    with open_run(store, "drift", name="base", kind="base") as run:
        return run.model(
            Affine(), example=features[:4], answer=probabilities[:4], card=CARD | {"fit_rows": (0, 80)},
            reference=reference,
        )  # fmt: skip


def test_the_digest_of_a_training_is_that_of_the_files_before_they_leave_it(store: Store, tmp_path: Path) -> None:
    model = log(store)
    found = download_release(store, model.model_id, "", tmp_path)
    assert (found.digest, found.model_sha256) == (model.release, model.sha256)


@pytest.mark.parametrize("file", ["MLmodel", "model.pt2", "reference.npz"])
def test_files_that_were_changed_on_their_way_are_neither_known_nor_signed(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str
) -> None:
    """Whoever runs MLflow gives back what they like: what was trained is not asked of them."""
    monkeypatch.setenv("DRIFT_KEYS", str(tmp_path / "keys"))
    signing.new_key("victim")
    signed: list[str] = []
    monkeypatch.setattr("drift.tracking.runs.run.sign", signed.append)
    uploaded = type(store.client).log_model_artifacts

    def upload(client: Any, model_id: str, local_dir: str, *more: Any, **named: Any) -> Any:
        done = uploaded(client, model_id, local_dir, *more, **named)
        folder = Path(str(client.get_logged_model(model_id).artifact_location).removeprefix("file://"))
        (path,) = folder.rglob(file)
        content = path.read_bytes()
        path.write_bytes(content.replace(b"- DOWN\n  - UP", b"- UP\n  - DOWN") if file == "MLmodel" else content + b"x")
        return done

    monkeypatch.setattr(type(store.client), "log_model_artifacts", upload)
    with pytest.raises(TrackingError, match="is not what was logged"):
        log(store)
    assert signed == []
