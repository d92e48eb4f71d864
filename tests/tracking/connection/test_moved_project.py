"""A project folder that was moved, renamed or copied."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from drift.errors import TrackingError
from drift.loop.card import DataSource
from drift.tracking.connection import store as stores
from drift.tracking.connection.store import Store
from drift.tracking.runs.lookup import find_runs
from drift.tracking.runs.open_runs import open_run
from tests.stores import fresh_store


def connect(*, create: bool = False) -> Store:
    """Connect in the current folder; MLflow leaves the address of an earlier connection in the environment."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return stores.connect(create=create)


@pytest.fixture
def old(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder `old` with one run that has a text among its artifacts."""
    folder = tmp_path / "old"
    folder.mkdir()
    with open_run(fresh_store(folder, monkeypatch), "drift", name="BaseModel", kind="base") as run:
        run.text("kept.txt", "as it was")
    return folder


def read(store: Store) -> str:
    (run,) = find_runs(store, "drift", kind="base")
    return Path(store.client.download_artifacts(run.id, "kept.txt")).read_text()


@pytest.mark.parametrize("name", ["renamed", "with space", "prefix/old", "ünï"])
def test_artifacts_are_found_in_the_new_place(old: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    new = old.parent / name
    new.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(old.parent)
    old.rename(new)
    monkeypatch.chdir(new)
    store = connect()
    assert read(store) == "as it was"
    with open_run(store, "drift", name="again", kind="retrain") as run:
        run.text("new.txt", "x")
    assert list((new / "mlruns").rglob("new.txt"))
    assert not old.exists()


def test_a_copy_leaves_the_original_alone(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = old.parent / "copy"
    shutil.copytree(old, copy)
    before = sorted(old.rglob("*"))
    monkeypatch.chdir(copy)
    store = connect()
    assert read(store) == "as it was"
    with open_run(store, "drift", name="again", kind="retrain") as run:
        run.text("new.txt", "x")
    assert sorted(old.rglob("*")) == before


def test_a_link_to_the_folder_is_the_same_place(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = old.parent / "link"
    link.symlink_to(old)
    before = (old / "mlflow.db").read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{link}/mlflow.db")
    store = stores.connect()
    assert (old / "mlflow.db").read_bytes() == before
    assert read(store) == "as it was"


def test_artifacts_elsewhere_on_purpose_stay_there(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = old.parent / "new"
    new.mkdir()
    shutil.move(old / "mlflow.db", new / "mlflow.db")
    monkeypatch.chdir(new)
    assert read(connect()) == "as it was"
    assert not (new / "mlruns").exists()


def test_a_move_without_artifacts_says_what_to_do(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = connect()
    (run,) = find_runs(store, "drift", kind="base")
    experiment = store.experiment_id("drift")
    store.client.create_logged_model(experiment, name="model", source_run_id=run.id)
    new = old.parent / "new"
    new.mkdir()
    shutil.move(old / "mlflow.db", new / "mlflow.db")
    shutil.rmtree(old)
    monkeypatch.chdir(new)
    with pytest.raises(TrackingError, match=r"were in .*old/mlruns, which is gone.*move the folder mlruns"):
        connect()
    connect(create=True)  # a first model can be trained again
    assert not old.exists()


def test_a_table_inside_a_moved_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new" / "data").mkdir(parents=True)
    table = tmp_path / "new" / "data" / "sales.csv"
    table.write_text("x,y\n1,a\n")
    monkeypatch.chdir(tmp_path / "new")
    assert DataSource(str(tmp_path / "old" / "data" / "sales.csv"), "y").file == table
    gone = tmp_path / "old" / "none.csv"
    assert DataSource(str(gone), "y").file == gone
