"""The specification's commands, as written, and the commands that messages name: each is typed and works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
DEADLINE = 900
SPECIFIED = (
    "python {at}base_model.py --max_epochs 3 --mlflow_experiment_name drift1",
    "python {at}deploy_model.py --max_epochs 3 --test_data_rows 100 --block_size 20 --threshold_accuracy .55"
    " --register_model_name drift_model --mlflow_experiment_name drift",
    "python {at}retrain_model.py --max_epochs 3 --mlflow_experiment_name drift2 --total_trials 2",
)


def shell(folder: Path, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Type a line in a shell without a terminal whose environment is activated."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DRIFT_"))}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"} | more
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip


def checkout(folder: Path) -> Path:
    """A copy of what is needed to run the scripts from their own folder."""
    for name in ("drift", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("base", "deploy", "retrain"):
        shutil.copy(ROOT / f"{name}_model.py", folder)
    return folder


@pytest.mark.parametrize("place", ["an empty folder", "a checkout"])
def test_the_specified_commands_work_in_one_folder(tmp_path: Path, place: str) -> None:
    """In the order of the specification: base in drift1, deployment in drift, retrain in drift2."""
    at = f"{ROOT}/" if place == "an empty folder" else ""
    if not at:
        checkout(tmp_path)
    base, deployed, retrained = (
        shell(tmp_path, line.format(at=at), **({} if at else {"PYTHONPATH": ""})) for line in SPECIFIED
    )
    assert base.returncode == 0, base.stderr
    assert base.stdout.splitlines()[-1] == f"next: python {at}deploy_model.py --mlflow_experiment_name drift1"
    assert deployed.returncode in (0, 3), deployed.stderr
    assert retrained.returncode in (0, 4), retrained.stderr
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    kinds = {}
    for experiment in client.search_experiments():
        runs = client.search_runs([experiment.experiment_id])
        kinds[experiment.name] = sorted({run.data.tags.get("drift.kind", "") for run in runs})
        assert {run.info.status for run in runs} <= {"FINISHED"}
    assert "base" in kinds["drift1"]
    assert kinds["drift"] == ["deployment"]
    assert "retrain" in kinds["drift2"]
    (run,) = [line for line in deployed.stdout.splitlines() if "has no finished base model" in line]
    version = client.get_model_version("drift_model", "1")
    assert f"taking run {version.run_id}" in run
    assert "experiment drift1" in run


def test_every_next_step_that_is_printed_works(tmp_path: Path) -> None:
    """From an empty folder on, only commands that the messages before have named."""
    nothing = shell(tmp_path, "drift deploy")
    assert nothing.returncode == 1
    base = named(r"train one \((.+?)\), or set", nothing.stderr)
    assert base == "drift base --mlflow_experiment_name drift"
    trained = shell(tmp_path, f"{base} --max_epochs 1 --total_trials 1")
    assert trained.returncode == 0, trained.stderr
    for command in ("retrain", "status", "serve", "rollback"):
        refused = shell(tmp_path, f"drift {command}")
        assert refused.returncode == 1
        first = named(r"deploy a model first: (.+)$", refused.stderr)
        assert first == named(r"^next: (.+)$", trained.stdout)
    deployed = shell(tmp_path, f"{first} --threshold_accuracy .99 --max_epochs 1 --total_trials 1")
    assert deployed.returncode == 3, deployed.stderr
    retrained = shell(tmp_path, named(r"to retrain: (.+)$", deployed.stdout))
    assert retrained.returncode in (0, 4), retrained.stderr


def test_the_next_step_of_a_table_of_ones_own(tmp_path: Path) -> None:
    """Each table gets a name of its own in the registry, also one with a space."""
    rows = [f"{n % 7},{n % 11},{'up' if n % 7 > 3 else 'down'}" for n in range(600)]
    for name in ("other.csv", "my stream.csv"):
        (tmp_path / name).write_text("\n".join(["a,b,class", *rows]))
    quick = "--max_epochs 1 --total_trials 1 --label class"
    for name, model in (("other.csv", "other_model"), ("my stream.csv", "my_stream_model")):
        trained = shell(tmp_path, f"python -m drift base --data '{name}' {quick} --mlflow_experiment_name 'a b'")
        assert trained.returncode == 0, trained.stderr
        following = named(r"^next: (.+)$", trained.stdout)
        assert following.startswith("python -m drift deploy --mlflow_experiment_name 'a b' ")
        deployed = shell(tmp_path, following)
        assert deployed.returncode in (0, 3), deployed.stderr
        client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
        assert client.get_model_version_by_alias(model, "champion").version in (1, "1")


def test_a_new_base_never_replaces_a_champion_unseen(tmp_path: Path) -> None:
    """Base, deployment, and a base of other rows: kept, then compared or replaced by the commands that are printed."""
    quick = "--max_epochs 1 --total_trials 1"
    assert shell(tmp_path, f"drift base {quick} --train_rows 4000").returncode == 0
    assert shell(tmp_path, "drift deploy --threshold_accuracy 0").returncode == 0
    assert shell(tmp_path, f"drift base {quick} --train_rows 5000").returncode == 0
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")

    def champion() -> int:
        return int(client.get_model_version_by_alias("drift_model", "champion").version)

    kept = shell(tmp_path, "drift deploy --threshold_accuracy 0")
    assert (kept.returncode, champion()) == (0, 1), kept.stderr
    compare = named(r"deploy again: (.+?); to replace it", kept.stdout)
    replace = named(r"to replace it uncompared: (.+)$", kept.stdout)
    scored = shell(tmp_path, f"{compare} --threshold_accuracy 0")
    assert (scored.returncode, champion()) == (0, 1), scored.stderr
    compared = shell(tmp_path, "drift deploy --threshold_accuracy 0")
    assert compared.returncode == 0, compared.stderr
    line = named(r"(version 2 against version 1 on rows 5000 to 5399: .+)$", compared.stdout)
    (refused,) = re.findall(r"version 2 refused|version 2 is champion", compared.stdout)
    assert champion() == (1 if "refused" in refused else 2), line
    again = shell(tmp_path, f"{replace} --threshold_accuracy 0")
    assert (again.returncode, champion()) == (0, 2), again.stderr


def named(pattern: str, text: str) -> str:
    """The command that a message names."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match, text
    return match.group(1)
