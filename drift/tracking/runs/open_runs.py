"""Open runs: parents and their nested children, the run that `mlflow run` made, and MLflow's autolog inside them.

`mlflow.autolog` registers hooks that act when a library such as Lightning or LightGBM is imported, which costs
milliseconds; for scikit-learn, once it is imported, it wraps every estimator, which costs seconds. The runs that this
package opens for itself contain no fit of scikit-learn that is a user's, only Ax's, so scikit-learn is logged in runs
that a user's code opens. Outside runs nothing is logged: MLflow would make a run of its own for every fit.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drift.errors import TrackingError
from drift.system.quiet import quiet
from drift.system.signals import unbroken
from drift.system.streams import one_line
from drift.tracking.connection.addresses import without_password
from drift.tracking.connection.artifacts import artifacts_of_run
from drift.tracking.connection.store import Store, ignored_errors, mlflow_errors
from drift.tracking.runs.lookup import KIND, find_runs
from drift.tracking.runs.machine import SystemSampler
from drift.tracking.runs.run import LARGEST_BATCH, NOTE, LoggedMetric, LoggedModel, Run

__all__ = ["LoggedMetric", "LoggedModel", "Run", "base_run", "link_project_run", "open_run", "to_json"]

PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
LOGGED_AFTERWARDS = ("retrain_parent", "replay", "policy")  # runs in which no work is done: no system metrics
WITHOUT_ENVIRONMENT = ("retrain_parent", "trial", "policy")  # children of a run that has it, and copies
ALWAYS_LEFT_OUT = (
    "ag2", "agno", "anthropic", "autogen", "bedrock", "crewai", "dspy", "gemini", "groq", "haystack", "langchain",
    "litellm", "llama_index", "mistral", "openai", "pydantic_ai", "smolagents", "spark", "pyspark.ml", "strands",
    "typesafe",
)  # fmt: skip  # language models and clusters: no part of training here

EVERY = "mlflow"  # under which MLflow keeps the settings of the last mlflow.autolog()

_depth = 0  # runs that are open in this process
_ours: dict[str, Any] | None = None  # settings that were made here for them
KIND_OF_COPY = "retrain_parent"
FIGURE = re.compile(r"figures/[\w -]{1,100}\.png")  # whose copy somebody else may read
COPIED_TAGS = ("drift.digest", "drift.source", "drift.version", "drift.sha256")


def open_run(
    store: Store,
    experiment: str,
    *,
    name: str,
    kind: str,
    parent: str | None = None,
    run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> AbstractContextManager[Run]:
    """A run that ends FINISHED, FAILED after an error, or KILLED after an interruption.

    While it is open it is MLflow's active run, so that MLflow's autolog logs into it what a user's code fits. A run in
    which work is done gets system metrics, and one that is not a search's trial the parameters of the environment.

    Args:
        store: where.
        experiment: its name; made if it is new.
        name: as MLflow's UI shows it.
        kind: base, retrain, trial, deployment, or a name of one's own.
        parent: run id of the parent, for a nested child.
        run_id: go on with this run instead of making one.
        tags: further tags, called `drift.<name>`.
    """
    own = str(sys._getframe(1).f_globals.get("__name__", "")).startswith("drift.")
    return _open_run(store, experiment, name, kind, parent, run_id, dict(tags or {}), own=own)


@contextmanager
def _open_run(
    store: Store,
    experiment: str,
    name: str,
    kind: str,
    parent: str | None,
    run_id: str | None,
    tags: Mapping[str, object],
    *,
    own: bool,
) -> Iterator[Run]:
    experiment_id = store.experiment_id(experiment, create=True)
    all_tags = {NAME: name, KIND: kind} | {f"drift.{k}": str(v) for k, v in tags.items()}
    if parent:
        all_tags[PARENT] = parent
    sampler = SystemSampler() if kind not in LOGGED_AFTERWARDS and not kind.startswith("images-") else None
    try:
        with mlflow_errors(f"starting run {name}"):
            if run_id is None:
                from mlflow.tracking.context.registry import resolve_tags

                with quiet():  # who runs what from where: MLflow's client, unlike its fluent functions, does not say it
                    all_tags = dict(resolve_tags()) | all_tags
                run_id = store.client.create_run(experiment_id, run_name=name, tags=all_tags).info.run_id
            else:
                store.client.update_run(run_id, status="RUNNING")
                for key, value in all_tags.items():
                    store.client.set_tag(run_id, key, value)
        run = Run(store, str(run_id), experiment_id)
        with autologged(own=own), _active(run):
            if sampler:
                sampler.start()
            if kind not in WITHOUT_ENVIRONMENT:
                run.environment()
            yield run
        if sampler:
            run.system_metrics(sampler.stop())
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        samples = sampler.stop() if sampler else ()
        if run_id is not None:
            # The first error is the one to tell; a later resume ends this run.
            with suppress(Exception), quiet(), unbroken():
                store.client.set_terminated(run_id, status=status)
                Run(store, run_id, experiment_id).system_metrics(samples)
        raise
    with mlflow_errors(f"ending run {name}"):
        store.client.set_terminated(run_id)


@contextmanager
def _active(run: Run) -> Iterator[None]:
    """Make a run the active one of MLflow's fluent functions, which autolog asks for; its state stays what it is."""
    from mlflow.tracking import fluent

    with mlflow_errors("reading the run"), quiet():
        active = fluent.ActiveRun(run.store.client.get_run(run.id))
    stack = fluent._active_run_stack.get()
    stack.append(active)
    try:
        yield
    finally:
        if active in stack:
            del stack[stack.index(active) :]


