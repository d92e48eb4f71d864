"""The parent of retrains: the base run itself, or one copy of it in another experiment."""

from __future__ import annotations

import numpy as np
import pytest

from drift.data.blocks import Table
from drift.tracking.connection.store import Store
from drift.tracking.runs.open_runs import FIGURE, LoggedMetric, Run, open_run, parent_in

CURVE = [(0.61, 1), (0.67, 2), (0.70, 3)]


@pytest.fixture
def base(store: Store) -> Run:
    """A finished base run in experiment `here`."""
    with open_run(store, "here", name="BaseModel", kind="base", tags={"digest": "d" * 64}) as run:
        run.params({f"p{number}": number for number in range(250)})  # more than one request of MLflow takes
        run.metrics([LoggedMetric("val/accuracy", value, step) for value, step in CURVE])
        table = Table("table", ("x", "y"), np.zeros((4, 2), np.float32), np.zeros(4, np.int64), ("no", "yes"), None)
        run.dataset(table, range(4), context="training", source="table.csv")
        run.describe("A base model.")
    return run


def test_the_base_run_is_the_parent_in_its_own_experiment(store: Store, base: Run) -> None:
    assert parent_in(store, "here", base.id, parameters={}) == base.id


def test_a_copy_elsewhere_has_parameters_metrics_and_links(store: Store, base: Run) -> None:
    copy = parent_in(store, "there", base.id, parameters={})
    run = store.client.get_run(copy)
    assert run.info.experiment_id == store.experiment_id("there")
    assert (run.info.run_name, run.info.status) == ("BaseModel of here", "FINISHED")
    original = store.client.get_run(base.id).data
    assert run.data.params == original.params
    history = store.client.get_metric_history(copy, "val/accuracy")
    assert [(point.value, point.step) for point in history] == CURVE
    assert run.inputs.dataset_inputs[0].dataset.name == "table"
    assert run.data.tags["drift.base_run"] == base.id
    note = run.data.tags["mlflow.note.content"]
    assert f"[BaseModel](#/experiments/{base.experiment_id}/runs/{base.id})" in note
    back = original.tags["mlflow.note.content"]
    assert back.startswith("A base model.")
    assert f"(#/experiments/{run.info.experiment_id}/runs/{copy})" in back


def test_later_retrains_share_the_copy(store: Store, base: Run) -> None:
    assert parent_in(store, "there", base.id, parameters={}) == parent_in(store, "there", base.id, parameters={})
    assert parent_in(store, "yonder", base.id, parameters={}) != parent_in(store, "there", base.id, parameters={})


def test_an_interrupted_copy_is_completed_not_doubled(store: Store, base: Run) -> None:
    copy = parent_in(store, "there", base.id, parameters={})
    store.client.update_run(copy, status="KILLED")
    assert parent_in(store, "there", base.id, parameters={}) == copy
    assert len(store.client.get_metric_history(copy, "val/accuracy")) == len(CURVE)
    assert store.client.get_run(copy).info.status == "FINISHED"


def test_a_deleted_base_run_still_has_a_parent(store: Store, base: Run) -> None:
    store.client.delete_run(base.id)
    copy = parent_in(store, "here", base.id, parameters={"width": 16})
    run = store.client.get_run(copy)
    assert copy != base.id
    assert run.data.params["p0"] == "0"
    assert "deleted" in run.data.tags["mlflow.note.content"]


def test_a_base_run_that_is_gone_leaves_the_parameters(store: Store) -> None:
    copy = parent_in(store, "here", "0" * 32, parameters={"width": 16})
    run = store.client.get_run(copy)
    assert (run.info.run_name, run.data.params) == ("BaseModel (deleted)", {"width": "16"})


def test_only_pictures_are_copied() -> None:
    """Whoever writes to MLflow names the folder, and may read the copy."""
    names = ["confusion.png", "diary.txt", ".hidden.png", "deeper/inner.png"]
    assert [name for name in names if FIGURE.fullmatch(f"figures/{name}")] == ["confusion.png"]
