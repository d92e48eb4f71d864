"""Addresses of SQLite files: folders with spaces, percent signs and letters beyond ASCII are found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.loop.project_dir import ProjectDir
from drift.tracking.connection.addresses import address_of, file_of
from drift.tracking.connection.store import connect

FOLDERS = ["plain", "my project", "100%", "100%20", "Übung", "a?b", "a#b", "semi;colon", "two  spaces & more"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_address_names_the_file_it_was_made_of(folder: str, tmp_path: Path) -> None:
    file = tmp_path / folder / "mlflow.db"
    assert file_of(address_of(file)) == file


@pytest.mark.parametrize("folder", ["my project", "100%20", "Übung", "a?b"])
def test_mlflow_and_our_state_are_in_that_folder(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's own default, our default, and an address given from another folder are one file."""
    project, elsewhere = tmp_path / folder, tmp_path / "elsewhere"
    for made in (project, elsewhere):
        made.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    experiment = connect(create=True).client.create_experiment("kept")
    assert [path.name for path in tmp_path.iterdir()].count(folder) == 1
    assert (project / "mlflow.db").is_file()
    (project / ".drift").mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address_of(project / "mlflow.db"))
    assert connect().client.get_experiment(experiment).name == "kept"
    assert connect(read=True).client.get_experiment(experiment).name == "kept"
    assert ProjectDir(create=False, read=True).path == project / ".drift"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([folder, "elsewhere"])
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("address", ["", "sqlite://", "postgresql://user@host/mlflow", "http://127.0.0.1:5000"])
def test_other_addresses_name_no_file(address: str) -> None:
    assert file_of(address) is None