@contextmanager
def base_run(store: Store, experiment: str, **details: Any) -> Iterator[Run]:
    """Open the parent run of a base training: the one `mlflow run` made if it fits, else a new one.

    `mlflow run` makes its run in the experiment that its own command line names. If that is not the experiment
    the parameters name, the run made by it is left as a stub that says where the real one is.
    """
    stub, fits = store.project_run, False
    if stub is not None:
        with mlflow_errors("looking at the project's run"):
            fits = store.client.get_run(stub).info.experiment_id == store.experiment_id(experiment, create=True)
    with open_run(store, experiment, run_id=stub if fits else None, **details) as run:
        link_project_run(store, run.id, experiment)
        yield run


def link_project_run(store: Store, run_id: str, experiment: str) -> None:
    """Let the run that `mlflow run` made, if it made one, say which run holds what came of it.

    The link is for readers: a run that was deleted meanwhile stops nothing.
    """
    if store.project_run is None or store.project_run == run_id:
        return
    tags = {
        "drift.real_run": run_id,
        "drift.real_experiment": experiment,
        NOTE: f"What came of this is in run `{run_id}` of experiment `{experiment}`.",
    }
    with suppress(TrackingError), mlflow_errors("marking the project's run"):
        for key, value in tags.items():
            store.client.set_tag(store.project_run, key, value)


def to_json(value: object) -> str:
    """Compact JSON with sorted keys, for tags."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@contextmanager
def autologged(*, own: bool) -> Iterator[None]:
    """Let MLflow log what is fitted inside, into the active run; a user's own `mlflow.autolog` stays as it is.

    Args:
        own: whether this package opened the run, which then logs no fits of scikit-learn.
    """
    import mlflow
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    global _depth, _ours  # noqa: PLW0603  # MLflow's switch is one per process, too
    if _depth == 0 and AUTOLOGGING_INTEGRATIONS.get(EVERY, {}).get("disable", True):
        left_out = [*ALWAYS_LEFT_OUT, *(["sklearn"] if own else [])]
        with quiet():
            mlflow.autolog(log_models=False, silent=True, exclude_flavors=left_out)
        _ours = AUTOLOGGING_INTEGRATIONS.get(EVERY)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0 and _ours is not None:
            if AUTOLOGGING_INTEGRATIONS.get(EVERY) is _ours:  # else a user called it meanwhile
                with quiet():
                    mlflow.autolog(disable=True, silent=True, exclude_flavors=_ours["exclude_flavors"])
            _ours = None


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
    name = "BaseModel (deleted)" if run is None else f"{run.name} of {run.experiment}"
    tags = {"base_run": base, "copy_of": "base"} | ({"base_experiment": run.experiment} if run else {})
    unfinished = copies[0].id if copies else None
    with open_run(store, experiment, name=name, kind=KIND_OF_COPY, tags=tags, run_id=unfinished) as copy:
        if run is None:
            copy.params(parameters)
            copy.describe(
                f"Parent of retrains. The base model's run `{base}` was deleted; these are the champion's parameters."
            )
            return copy.id
        _copy_contents(store, base, copy)
        state = "" if run.active else " It was deleted in MLflow since."
        copy.describe(
            f"Copy of {link(store, run.name, run.experiment_id, run.id)} of experiment `{run.experiment}`, so that its"
            f" retrains in this experiment are nested under it: MLflow nests runs within one experiment only.{state}"
        )
        if run.active:
            _link_from_base(store, run, copy.id, copy.experiment_id, experiment)
    return copy.id


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
    failing = mlflow_errors(f"copying figures of run {base}")  # a copy without pictures is one, too
    with suppress(TrackingError), failing, quiet(), tempfile.TemporaryDirectory() as folder:
        artifacts = artifacts_of_run(store, base)
        for path in artifacts.sizes("figures"):
            if FIGURE.fullmatch(path):
                artifacts.download(path, Path(folder))
        if (Path(folder) / "figures").is_dir():
            copy.folder(Path(folder) / "figures", "figures")


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
