"""Versions that were registered in MLflow's page, without the tags that this package gives a version."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from drift.errors import ArchiveError, TrackingError
from drift.invocation import typed_command
from drift.tracking.connection.store import Store
from drift.tracking.registry import Registry

CONTENT = b"an exported network"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def logged_model(store: Store, **tags: str) -> tuple[str, str]:
    """A logged model with a network's file: its id and the place of its artifacts."""
    client = store.client
    made = client.create_logged_model(store.experiment_id("drift", create=True), name="model", tags=tags)
    folder = Path(str(made.artifact_location).removeprefix("file://"))
    (folder / "data").mkdir(parents=True)
    (folder / "extra_files").mkdir()
    (folder / "MLmodel").write_text("flavors: {}\nmetadata: {classes: [a, b]}\n")
    (folder / "extra_files" / "reference.npz").write_bytes(b"a reference")
    (folder / "data" / "model.pt2").write_bytes(CONTENT)
    client.finalize_logged_model(made.model_id, "READY")
    return str(made.model_id), str(made.artifact_location)


def register(store: Store, source: str, name: str = "m") -> Registry:
    """What MLflow's page does."""
    if not store.client.search_registered_models(f"name = '{name}'"):
        store.client.create_registered_model(name)
    version = store.client.create_model_version(name, source)
    store.client.set_registered_model_alias(name, "champion", version.version)
    return Registry(store, name)


@pytest.mark.parametrize("by", ["id", "artifacts", "copy"])
def test_a_version_without_tags_has_the_digest_of_its_model(store: Store, by: str) -> None:
    """Registered from the logged model, from its artifacts, or copied from a version of another name."""
    model_id, place = logged_model(store, **{"drift.sha256": DIGEST})
    registry = register(store, place if by == "artifacts" else f"models:/{model_id}")
    if by == "copy":
        registry = register(store, "models:/m/1", "copy")
    champion = registry.champion()
    assert (champion.model_id, champion.sha256, dict(champion.tags)) == (model_id, DIGEST, {})
    assert registry.versions() == [champion]
    assert registry.release(champion).model_file.read_bytes() == CONTENT


def test_a_changed_file_is_still_refused(store: Store) -> None:
    model_id, place = logged_model(store, **{"drift.sha256": DIGEST})
    registry = register(store, f"models:/{model_id}")
    (Path(place.removeprefix("file://")) / "data" / "model.pt2").write_bytes(CONTENT + b"x")
    with pytest.raises(ArchiveError, match="is not the file that was logged"):
        registry.release(registry.champion())


@pytest.mark.parametrize("logged", [True, False])
def test_what_another_program_logged_has_no_digest(store: Store, tmp_path: Path, logged: bool) -> None:
    """Not called tampered with: nothing is known of what it was."""
    registry = register(store, f"models:/{logged_model(store)[0]}" if logged else str(tmp_path))
    champion = registry.champion()
    assert champion.sha256 == ""
    with pytest.raises(ArchiveError, match="version 1 of m has no digest: it was not logged by this project") as error:
        registry.release(champion)
    assert "changed" not in str(error.value)
    assert "register a model that drift base or drift retrain logged" in str(error.value)


def test_where_only_another_model_is_registered_the_command_is_given_with_its_name(store: Store) -> None:
    model_id, _ = logged_model(store)
    register(store, f"models:/{model_id}", "shop_model")
    missing = Registry(store, "drift_model")
    assert missing.first_step() == "there is shop_model: drift status --register_model_name shop_model"
    with typed_command("retrain", {"total_trials": 3}), pytest.raises(TrackingError) as error:
        missing.champion()
    command = "drift retrain --total_trials 3 --register_model_name shop_model"
    assert str(error.value).endswith(f"; there is shop_model: {command}")
    register(store, f"models:/{model_id}", "drift_model")
    store.client.create_registered_model("never promoted")
    with typed_command("serve", {"register_model_name": "never promoted"}):
        step = Registry(store, "never promoted").first_step()
    assert step == "there are drift_model and shop_model: drift serve"


def test_a_model_with_versions_and_no_champion_is_not_taken_for_a_wrong_name(store: Store) -> None:
    model_id, _ = logged_model(store)
    register(store, f"models:/{model_id}", "shop_model")
    own = register(store, f"models:/{model_id}", "own")
    own.unpoint("champion")
    assert own.first_step() == "train a base model first: drift base --mlflow_experiment_name drift"
