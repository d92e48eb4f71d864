"""Look up what is in MLflow: runs by kind and tag, and the references, files and cards of logged models."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from drift.data.array_files import require_small
from drift.data.blocks import Reference
from drift.errors import TrackingError
from drift.system.quiet import quiet
from drift.system.streams import one_line
from drift.tracking.connection.addresses import MODEL_ID, RUN_ID, require_run_id
from drift.tracking.connection.artifacts import (
    artifacts_of_model,
    artifacts_of_run,
    damage_errors,
    missing_errors,
    missing_file,
    require_plain_yaml,
)
from drift.tracking.connection.store import Store, all_pages, ignored_errors, mlflow_errors

KIND = "drift.kind"  # base, retrain, trial or deployment
REFERENCE_FILE = "reference.npz"
REFERENCE_PLACE = "the artifacts of the model or its run"
MODEL_FILE = "model.pt2"  # the exported network
CARD_FILE = "MLmodel"
EXTRA_FILES = "extra_files"  # MLflow's name for the folder in a logged model that holds more than the model


@dataclass(frozen=True)
class RunRecord:
    """A run as a search returns it.

    Attributes:
        id: of the run.
        status: RUNNING, FINISHED, FAILED or KILLED.
        metrics: last values by name.
        params: by name.
        tags: by name.
        experiment_id: of its experiment.
    """

    id: str
    status: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    experiment_id: str = ""


def find_runs(store: Store, experiment: str, *, kind: str, **tags: str) -> list[RunRecord]:
    """Runs of one kind in an experiment, newest first."""
    return _search(store, [store.experiment_id(experiment)], f"experiment {experiment!r}", kind, tags)


def find_runs_everywhere(store: Store, *, kind: str, **tags: str) -> list[RunRecord]:
    """Runs of one kind in all experiments that were not deleted, newest first."""
    with mlflow_errors("listing experiments"):
        ids = [str(experiment.experiment_id) for experiment in all_pages(store.client.search_experiments)]
    return _search(store, ids, "all experiments", kind, tags)


def _search(store: Store, ids: list[str], where: str, kind: str, tags: Mapping[str, str]) -> list[RunRecord]:
    clauses = [f"tags.`{KIND}` = '{kind}'"] + [f"tags.`drift.{key}` = '{value}'" for key, value in tags.items()]
    newest_first = {"order_by": ["attributes.start_time DESC"]}
    with mlflow_errors(f"searching runs of {where}"):
        runs = all_pages(store.client.search_runs, ids, " and ".join(clauses), **newest_first)
        return [_record_of(run) for run in runs if RUN_ID.fullmatch(run.info.run_id)]  # others MLflow did not make


def get_run(store: Store, run_id: str) -> RunRecord:
    """One run by its id."""
    with mlflow_errors(f"reading run {run_id}"):
        return _record_of(store.client.get_run(require_run_id(run_id)))


def _record_of(run: Any) -> RunRecord:
    info, data = run.info, run.data
    params, tags = ({key: one_line(text) for key, text in texts.items()} for texts in (data.params, data.tags))
    return RunRecord(info.run_id, info.status, data.metrics, params, tags, str(info.experiment_id))


def experiment_of(store: Store, run_id: str) -> str:
    """The name of the experiment that a run lives in, in one line whatever MLflow's database holds."""
    with mlflow_errors(f"reading run {run_id}"):
        return one_line(str(store.client.get_experiment(store.client.get_run(run_id).info.experiment_id).name))


def end_forgotten(store: Store, experiment: str, **tags: str) -> list[str]:
    """Mark as KILLED what an earlier process left RUNNING (trials and retrains with these tags); returns their ids."""
    forgotten = [
        run
        for kind in ("trial", "retrain", "retrain_parent")
        for run in find_runs(store, experiment, kind=kind, **tags)
        if run.status == "RUNNING"
    ]
    with mlflow_errors("ending forgotten runs"):
        for run in forgotten:
            store.client.set_terminated(run.id, status="KILLED")
    return [run.id for run in forgotten]


def load_reference(store: Store, run_id: str, folder: Path) -> Reference:
    """The reference that was logged with the model of a run; arguments as in `reference_file`."""
    return read_reference(reference_file(store, run_id, folder), f"the model of run {run_id}")


