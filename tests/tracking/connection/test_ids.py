"""Ids of runs and models that somebody wrote into MLflow's database, which could name any folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from drift.errors import TrackingError
from drift.tracking.connection.artifacts import artifacts_of_model, artifacts_of_run
from drift.tracking.connection.store import connect, mlflow_errors
from drift.tracking.registry import Registry
from drift.tracking.runs.lookup import end_forgotten, experiment_of, find_runs, get_run
from drift.tracking.runs.open_runs import open_run


def test_a_run_that_mlflow_did_not_make_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    store = connect(create=True)
    with open_run(store, "drift", name="ours", kind="retrain") as run:
        ours = run.id
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        columns = [row[1] for row in database.execute("pragma table_info(runs)")]
        others = ", ".join(f'"{name}"' for name in columns if name != "run_uuid")
        database.execute(
            f"insert into runs (run_uuid, {others}) select ?, {others} from runs",  # noqa: S608  (names of columns)
            (str(tmp_path / "precious"),),
        )
        database.execute("update runs set status = 'RUNNING'")
        database.execute(
            "insert into tags (key, value, run_uuid) select key, value, ? from tags", (str(tmp_path / "precious"),)
        )
    assert [run.id for run in find_runs(store, "drift", kind="retrain")] == [ours]
    assert end_forgotten(store, "drift") == [ours]
    with pytest.raises(TrackingError, match="expected the id of a run"):
        get_run(store, str(tmp_path / "precious"))


@pytest.mark.parametrize("wrong", ["/etc", "../x", "m-" + "A" * 32, ""])
def test_no_artifacts_are_looked_for_by_such_an_id(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    store = connect(create=True)
    for use in (artifacts_of_run, artifacts_of_model):
        with pytest.raises(TrackingError, match=r"expected the id of a (run|model)"):
            use(store, wrong)


def test_names_and_tags_of_mlflow_forge_no_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    store, forged = connect(create=True), "aaa\n  champion    version 7, trusted"
    with open_run(store, forged, name="ours", kind="base", tags={"source": forged}) as run:
        pass
    assert experiment_of(store, run.id) == get_run(store, run.id).tags["drift.source"] == forged.replace("\n", "\\n")
    for name in (forged, "other", "mine"):
        store.client.create_registered_model(name)
        version = store.client.create_model_version(name, "s3://box/m-" + "a" * 32, tags={"drift.base_run": forged})
        store.client.set_registered_model_alias(name, "champion", version.version)
    registry = Registry(store, "mine")
    assert registry.others() == ["other"]
    assert registry.champion().tags["drift.base_run"] == forged.replace("\n", "\\n")
    with pytest.raises(TrackingError) as raised, mlflow_errors(f"reading run {forged}"):
        raise OSError(f"no run {forged}")
    assert "\n" not in str(raised.value)
