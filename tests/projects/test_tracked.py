"""What real commands leave in MLflow: the table of docs/tracking.md, and MLflow over a real PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

from tests.built import built_once
from tests.postgres import PASSWORD, Cluster, binaries, cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PAGE = (Path(__file__).parents[2] / "docs" / "tracking.md").read_text()
KINDS = {"base": "base", "trial": "trial", "retrain": "challenger", "deployment": "deployment"} | {
    kind: kind for kind in ("replay", "policy")
}
COMMANDS = (
    "base --max_epochs 1 --total_trials 1 --train_rows 3000 --mlflow_experiment_name drift1",
    "deploy --threshold_accuracy .99 --retrain always --test_data_rows 100 --block_size 50 --max_epochs 1"
    " --total_trials 1 --mlflow_experiment_name drift1",
    "retrain --max_epochs 1 --total_trials 1 --mlflow_experiment_name drift2",
    "replay --policies never,threshold:.7 --test_data_rows 672 --mlflow_experiment_name drift1",
)


def run_commands(folder: Path, **environment: str) -> list[str]:
    """Run the commands; what each wrote."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    written = []
    for command in COMMANDS:
        line = [sys.executable, "-m", "drift", *command.split()]
        ended = subprocess.run(
            line, cwd=folder, env=kept | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=600, check=False,
        )  # fmt: skip
        assert ended.returncode in (0, 4), ended.stderr
        written.append(ended.stdout + ended.stderr)
    return written


def all_runs(client: mlflow.MlflowClient) -> list[Run]:
    return list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))


def documented(title: str) -> dict[str, dict[str, bool]]:
    """By kind of run: the keys of one table, and whether each is always there."""
    table = PAGE.partition(f"| {title} | runs |")[2].partition("\n\n")[0]
    keys: dict[str, dict[str, bool]] = defaultdict(dict)
    for line in table.splitlines()[2:]:
        names, kinds = line.split("|")[1:3]
        for name in re.findall(r"`([^`]+)`", names):
            for kind in kinds.split(","):
                keys[kind.strip().rstrip("?")][name] = not kind.strip().endswith("?")
    return keys


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mlflow.MlflowClient]:
    folder = built_once(tmp_path_factory, "tracked", run_commands)
    yield mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")


def files(client: mlflow.MlflowClient, run: Run) -> set[str]:
    top = client.list_artifacts(run.info.run_id)
    inner = [file for folder in top if folder.is_dir for file in client.list_artifacts(run.info.run_id, folder.path)]
    return {file.path for file in [*top, *inner] if not file.is_dir and not file.path.endswith(".html")}


@pytest.mark.parametrize("title", ["parameter", "metric", "artifact"])
def test_the_table_of_what_is_logged_is_complete(client: mlflow.MlflowClient, title: str) -> None:
    keys, seen = documented(title), set()
    for run in all_runs(client):
        if (kind := KINDS.get(run.data.tags["drift.kind"])) is None:
            continue
        seen.add(kind)
        logged = {"parameter": set(run.data.params), "metric": set(run.data.metrics), "artifact": files(client, run)}
        always = {key for key, needed in keys[kind].items() if needed}
        assert logged[title] <= set(keys[kind]), (kind, "not in the table")
        assert always <= logged[title], (kind, "not logged")
    assert seen == set(KINDS.values())


def test_runs_have_descriptions_and_data_sets(client: mlflow.MlflowClient) -> None:
    runs = all_runs(client)
    assert all(run.data.tags.get("mlflow.note.content") for run in runs)
    by_kind = defaultdict(list)
    for run in runs:
        by_kind[run.data.tags["drift.kind"]].append(run)
    for run in [*by_kind["base"], *by_kind["retrain"], *by_kind["deployment"], *by_kind["replay"]]:
        assert run.inputs.dataset_inputs
    names = {run.info.run_name for run in by_kind["trial"]}
    assert {"challenger v2 trial 0", "challenger v3 trial 0"} <= names


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    if binaries() is None:
        pytest.skip("no PostgreSQL; on Debian: make system")
    with cluster() as made:
        yield made


def test_mlflow_over_postgresql_works(postgres: Cluster, tmp_path: Path) -> None:
    written = run_commands(tmp_path, MLFLOW_TRACKING_URI=postgres.url)
    client = mlflow.MlflowClient(postgres.url.replace("postgresql://", "postgresql+psycopg://"))
    runs = all_runs(client)
    kinds = sorted(run.data.tags["drift.kind"] for run in runs)
    assert kinds == [
        "base", "deployment", "policy", "policy", "replay", "retrain", "retrain", "retrain_parent", "trial", "trial",
        "trial",
    ]  # fmt: skip
    assert {run.info.status for run in runs} == {"FINISHED"}
    (deployment,) = [run for run in runs if run.data.tags["drift.kind"] == "deployment"]
    assert [p.step for p in client.get_metric_history(deployment.info.run_id, "test_accuracy")] == [0, 1]
    assert not (tmp_path / "mlflow.db").exists()
    assert not [text for text in written if PASSWORD in text or postgres.url in text]