def read_reference(path: Path, model: str) -> Reference:
    """Read a downloaded reference.

    Args:
        path: of the file.
        model: whose it is, in words, for an error.

    Raises:
        TrackingError: it is damaged.
    """
    with damage_errors(REFERENCE_FILE, model, REFERENCE_PLACE):
        return Reference.load(path)


def require_whole_reference(path: Path, model_id: str) -> None:
    """Raise `TrackingError` if a downloaded reference is damaged; its parts are read, and none is kept in memory."""
    with damage_errors(REFERENCE_FILE, f"model {model_id}", REFERENCE_PLACE):
        require_small(path)
        with zipfile.ZipFile(path) as archive:
            if (wrong := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"{wrong} is not as it was written")


def reference_file(store: Store, run_id: str, folder: Path, *, model_id: str | None = None) -> Path:
    """Download the reference that was logged with a model.

    Args:
        store: MLflow.
        run_id: of the run that trained the model; models of older versions of this package left their reference there.
        folder: to download into.
        model_id: of the logged model, which holds its reference even after its run was deleted; None reads the run's
            tag.

    Raises:
        TrackingError: it is missing, or MLflow does not answer.
    """
    if model_id is None:
        with mlflow_errors(f"reading run {run_id}"):
            model_id = str(store.client.get_run(run_id).data.tags.get("drift.model_id", ""))
    path = _reference_of_model(store, model_id, folder) if model_id else None
    model = f"model {model_id}" if model_id else f"the model of run {run_id}"
    if path is None:
        with mlflow_errors("reading the reference"), quiet(), missing_errors(REFERENCE_FILE, model, REFERENCE_PLACE):
            path = artifacts_of_run(store, run_id).download(REFERENCE_FILE, folder)
    return path


def _reference_of_model(store: Store, model_id: str, folder: Path) -> Path | None:
    reading = mlflow_errors(f"reading the reference of model {model_id}")
    with reading, quiet(), ignored_errors("RESOURCE_DOES_NOT_EXIST"):
        artifacts = artifacts_of_model(store, model_id)
        if REFERENCE_FILE in artifacts.names(EXTRA_FILES):
            return artifacts.download(f"{EXTRA_FILES}/{REFERENCE_FILE}", folder)
    return None


def model_file(store: Store, model_id: str, folder: Path) -> Path:
    """Download the exported network (.pt2) of a logged model into `folder`."""
    with mlflow_errors(f"downloading model {model_id}"), quiet():
        artifacts = artifacts_of_model(store, model_id)
        place = artifacts.location
        with missing_errors(MODEL_FILE, f"model {model_id}", place):
            files = [file for file in artifacts.sizes("") if PurePosixPath(file).name == MODEL_FILE]
            if not files:
                raise missing_file(MODEL_FILE, f"model {model_id}", place)
            if len(files) != 1:
                raise TrackingError(
                    f"model {model_id} holds {len(files)} files {MODEL_FILE}, expected 1: was it logged by this"
                    " project?"
                )
            return artifacts.download(files[0], folder)


def model_card(store: Store, model_id: str) -> dict[str, Any]:
    """The card that was logged with a model."""
    import mlflow

    with mlflow_errors(f"reading model {model_id}"), quiet(), tempfile.TemporaryDirectory() as folder:
        artifacts, model = artifacts_of_model(store, model_id), f"model {model_id}"
        place = artifacts.location
        with missing_errors(CARD_FILE, model, place):
            path = artifacts.download(CARD_FILE, Path(folder))
        with damage_errors(CARD_FILE, model, place):
            require_plain_yaml(path)
            metadata = mlflow.models.Model.load(str(path)).metadata
            json.dumps(metadata)  # of plain values, which a digest is taken of: no dates, no sets
    if not metadata or "classes" not in metadata:
        raise TrackingError(f"model {model_id} has no card: it was not logged by this project")
    return dict(metadata)


def logged_tags(store: Store, model_id: str) -> dict[str, str]:
    """Tags of a logged model; none for what is no logged model."""
    if MODEL_ID.fullmatch(model_id):
        with mlflow_errors(f"reading model {model_id}"), ignored_errors("RESOURCE_DOES_NOT_EXIST"):
            return dict(store.client.get_logged_model(model_id).tags)
    return {}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
