"""Runs: parents and their nested children, with parameters, metrics by step, datasets, figures and models."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from drift.blocks import Floats, Reference, Rows
from drift.errors import TrackingError
from drift.quiet import quiet
from drift.tracking.found import KIND, REFERENCE_FILE, model_file, sha256_of
from drift.tracking.store import Store, mlflow_errors

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"


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

    def rename(self, name: str) -> None:
        """Give it another name."""
        with mlflow_errors(f"renaming a run to {name}"):
            self.store.client.update_run(self.id, name=name)

    def figure(self, name: str, figure: Figure) -> None:
        """Log a picture under `figures/`."""
        with mlflow_errors(f"logging figure {name}"), quiet():
            self.store.client.log_figure(self.id, figure, f"figures/{name}.png")

    def file(self, path: Path) -> None:
        """Log a file."""
        with mlflow_errors(f"logging {path.name}"), quiet():
            self.store.client.log_artifact(self.id, str(path))

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
                tags_of_origin = _origin() | all_tags
                run_id = store.client.create_run(experiment_id, run_name=name, tags=tags_of_origin).info.run_id
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


def base_run(store: Store, experiment: str, **details: Any) -> AbstractContextManager[Run]:
    """Open the parent run of a base training: the one `mlflow run` made if it fits, else a new one.

    `mlflow run` makes its run in the experiment it was told on its own command line. If that is not the experiment
    the parameters name, the run made by it is left as a stub that says where the real one is.
    """
    stub = store.project_run
    if stub is None:
        return open_run(store, experiment, **details)
    with mlflow_errors("looking at the project's run"):
        fits = store.client.get_run(stub).info.experiment_id == store.experiment_id(experiment, create=True)
    return open_run(store, experiment, run_id=stub, **details) if fits else _linked(store, experiment, **details)


def _origin() -> dict[str, str]:
    """Who runs what from where, as MLflow's own tags: its client, unlike its fluent functions, sets none."""
    from mlflow.tracking.context.registry import resolve_tags

    with quiet():
        return dict(resolve_tags())


@contextmanager
def _linked(store: Store, experiment: str, **details: Any) -> Iterator[Run]:
    with open_run(store, experiment, **details) as run:
        link_project_run(store, run.id, experiment)
        yield run


def link_project_run(store: Store, run_id: str, experiment: str) -> None:
    """Let the run that `mlflow run` made, if it made one, say which run holds what came of it."""
    if store.project_run is not None:
        tags = {
            "drift.real_run": run_id,
            "drift.real_experiment": experiment,
            "mlflow.note.content": f"What came of this is in run `{run_id}` of experiment `{experiment}`.",
        }
        with mlflow_errors("marking the project's run"):
            for key, value in tags.items():
                store.client.set_tag(store.project_run, key, value)


def to_json(value: object) -> str:
    """Compact JSON with sorted keys, for tags."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
