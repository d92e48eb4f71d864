"""One MLflow run, as what is logged into it: parameters, metrics by step, data sets, figures and models."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from drift.data.blocks import Floats, Reference, Table
from drift.errors import TrackingError
from drift.system.quiet import quiet
from drift.system.signing import sign
from drift.tracking.connection.artifacts import require_permitted_uploads
from drift.tracking.connection.store import Store, mlflow_errors
from drift.tracking.runs.lookup import MODEL_FILE, REFERENCE_FILE, model_file, sha256_of
from drift.tracking.runs.machine import SystemSample, environment, installed_packages
from drift.tracking.runs.release import RELEASE, download_release, release_digest

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

NOTE = "mlflow.note.content"  # the description in MLflow's UI
LARGEST_BATCH = 1000  # points in one request of MLflow
LARGEST_PARAMS = 100  # parameters in one request of MLflow


@dataclass(frozen=True)
class LoggedMetric:
    """One point of a metric.

    Attributes:
        key: its name.
        value: of the metric.
        step: such as the index of a block.
        milliseconds: since the epoch; now if None.
    """

    key: str
    value: float
    step: int = 0
    milliseconds: int | None = None


@dataclass(frozen=True)
class LoggedModel:
    """A model in MLflow, and its digests as they were when it was logged.

    Attributes:
        model_id: in MLflow.
        sha256: of model.pt2, 64 hex digits.
        release: over model, card and reference (see `release`), 64 hex digits; empty for a model without a reference,
            or of an older version of this package.
    """

    model_id: str
    sha256: str
    release: str = ""


class Run:
    """One MLflow run; every call is one request."""

    def __init__(self, store: Store, run_id: str, experiment_id: str) -> None:
        self.store = store
        self.id = run_id
        self.experiment_id = experiment_id
        self._uploads_permitted = False  # whether its location was looked at

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters; those that `mlflow run` logged already are left as they are."""
        from mlflow.entities import Param

        with mlflow_errors("logging parameters"):
            known = self.store.client.get_run(self.id).data.params
            new = [Param(key, str(value)) for key, value in values.items() if key not in known]
            for start in range(0, len(new), LARGEST_PARAMS):
                self.store.client.log_batch(self.id, params=new[start : start + LARGEST_PARAMS])

    def metrics(self, points: Sequence[LoggedMetric]) -> None:
        """Log many points in one request. A point logged twice is kept once if its time is given."""
        from mlflow.entities import Metric

        now = int(time() * 1000)
        with mlflow_errors("logging metrics"):
            for start in range(0, len(points), LARGEST_BATCH):
                part = points[start : start + LARGEST_BATCH]
                self.store.client.log_batch(
                    self.id, metrics=[Metric(p.key, p.value, p.milliseconds or now, p.step) for p in part]
                )

    def batch(self, params: Mapping[str, object], points: Sequence[LoggedMetric], description: str) -> None:
        """Log parameters, metrics and the description in one request, of a run that has no parameters yet.

        Args:
            params: 100 at most.
            points: those that do not fit into the request follow in others.
            description: in Markdown.
        """
        from mlflow.entities import Metric, Param, RunTag

        now, most = int(time() * 1000), LARGEST_BATCH - LARGEST_PARAMS - 1
        with mlflow_errors("logging a run"):
            self.store.client.log_batch(
                self.id,
                metrics=[Metric(p.key, p.value, p.milliseconds or now, p.step) for p in points[:most]],
                params=[Param(key, str(value)) for key, value in params.items()],
                tags=[RunTag(NOTE, description)],
            )
        self.metrics(points[most:])

    def tag(self, **values: object) -> None:
        """Set tags called `drift.<name>`."""
        from mlflow.entities import RunTag

        with mlflow_errors("setting tags"):
            self.store.client.log_batch(self.id, tags=[RunTag(f"drift.{k}", str(v)) for k, v in values.items()])

    def environment(self) -> None:
        """Log what this process runs with: parameters `environment/...`, and all packages as a file."""
        self.params(environment(Path.cwd()))
        self.text("environment/packages.txt", installed_packages())

    def system_metrics(self, samples: Sequence[SystemSample]) -> None:
        """Log samples of the machine; the step is the second, counted from the run's first sample."""
        points = [
            LoggedMetric(key, value, round(sample.at - samples[0].at), int(sample.at * 1000))
            for sample in samples
            for key, value in sample.values.items()
        ]
        self.metrics(points)

    def text(self, name: str, content: str) -> None:
        """Log a text as the artifact `name`."""
        with self._uploading(name):
            self.store.client.log_text(self.id, content, name)

    def describe(self, text: str) -> None:
        """Set the description that MLflow's UI shows, in Markdown."""
        with mlflow_errors("describing a run"):
            self.store.client.set_tag(self.id, NOTE, text)

    def rename(self, name: str) -> None:
        """Give it another name."""
        with mlflow_errors(f"renaming a run to {name}"):
            self.store.client.update_run(self.id, name=name)

    def figure(self, name: str, figure: Figure) -> None:
        """Log a picture under `figures/`."""
        with self._uploading(f"figure {name}"):
            self.store.client.log_figure(self.id, figure, f"figures/{name}.png")

    def file(self, path: Path) -> None:
        """Log a file."""
        with self._uploading(path.name):
            self.store.client.log_artifact(self.id, str(path))

    def folder(self, path: Path, name: str) -> None:
        """Log what lies in a folder as artifacts below `name`."""
        with self._uploading(name):
            self.store.client.log_artifacts(self.id, str(path), name)

    def dataset(self, table: Table, rows: range, *, context: str, source: str | None = None) -> None:
        """Log which rows were used, by their digest (the first 32 of its 64 hex digits: MLflow allows no more).

        Args:
            table: that they are of.
            rows: of the table.
            context: what they were used for.
            source: where the table is from; by default its name.
        """
        part = table.part(rows)
        with mlflow_errors("logging the dataset"), quiet():
            from mlflow.data.code_dataset_source import CodeDatasetSource
            from mlflow.data.numpy_dataset import NumpyDataset
            from mlflow.entities import DatasetInput, InputTag

            data = NumpyDataset(
                part.features,
                source=CodeDatasetSource({"drift.source": source or table.name}),
                targets=part.labels,
                name=table.name,
                digest=table.digest(rows)[:32],
            )
            tag = InputTag("mlflow.data.context", context)
            self.store.client.log_inputs(self.id, [DatasetInput(data._to_mlflow_entity(), [tag])])

    def reference(self, reference: Reference) -> None:
        """Log the rows that later blocks are compared with."""
        with tempfile.TemporaryDirectory() as folder:
            self.file(_saved(reference, Path(folder)))

    def model(
        self,
        net: torch.nn.Module,
        *,
        example: Floats,
        answer: Floats,
        card: Mapping[str, Any],
        reference: Reference | None = None,
    ) -> LoggedModel:
        """Log an exported model (pt2) with signature, example, card and reference.

        Args:
            net: maps (n, d) float32 to (n, classes); exported in evaluation mode, for any n.
            example: two rows or more (one row would fix n at 1 in the export).
            answer: the model's probabilities for the example.
            card: what a reader of the model must know; kept in the model's own metadata.
            reference: kept in the model's folder, so that the model outlives its run.
        """
        if len(example) < 2:
            raise TrackingError(f"expected an example of 2 rows or more, got {len(example)}")
        with self._uploading("the model"):
            import mlflow
            import mlflow.pytorch
            import torch
            from mlflow.models import infer_signature

            saved = _SavedNetwork()
            active = mlflow.active_run()
            ours = active is not None and active.info.run_id == self.id
            run = nullcontext() if ours else mlflow.start_run(run_id=self.id, nested=True)
            with run, tempfile.TemporaryDirectory() as folder:
                extra = _saved(reference, Path(folder)) if reference is not None else None
                own_reference = sha256_of(extra) if extra else ""
                info = mlflow.models.Model.log(
                    artifact_path=None,
                    flavor=saved,
                    pytorch_model=net.eval(),
                    name="model",
                    input_example=example,
                    signature=infer_signature(example, answer),
                    metadata=dict(card),
                    extra_files=[str(extra)] if extra else None,
                    pip_requirements=[f"torch=={torch.__version__.split('+')[0]}", "numpy"],
                )
            own = release_digest(saved.sha256, json.loads(json.dumps(dict(card))), own_reference) if extra else ""
            with tempfile.TemporaryDirectory() as folder:
                logged = self._logged(info.model_id, Path(folder), whole=reference is not None)
            if logged != LoggedModel(info.model_id, saved.sha256, own):
                raise TrackingError(
                    f"model {info.model_id} is not what was logged: MLflow gives back other files than it was given;"
                    " somebody changed them in its artifact store, or it is damaged: train again"
                )
            tags = {"drift.sha256": logged.sha256}
            if logged.release:
                tags |= {RELEASE: logged.release} | sign(logged.release)
            self.store.client.set_logged_model_tags(info.model_id, tags)
        return logged

    def _logged(self, model_id: str, folder: Path, *, whole: bool) -> LoggedModel:
        """The digests of a model as MLflow gives it back; of all its files if it is `whole`."""
        if not whole:
            return LoggedModel(model_id, sha256_of(model_file(self.store, model_id, folder)))
        release = download_release(self.store, model_id, self.id, folder)
        return LoggedModel(model_id, release.model_sha256, release.digest)

    @contextmanager
    def _uploading(self, what: str) -> Iterator[None]:
        """Upload inside, quietly, to where this run's artifacts may lie (see `artifacts`); MLflow's errors are ours.

        Args:
            what: is uploaded, for an error.
        """
        with mlflow_errors(f"logging {what}"), quiet():
            if not self._uploads_permitted:
                require_permitted_uploads(self.store, self.id)
                self._uploads_permitted = True
            yield


class _SavedNetwork:
    """MLflow's way to save a network of PyTorch, which takes the digest of the file before it leaves this process."""

    __name__ = "mlflow.pytorch"

    def __init__(self) -> None:
        self.sha256 = ""  # of model.pt2, 64 hex digits; empty until it is saved

    def save_model(self, path: str, **details: Any) -> None:
        """Save into a folder of MLflow's own in this process, from where it is uploaded."""
        import mlflow.pytorch

        mlflow.pytorch.save_model(path=path, **details)
        (file,) = Path(path).rglob(MODEL_FILE)
        self.sha256 = sha256_of(file)


def _saved(reference: Reference, folder: Path) -> Path:
    path = folder / REFERENCE_FILE
    reference.save(path)
    return path
