"""MLflow's contents change between commands: a base run is deleted, the project's folder is moved."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from tests.built import FIVE_BLOCKS, NONE_FLAGGED
from tests.faults.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BASE = ("base", "--max_epochs", "1", "--total_trials", "1", "--train_rows", "3000")
DEPLOY = ("deploy", *FIVE_BLOCKS, *NONE_FLAGGED)
RETRAIN = ("retrain", "--max_epochs", "1", "--total_trials", "1", "--promote", "always")


def done(project: Project, *words: str) -> str:
    ended = project.run(*words, timeout=600)
    assert ended.code == 0, ended.err
    return ended.out


def test_a_deleted_base_run_stops_nothing(deployed: Project) -> None:
    """Deleted in MLflow's UI, then for good: deployments and retrains go on."""
    client = mlflow.MlflowClient(f"sqlite:///{deployed.folder}/mlflow.db")
    experiment = client.get_experiment_by_name(deployed.experiment)
    (base,) = client.search_runs([experiment.experiment_id], "tags.`drift.kind` = 'base'")
    client.delete_run(base.info.run_id)
    done(deployed, *DEPLOY)
    done(deployed, *RETRAIN)
    line = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", f"sqlite:///{deployed.folder}/mlflow.db"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    subprocess.run(
        [*line, "--tracking-uri", f"sqlite:///{deployed.folder}/mlflow.db"], cwd=deployed.folder, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=200,
    )  # fmt: skip
    assert not deployed.mlflow("select 1 from runs where run_uuid = ?", base.info.run_id)
    done(deployed, *DEPLOY)
    done(deployed, "rollback")  # to the version whose run is gone
    done(deployed, *DEPLOY)
    done(deployed, *RETRAIN)
    deployed.assert_settled()


def test_a_moved_project_goes_on_in_the_new_place(fresh: Project, tmp_path: Path) -> None:
    """Renamed with a table inside: every command works there, and nothing makes the old folder again."""
    old, new = tmp_path / "old", tmp_path / "new name"
    old.mkdir()
    rows = [f"{number % 97},{number % 89},{'yes' if number % 97 > 48 else 'no'}" for number in range(1_000)]
    (old / "table.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    fresh.folder = old
    done(fresh, *BASE[:-1], "700", "--data", "table.csv", "--label", "label")
    done(fresh, *DEPLOY)
    done(fresh, *RETRAIN)
    old.rename(new)
    fresh.folder = new
    assert "champion" in done(fresh, "status")
    done(fresh, "history")
    done(fresh, *DEPLOY, "--data", "table.csv", "--label", "label")
    done(fresh, *RETRAIN)
    done(fresh, "rollback")
    assert not old.exists()
    assert not fresh.mlflow("select 1 from runs where artifact_uri like ?", f"{old}/%")
    fresh.assert_settled()
