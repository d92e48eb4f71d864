"""Autolog, system metrics and the environment: logged without a call in user code, and no runs that nobody opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import mlflow
import numpy as np
import pytest

from drift.detect import classifier_test
from drift.errors import TrackingError
from drift.tracking.connection.store import Store
from drift.tracking.runs import machine, open_runs
from drift.tracking.runs.open_runs import autologged, open_run
from tests.waiting import wait_until


def all_runs(store: Store) -> list[str]:
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    return [run.info.run_id for run in store.client.search_runs(experiments)]


def fit_a_tree() -> None:
    from sklearn.tree import DecisionTreeClassifier

    DecisionTreeClassifier(max_depth=3).fit(np.arange(20.0).reshape(10, 2), np.arange(10) % 2)


def test_what_a_user_fits_with_sklearn_is_logged_in_its_run(store: Store) -> None:
    with open_run(store, "x", name="mine", kind="mine") as run:
        fit_a_tree()
    logged = store.client.get_run(run.id)
    assert logged.data.params["max_depth"] == "3"
    assert logged.data.metrics["training_accuracy_score"] > 0
    assert not store.client.search_logged_models([run.experiment_id])  # log_models=False
    assert all_runs(store) == [run.id]


def test_fits_outside_of_runs_make_no_run(store: Store) -> None:
    with open_run(store, "x", name="mine", kind="mine") as run:
        pass
    fit_a_tree()
    assert all_runs(store) == [run.id]


def test_the_fits_of_this_package_are_not_logged(store: Store) -> None:
    rng = np.random.default_rng(0)
    with open_run(store, "x", name="mine", kind="mine") as run:
        classifier_test(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)))
    assert "max_iter" not in store.client.get_run(run.id).data.params
    assert all_runs(store) == [run.id]


@pytest.fixture
def settings() -> Iterator[dict[str, dict[str, Any]]]:
    """MLflow's settings of autolog by library, which is off at last."""
    import sklearn  # noqa: F401  # so that mlflow.autolog has something to set
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    yield AUTOLOGGING_INTEGRATIONS
    mlflow.autolog(disable=True, silent=True)


@pytest.mark.parametrize("own", [True, False])
def test_autolog_of_a_user_stays_as_it_was(own: bool, settings: dict[str, dict[str, Any]]) -> None:
    mlflow.autolog(log_models=False, silent=True, extra_tags={"a": "b"})
    before = dict(settings["sklearn"])
    assert not before["disable"]
    with autologged(own=own):
        pass
    assert settings["sklearn"] == before


def test_autolog_begun_by_a_user_inside_a_run_stays_on(settings: dict[str, dict[str, Any]]) -> None:
    with autologged(own=True):
        mlflow.autolog(log_models=False, silent=True)
    assert not settings["sklearn"]["disable"]
    mlflow.autolog(disable=True, silent=True)
    with autologged(own=False):
        assert not settings["sklearn"]["disable"]
    assert settings["sklearn"]["disable"]


def test_system_metrics_are_logged_under_the_keys_of_mlflow(store: Store) -> None:
    with open_run(store, "x", name="mine", kind="mine") as run:
        pass
    metrics = store.client.get_run(run.id).data.metrics
    assert 0 <= metrics["system/cpu_utilization_percentage"] <= 100
    assert metrics["system/system_memory_usage_megabytes"] > 0
    assert not [thread for thread in threading.enumerate() if thread.name == "drift-system-metrics"]


def test_samples_of_a_long_run_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MOST_SAMPLES", 8)
    sampler = machine.SystemSampler(seconds=0.001)
    sampler.start()
    wait_until(lambda: sampler.seconds > 0.004, what="too many samples, again and again")
    assert 0 < len(sampler.stop()) < 8


def interrupted(_thread: threading.Thread) -> None:
    """The start of a thread that Ctrl-C comes before."""
    raise KeyboardInterrupt


def test_an_interrupt_before_the_thread_begins_stays_an_interrupt(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for a thread that has not begun is an error of Python, which would take its place."""
    sampler = machine.SystemSampler()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sampler.start()
    assert sampler.stop() == ()


def test_a_run_that_fails_ends_its_thread_and_keeps_its_error(store: Store) -> None:
    with pytest.raises(TrackingError, match="mine"), open_run(store, "x", name="mine", kind="mine") as run:
        raise TrackingError("mine")
    logged = store.client.get_run(run.id)
    assert logged.info.status == "FAILED"
    assert "system/cpu_utilization_percentage" in logged.data.metrics
    assert not [thread for thread in threading.enumerate() if thread.name == "drift-system-metrics"]


def test_the_environment_is_logged_where_work_is_done(store: Store) -> None:
    with open_run(store, "x", name="mine", kind="mine") as run:
        pass
    logged = store.client.get_run(run.id)
    assert {"environment/python", "environment/torch", "environment/platform"} <= set(logged.data.params)
    assert [file.path for file in store.client.list_artifacts(run.id, "environment")] == ["environment/packages.txt"]
    assert open_runs.Run is type(run)
