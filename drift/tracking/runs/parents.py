"""The parent run of retrains: the base model's run, or in another experiment one copy of it.

MLflow's UI nests runs, and folds them, within one experiment only. In any other experiment the base run is therefore
copied once: parameters, metrics with their history, data sets, pictures, and links in both directions. Later retrains
in that experiment share the copy.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drift.errors import TrackingError
from drift.system.quiet import quiet
from drift.system.streams import one_line
from drift.tracking.connection.addresses import without_password
from drift.tracking.connection.artifacts import artifacts_of_run
from drift.tracking.connection.store import Store, ignored_errors, mlflow_errors
from drift.tracking.runs.lookup import RunRecord, find_runs
from drift.tracking.runs.open_runs import open_run
from drift.tracking.runs.run import LARGEST_BATCH, NOTE, Run

KIND_OF_COPY = "retrain_parent"
FIGURE = re.compile(r"figures/[\w -]{1,100}\.png")  # whose copy somebody else may read
COPIED_TAGS = ("drift.digest", "drift.source", "drift.version", "drift.sha256")


@dataclass(frozen=True)
class BaseRun:
    """What MLflow still holds of a base model's run.

    Attributes:
        id: of the run.
        name: as MLflow's UI shows it.
        experiment: name of its experiment.
        experiment_id: id of its experiment.
        active: whether the run is neither deleted nor in a deleted experiment.
    """

    id: str
    name: str
    experiment: str
    experiment_id: str
    active: bool


def parent_in(store: Store, experiment: str, base: str, *, parameters: Mapping[str, object]) -> str:
    """The id of the run in `experiment` under which retrains of a base model are nested.

    Args:
        store: MLflow.
        experiment: name of the retrains' experiment; made if it is new.
        base: run id of the base model.
        parameters: of the champion's model; logged instead of the base run's where that was deleted for good.
    """
    run = _base_run(store, base)
    if run is not None and run.active and run.experiment == experiment:
        return base
    store.experiment_id(experiment, create=True)
    copies = find_runs(store, experiment, kind=KIND_OF_COPY, base_run=base, copy_of="base")
    complete = [copy for copy in copies if copy.status == "FINISHED"]
    if complete:
        return complete[-1].id
    return _copy(store, experiment, base, run, parameters, unfinished=copies[0] if copies else None)


def name_trials(store: Store, experiment: str, challenger_run: str, version: int) -> None:
    """Give the trials of a challenger's search the name of the version that came of it."""
    for trial in find_runs(store, experiment, kind="trial", challenger_run=challenger_run):
        with mlflow_errors("naming trials"):
            number = trial.tags.get("drift.trial", "")
            store.client.update_run(trial.id, name=f"challenger v{version} trial {number}")
            store.client.set_tag(trial.id, "drift.challenger", str(version))
            note = f"Trial {number} of the search that made challenger version {version}."
            store.client.set_tag(trial.id, NOTE, note)


def _base_run(store: Store, run_id: str) -> BaseRun | None:
    info = None
    with mlflow_errors(f"reading run {run_id}"):
        with ignored_errors("RESOURCE_DOES_NOT_EXIST"):
            info = store.client.get_run(run_id).info
        if info is None:
            return None
        experiment = store.client.get_experiment(info.experiment_id)
    active = info.lifecycle_stage == "active" and experiment.lifecycle_stage == "active"
    names = one_line(str(info.run_name)), one_line(str(experiment.name))
    return BaseRun(run_id, *names, str(info.experiment_id), active)


def _copy(
    store: Store,
    experiment: str,
    base: str,
    run: BaseRun | None,
    parameters: Mapping[str, object],
    *,
    unfinished: RunRecord | None,
) -> str:
    name = "BaseModel (deleted)" if run is None else f"{run.name} of {run.experiment}"
    tags = {"base_run": base, "copy_of": "base"} | ({"base_experiment": run.experiment} if run else {})
    resumed = unfinished.id if unfinished else None
    with open_run(store, experiment, name=name, kind=KIND_OF_COPY, tags=tags, run_id=resumed) as copy:
        if run is None:
            copy.params(parameters)
            copy.describe(
                f"Parent of retrains. The base model's run `{base}` was deleted; these are the champion's parameters."
            )
            return copy.id
        _copy_contents(store, base, copy)
        copy.describe(_note_of_copy(store, run))
        if run.active:
            _link_from_base(store, run, copy.id, copy.experiment_id, experiment)
    return copy.id


def _copy_contents(store: Store, base: str, copy: Run) -> None:
    with mlflow_errors(f"copying run {base}"), quiet():
        original = store.client.get_run(base)
        copy.params(original.data.params)
        kept = {key: value for key, value in original.data.tags.items() if key in COPIED_TAGS}
        for key, value in kept.items():
            store.client.set_tag(copy.id, key, value)
        points = [
            point
            for key in original.data.metrics
            if not key.startswith("system/")
            for point in store.client.get_metric_history(base, key)
        ]
        for start in range(0, len(points), LARGEST_BATCH):
            store.client.log_batch(copy.id, metrics=points[start : start + LARGEST_BATCH])
        if original.inputs and original.inputs.dataset_inputs:
            store.client.log_inputs(copy.id, original.inputs.dataset_inputs)
    with suppress(TrackingError), tempfile.TemporaryDirectory() as folder:  # a copy without pictures is one, too
        _copy_figures(store, base, copy, Path(folder))


def _copy_figures(store: Store, base: str, copy: Run, folder: Path) -> None:
    with mlflow_errors(f"copying figures of run {base}"), quiet():
        artifacts = artifacts_of_run(store, base)
        for path in artifacts.sizes("figures"):
            if FIGURE.fullmatch(path):
                artifacts.download(path, folder)
        if (folder / "figures").is_dir():
            copy.folder(folder / "figures", "figures")


def _note_of_copy(store: Store, run: BaseRun) -> str:
    state = "" if run.active else " It was deleted in MLflow since."
    return (
        f"Copy of {link(store, run.name, run.experiment_id, run.id)} of experiment `{run.experiment}`, so that its"
        f" retrains in this experiment are nested under it: MLflow nests runs within one experiment only.{state}"
    )


def _link_from_base(store: Store, run: BaseRun, copy_id: str, experiment_id: str, experiment: str) -> None:
    """Add one line to the base run's description that leads to its retrains."""
    line = f"Retrained in experiment `{experiment}`: {link(store, 'parent of those runs', experiment_id, copy_id)}."
    with mlflow_errors("describing the base run"):
        before = str(store.client.get_run(run.id).data.tags.get(NOTE, ""))
        if copy_id not in before:
            store.client.set_tag(run.id, NOTE, f"{before}\n\n{line}".strip())


def link(store: Store, text: str, experiment_id: str, run_id: str) -> str:
    """A Markdown link to a run: absolute where MLflow is a server, else relative to whatever UI shows it."""
    server = store.uri.rstrip("/") + "/" if store.uri.startswith(("http://", "https://")) else ""
    return f"[{text}]({without_password(server)}#/experiments/{experiment_id}/runs/{run_id})"
