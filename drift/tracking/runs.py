"""Runs: parents and their nested children, with parameters, metrics by step, datasets, figures and models."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from drift.blocks import Floats, Reference, Rows
from drift.errors import TrackingError
from drift.quiet import quiet
from drift.tracking.store import Store, mlflow_errors

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
KIND = "drift.kind"  # base, retrain, trial or deployment
REFERENCE_FILE = "reference.npz"


@dataclass(frozen=True)
class Metric:
    """One point of a metric."""

    key: str
    value: float
    step: int = 0
    milliseconds: int | None = None  # since the epoch; now if None


@dataclass(frozen=True)
class LoggedModel:
    """A model in MLflow, and the digest of the one file in it that is served."""

    model_id: str
    sha256: str  # of model.pt2


class Run:
    """One MLflow run; every call is one request."""

    def __init__(self, store: Store, run_id: str, experiment_id: str) -> None:
        self.store = store
        self.id = run_id
        self.experiment_id = experiment_id

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters; those that `mlflow run` logged already are left as they are."""
        from mlflow.entities import Param

        with mlflow_errors("logging parameters"):
            known = self.store.client.get_run(self.id).data.params
            new = [Param(key, str(value)) for key, value in values.items() if key not in known]
            self.store.client.log_batch(self.id, params=new)

    def metrics(self, points: Sequence[Metric]) -> None:
        """Log many points in one request. A point logged twice is kept once if its time is given."""
        from mlflow.entities import Metric as Point

        now = int(time() * 1000)
        with mlflow_errors("logging metrics"):
            for start in range(0, len(points), 1000):
                part = points[start : start + 1000]
                self.store.client.log_batch(
                    self.id, metrics=[Point(p.key, p.value, p.milliseconds or now, p.step) for p in part]
                )

    def tag(self, **values: object) -> None:
        """Set tags called `drift.<name>`."""
        from mlflow.entities import RunTag

        with mlflow_errors("setting tags"):
            self.store.client.log_batch(self.id, tags=[RunTag(f"drift.{k}", str(v)) for k, v in values.items()])

    def figure(self, name: str, figure: Figure) -> None:
        """Log a picture under `figures/`."""
        with mlflow_errors(f"logging figure {name}"), quiet():
            self.store.client.log_figure(self.id, figure, f"figures/{name}.png")

    def file(self, path: Path, folder: str | None = None) -> None:
        """Log a file."""
        with mlflow_errors(f"logging {path.name}"), quiet():
            self.store.client.log_artifact(self.id, str(path), folder)

    def dataset(self, rows: Rows, *, name: str, source: str, context: str, digest: str) -> None:
        """Log which rows were used, by their digest (the first 32 of its 64 hex digits: MLflow allows no more)."""
        with mlflow_errors("logging the dataset"), quiet():
            from mlflow.data.code_dataset_source import CodeDatasetSource
            from mlflow.data.numpy_dataset import NumpyDataset
            from mlflow.entities import DatasetInput, InputTag

            data = NumpyDataset(
                rows.features,
                source=CodeDatasetSource({"drift.source": source}),
                targets=rows.labels,
                name=name,
                digest=digest[:32],
            )
            tag = InputTag("mlflow.data.context", context)
            self.store.client.log_inputs(self.id, [DatasetInput(data._to_mlflow_entity(), [tag])])

    def reference(self, reference: Reference) -> None:
        """Log the rows that later blocks are judged against."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / REFERENCE_FILE
            reference.save(path)
            self.file(path)

    def model(self, net: torch.nn.Module, *, example: Floats, answer: Floats, card: Mapping[str, Any]) -> LoggedModel:
        """Log an exported model (pt2) with signature, example and card.

        Args:
            net: maps (n, d) float32 to (n, classes); exported in evaluation mode, for any n.
            example: two rows or more (one row would fix n at 1 in the export).
            answer: the model's probabilities for the example.
            card: what a reader of the model must know; kept in the model's own metadata.
        """
        if len(example) < 2:
            raise TrackingError(f"expected an example of 2 rows or more, got {len(example)}")
        with mlflow_errors("logging the model"), quiet():
            import mlflow
            import mlflow.pytorch
            import torch
            from mlflow.models import infer_signature

            with mlflow.start_run(run_id=self.id):
                info = mlflow.pytorch.log_model(
                    net.eval(),
                    name="model",
                    input_example=example,
                    signature=infer_signature(example, answer),
                    metadata=dict(card),
                    pip_requirements=[f"torch=={torch.__version__.split('+')[0]}", "numpy"],
                )
            with tempfile.TemporaryDirectory() as folder:
                digest = sha256_of(model_file(self.store, info.model_id, Path(folder)))
            self.store.client.set_logged_model_tags(info.model_id, {"drift.sha256": digest})
        return LoggedModel(info.model_id, digest)


@contextmanager
def open_run(
    store: Store,
    experiment: str,
    *,
    name: str,
    kind: str,
    parent: str | None = None,
    run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> Iterator[Run]:
    """A run that ends FINISHED, FAILED after an error, or KILLED after an interruption.

    Args:
        store: where.
        experiment: its name; made if it is new.
        name: as MLflow's UI shows it.
        kind: base, retrain, trial or deployment.
        parent: run id of the parent, for a nested child.
        run_id: go on with this run instead of making one.
        tags: further tags, called `drift.<name>`.
    """
    experiment_id = store.experiment_id(experiment, create=True)
    all_tags = {NAME: name, KIND: kind} | {f"drift.{k}": str(v) for k, v in (tags or {}).items()}
    if parent:
        all_tags[PARENT] = parent
    try:
        with mlflow_errors(f"starting run {name}"):
            if run_id is None:
                run_id = store.client.create_run(experiment_id, run_name=name, tags=all_tags).info.run_id
            else:
                store.client.update_run(run_id, status="RUNNING")
                for key, value in all_tags.items():
                    store.client.set_tag(run_id, key, value)
        yield Run(store, str(run_id), experiment_id)
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        if run_id is not None:
            with suppress(Exception), quiet():  # the first error is the one to tell; a later resume ends this run
                store.client.set_terminated(run_id, status=status)
        raise
    with mlflow_errors(f"ending run {name}"):
        store.client.set_terminated(run_id)


def base_run(store: Store, experiment: str, **details: Any) -> Any:
    """Open the parent run of a base training: the one `mlflow run` made if it fits, else a new one.

    `mlflow run` makes its run in the experiment it was told on its own command line. If that is not the experiment
    the parameters name, the run made by it is left as a stub that says where the real one is.
    """
    stub = store.project_run
    if stub is None:
        return open_run(store, experiment, **details)
    with mlflow_errors("looking at the project's run"):
        fits = store.client.get_run(stub).info.experiment_id == store.experiment_id(experiment, create=True)
    return open_run(store, experiment, run_id=stub, **details) if fits else _beside(store, stub, experiment, **details)


@contextmanager
def _beside(store: Store, stub: str, experiment: str, **details: Any) -> Iterator[Run]:
    with open_run(store, experiment, **details) as run:
        with mlflow_errors("marking the project's run"):
            store.client.set_tag(stub, "drift.real_run", run.id)
            store.client.set_tag(stub, "drift.real_experiment", experiment)
        yield run


@dataclass(frozen=True)
class FoundRun:
    """A run as a search returns it."""

    id: str
    status: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


def find_runs(
    store: Store, experiment: str, *, kind: str, order: str = "attributes.start_time DESC", **tags: str
) -> list[FoundRun]:
    """Runs of one kind in an experiment, newest first unless told otherwise."""
    clauses = [f"tags.`{KIND}` = '{kind}'"] + [f"tags.`drift.{key}` = '{value}'" for key, value in tags.items()]
    with mlflow_errors(f"searching runs of experiment {experiment!r}"):
        runs = store.client.search_runs([store.experiment_id(experiment)], " and ".join(clauses), order_by=[order])
    return [_found(run) for run in runs]


def get_run(store: Store, run_id: str) -> FoundRun:
    """One run by its id."""
    with mlflow_errors(f"reading run {run_id}"):
        return _found(store.client.get_run(run_id))


def _found(run: Any) -> FoundRun:
    return FoundRun(run.info.run_id, run.info.status, run.data.metrics, run.data.params, run.data.tags)


def experiment_of(store: Store, run_id: str) -> str:
    """The name of the experiment that a run lives in."""
    with mlflow_errors(f"reading run {run_id}"):
        return str(store.client.get_experiment(store.client.get_run(run_id).info.experiment_id).name)


def end_forgotten(store: Store, experiment: str, **tags: str) -> int:
    """Mark as KILLED what an earlier process left RUNNING (trials and retrains with these tags); returns how many."""
    forgotten = [
        run
        for kind in ("trial", "retrain", "retrain_parent")
        for run in find_runs(store, experiment, kind=kind, **tags)
        if run.status == "RUNNING"
    ]
    with mlflow_errors("ending forgotten runs"):
        for run in forgotten:
            store.client.set_terminated(run.id, status="KILLED")
    return len(forgotten)


def load_reference(store: Store, run_id: str, folder: Path) -> Reference:
    """The reference that `Run.reference` logged."""
    with mlflow_errors("reading the reference"), quiet():
        path = store.client.download_artifacts(run_id, REFERENCE_FILE, str(folder))
    return Reference.load(Path(path))


def model_file(store: Store, model_id: str, folder: Path) -> Path:
    """Download the exported network (.pt2) of a logged model into `folder`."""
    import mlflow

    with mlflow_errors(f"downloading model {model_id}"), quiet():
        path = mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(folder), tracking_uri=store.uri)
    found = sorted(Path(path).rglob("model.pt2"))
    if len(found) != 1:
        raise TrackingError(
            f"model {model_id} holds {len(found)} files model.pt2, expected 1: was it logged by this project?"
        )
    return found[0]


def model_card(store: Store, model_id: str) -> dict[str, Any]:
    """The card that was logged with a model."""
    import mlflow

    with mlflow_errors(f"reading model {model_id}"), quiet(), tempfile.TemporaryDirectory() as folder:
        uri = f"{store.client.get_logged_model(model_id).artifact_location}/MLmodel"
        path = mlflow.artifacts.download_artifacts(uri, dst_path=folder, tracking_uri=store.uri)
        metadata = mlflow.models.Model.load(path).metadata
    if not metadata or "classes" not in metadata:
        raise TrackingError(f"model {model_id} has no card: it was not logged by this project")
    return dict(metadata)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def to_json(value: object) -> str:
    """Compact JSON with sorted keys, for tags."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
