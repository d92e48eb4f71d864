"""Which base run a deployment takes, with runs in a real MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.errors import TrackingError
from drift.loop.candidate import find_candidate
from drift.loop.cards import DataSource
from drift.tracking.registry import Registry
from drift.tracking.store import Store, connect


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return connect(create=True)


def base(
    store: Store, experiment: str, accuracy: float, *, source: str = "elec", digest: str = "d", **more: str
) -> str:
    """A base run as training leaves it."""
    tags = {"drift.kind": "base", "drift.source": source, "drift.digest": digest, "drift.model_id": "m-1"} | {
        f"drift.{name}": value for name, value in more.items()
    }
    run = store.client.create_run(store.experiment_id(experiment, create=True), tags=tags).info.run_id
    store.client.log_metric(run, "reference/accuracy", accuracy)
    store.client.set_terminated(run)
    return str(run)


def test_the_named_experiment_comes_first(store: Store) -> None:
    own = base(store, "drift", 0.6)
    base(store, "drift1", 0.9)
    candidate = find_candidate(Registry(store, "m"), "drift", None)
    assert (candidate.run.id, candidate.elsewhere, candidate.experiment) == (own, False, "drift")


@pytest.mark.parametrize("named", ["never made", "without a base"])
def test_else_the_best_of_all_experiments(store: Store, named: str) -> None:
    """On the rows of the newest run, whatever other runs reached on other rows."""
    store.experiment_id("without a base", create=True)
    base(store, "other rows", 0.99, digest="older")
    base(store, "drift1", 0.6)
    best = base(store, "drift2", 0.7)
    base(store, "drift3", 0.65)
    candidate = find_candidate(Registry(store, "m"), named, None)
    assert (candidate.run.id, candidate.experiment, candidate.compared) == (best, "drift2", 3)
    assert candidate.elsewhere
    assert candidate.words == "best of 3 base runs of experiment drift2, validation accuracy 0.700"


def test_runs_of_several_tables_are_refused_and_listed(store: Store) -> None:
    base(store, "drift1", 0.6)
    base(store, "shop", 0.7, source="/data/sales.csv", label="returned", digest="s")
    base(store, "shop too", 0.8, source="/data/sales.csv", label="paid", digest="t")
    with pytest.raises(TrackingError) as error:
        find_candidate(Registry(store, "m"), "drift", None)
    text = str(error.value)
    assert "those of other experiments are of 3 tables" in text
    assert "elec in experiment 'drift1'" in text
    assert "/data/sales.csv (label returned) in experiment 'shop'" in text
    assert "/data/sales.csv (label paid) in experiment 'shop too'" in text
    assert "drift deploy --mlflow_experiment_name" in text


def test_a_named_table_chooses_among_them(store: Store) -> None:
    base(store, "drift1", 0.6)
    mine = base(store, "shop", 0.7, source="/data/sales.csv", label="returned", digest="s")
    base(store, "shop", 0.8, source="/data/sales.csv", label="paid", digest="t")
    source = DataSource("/data/sales.csv", "returned")
    assert find_candidate(Registry(store, "m"), "drift", source).run.id == mine


def test_runs_without_a_label_tag_are_of_the_same_table(store: Store) -> None:
    old = base(store, "shop", 0.9, source="/data/sales.csv", digest="s")
    base(store, "shop too", 0.7, source="/data/sales.csv", label="returned", digest="s")
    assert find_candidate(Registry(store, "m"), "drift", None).run.id == old


def test_without_any_base_run_the_training_is_named(store: Store) -> None:
    with pytest.raises(TrackingError, match=r"train one first: drift base --mlflow_experiment_name 'my runs'$"):
        find_candidate(Registry(store, "m"), "my runs", None)


def test_runs_of_deleted_experiments_are_not_taken(store: Store) -> None:
    base(store, "gone", 0.9)
    store.client.delete_experiment(store.experiment_id("gone"))
    with pytest.raises(TrackingError, match="no other experiment has one"):
        find_candidate(Registry(store, "m"), "drift", None)
