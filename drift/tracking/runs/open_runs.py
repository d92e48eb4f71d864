"""Open runs: parents and their nested children, the run that `mlflow run` made, and MLflow's autolog inside them.

`mlflow.autolog` registers hooks that act when a library such as Lightning or LightGBM is imported, which costs
milliseconds; for scikit-learn, once it is imported, it wraps every estimator, which costs seconds. The runs that this
package opens for itself contain no fit of scikit-learn that is a user's, only Ax's, so scikit-learn is logged in runs
that a user's code opens. Outside runs nothing is logged: MLflow would make a run of its own for every fit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from drift.errors import TrackingError
from drift.system.quiet import quiet
from drift.system.signals import unbroken
from drift.tracking.connection.store import Store, mlflow_errors
from drift.tracking.runs.lookup import KIND
from drift.tracking.runs.machine import SystemSampler
from drift.tracking.runs.run import NOTE, LoggedMetric, LoggedModel, Run

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
