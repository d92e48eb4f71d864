"""`mlflow run` and the three addresses, with real MLflow: SQLite, and a server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import mlflow
import pytest

from tests.built import copied, deployed_folder
from tests.servers import mlflow_server
from tests.stores import empty_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
DEADLINE = 540
QUICK = ("--max_epochs", "1", "--total_trials", "1")
QUICK_PROJECT = ("-P", "max_epochs=1", "-P", "total_trials=1", "-P", "train_rows=5000")


@pytest.fixture(params=["sqlite", "server"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where MLflow keeps things: a file, or a real server."""
    if request.param == "sqlite":
        yield stored(tmp_path)
    else:
        empty_store(tmp_path, artifacts="mlflow-artifacts:/0")
        with mlflow_server(tmp_path / "mlflow.db", tmp_path / "artifacts") as address:
            yield address


def stored(folder: Path) -> str:
    """The address of a file of MLflow's in a folder, whose tables are there: making them takes seconds."""
    return f"sqlite:///{empty_store(folder)}"


def run(
    folder: Path, uri: str, *line: str, more: Mapping[str, str] | None = None, seconds: float = DEADLINE
) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment |= {"MLFLOW_TRACKING_URI": uri, "DRIFT_HOME": str(folder / ".drift")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment = {name: value for name, value in (environment | dict(more or {})).items() if value}
    return subprocess.run(
        line,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def runs(uri: str, experiment: str) -> list[mlflow.entities.Run]:
    client = mlflow.MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None, f"no experiment {experiment}"
    return list(client.search_runs([found.experiment_id]))


def project(
    folder: Path, uri: str, *words: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return run(folder, uri, "mlflow", "run", str(ROOT), "--env-manager", "local", *words, more=more)


def test_mlflow_run_puts_the_run_where_it_was_asked_to(tmp_path: Path, uri: str) -> None:
    two = ("-P", "max_epochs=2", "-P", "total_trials=2", "-P", "train_rows=5000")
    done = project(tmp_path, uri, *two, "-P", "mlflow_experiment_name=Y")
    assert done.returncode == 0, done.stderr
    found = runs(uri, "Y")
    (parent,) = [one for one in found if one.info.run_name == "BaseModel"]
    children = [one for one in found if one.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == 2
    assert {one.info.status for one in found} == {"FINISHED"}
    (stub,) = runs(uri, "Default")
    assert stub.data.tags["drift.real_run"] == parent.info.run_id
    assert parent.data.params["max_epochs"] == "2"
    assert 0.5 < parent.data.metrics["reference/accuracy"] < 1


def test_mlflow_run_in_the_same_experiment_uses_its_own_run(tmp_path: Path) -> None:
    uri = stored(tmp_path)
    names = ("--experiment-name", "Y", "-P", "mlflow_experiment_name=Y")
    done = project(tmp_path, uri, *names, *QUICK_PROJECT)
    assert done.returncode == 0, done.stderr
    parents = [one for one in runs(uri, "Y") if "mlflow.parentRunId" not in one.data.tags]
    assert [one.info.run_name for one in parents] == ["BaseModel"]
    assert parents[0].data.tags["mlflow.project.backend"] == "local"


@pytest.mark.parametrize("uri", ["server"], indirect=True)
def test_the_command_lines_of_the_addresses(tmp_path: Path, uri: str) -> None:
    """As people type them, one after another, without a terminal."""
    python = sys.executable
    base = run(
        tmp_path, uri, python, str(ROOT / "base_model.py"),
        *["--max_epochs", "3", "--mlflow_experiment_name", "drift", "--total_trials", "2", "--seed", "7"],
    )  # fmt: skip
    assert base.returncode == 0, base.stderr
    short = run(tmp_path, uri, python, str(ROOT / "deploy_model.py"), "--threshold_accuracy", ".55")
    assert short.returncode in (0, 3), short.stderr
    assert short.stdout.strip().splitlines()[-1].startswith("report: ")
    whole = run(
        tmp_path, uri, python, str(ROOT / "deploy_model.py"),
        *["--test_data_rows", "100", "--block_size", "20", "--threshold_accuracy", ".55"],
        *["--register_model_name", "drift_model"],
        *["--mlflow_experiment_name", "drift", "--max_epochs", "3"],
    )  # fmt: skip
    assert whole.returncode in (0, 3), whole.stderr
    again = run(
        tmp_path, uri, python, str(ROOT / "retrain_model.py"),
        *["--max_epochs", "3", "--mlflow_experiment_name", "drift", "--total_trials", "2"],
    )  # fmt: skip
    assert again.returncode in (0, 4), again.stderr
    found = runs(uri, "drift")
    (parent,) = [one for one in found if one.info.run_name == "BaseModel"]
    nested = [one for one in found if one.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sum(one.data.tags["drift.kind"] == "trial" for one in nested) == 4
    assert sum(one.data.tags["drift.kind"] == "retrain" for one in nested) == 1
    (deployment, _) = [one for one in found if one.data.tags["drift.kind"] == "deployment"]
    history = mlflow.MlflowClient(uri).get_metric_history(deployment.info.run_id, "block/accuracy")
    assert [point.step for point in history] == list(range(5))
    assert {one.info.status for one in found} == {"FINISHED"}


def test_every_entry_point_runs(tmp_path: Path) -> None:
    """`window_rows` has no default, so MLproject cannot name it and MLflow hands it on."""
    uri = stored(tmp_path)
    assert project(tmp_path, uri, *QUICK_PROJECT).returncode == 0
    done = project(tmp_path, uri, "-e", "deploy", "-P", "retrain=never")
    assert "report: " in done.stdout, done.stderr
    (deployment,) = [one for one in runs(uri, "drift") if one.data.tags["drift.kind"] == "deployment"]
    stub = runs(uri, "Default")[0]
    assert stub.data.tags["drift.real_run"] == deployment.info.run_id
    assert deployment.info.run_id in stub.data.tags["mlflow.note.content"]
    done = project(tmp_path, uri, "-e", "status")
    assert done.returncode == 0, done.stderr
    more = ("-P", "promote=always", "-P", "window_rows=4000")
    done = project(tmp_path, uri, "-e", "retrain", "-P", "max_epochs=1", "-P", "total_trials=1", *more)
    assert done.returncode == 0, done.stderr
    (retrained,) = [found for found in runs(uri, "drift") if found.data.tags["drift.kind"] == "retrain"]
    assert retrained.data.params["window_rows"] == "4000"
    assert retrained.info.run_name == "challenger v2"
    assert runs(uri, "Default")[0].data.tags["drift.real_run"] == retrained.info.run_id
    registry = mlflow.MlflowClient(uri)
    assert registry.get_model_version_by_alias("drift_model", "champion").version in (2, "2")
    reason = 'it\'s slower; $HOME "x"'  # the shell that MLflow starts must not read it
    done = project(tmp_path, uri, "-e", "rollback", "-P", f"reason={reason}")
    assert done.returncode == 0, done.stderr
    assert registry.get_model_version_by_alias("drift_model", "champion").version in (1, "1")
    done = project(tmp_path, uri, "-e", "history")
    assert done.returncode == 0, done.stderr
    assert reason in done.stdout


def test_a_table_of_ones_own_through_mlflow_run(tmp_path: Path) -> None:
    uri, table = stored(tmp_path), tmp_path / "my stream.csv"
    rows = [f"{n % 7},{n % 11},{'up' if n % 7 > 3 else 'down'}" for n in range(400)]
    table.write_text("\n".join(["a,b,class", *rows]))
    done = project(tmp_path, uri, *QUICK_PROJECT[:4], "-P", f"data={table}", "-P", "label=class")
    assert done.returncode == 0, done.stderr
    (base,) = [found for found in runs(uri, "drift") if found.data.tags["drift.kind"] == "base"]
    assert base.data.params["data"] == str(table)


def test_a_retrain_in_another_experiment_links_back(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    uri = f"sqlite:///{copied(deployed_folder(tmp_path_factory), tmp_path)}/mlflow.db"
    line = (sys.executable, str(ROOT / "retrain_model.py"), *QUICK, "--mlflow_experiment_name", "elsewhere")
    done = run(tmp_path, uri, *line)
    assert done.returncode in (0, 4), done.stderr
    (base,) = [found for found in runs(uri, "drift") if found.info.run_name == "BaseModel"]
    (parent,) = [found for found in runs(uri, "elsewhere") if "mlflow.parentRunId" not in found.data.tags]
    assert parent.data.tags["drift.base_run"] == base.info.run_id
    assert len(runs(uri, "elsewhere")) == 3


def test_the_environment_names_the_experiment(tmp_path: Path) -> None:
    """Under `mlflow run` and for a script alike; no run, not even an empty one, is anywhere else."""
    uri, named = stored(tmp_path), {"MLFLOW_EXPERIMENT_NAME": "drift1"}
    done = project(tmp_path, uri, *QUICK_PROJECT, more=named)
    assert done.returncode == 0, done.stderr
    line = (sys.executable, str(ROOT / "base_model.py"), *QUICK, "--train_rows", "5000")
    script = run(tmp_path, uri, *line, more=named)
    assert script.returncode == 0, script.stderr
    found = runs(uri, "drift1")
    assert sorted(one.data.tags["drift.kind"] for one in found) == ["base", "base", "trial", "trial"]
    client = mlflow.MlflowClient(uri)
    others = [other.experiment_id for other in client.search_experiments() if other.name != "drift1"]
    assert client.search_runs(others) == []


@pytest.mark.parametrize("leftover", ["a finished run", "an unknown id", "a running run"])
def test_a_leftover_run_id_changes_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, leftover: str
) -> None:
    """Base, deployment and retrain go their way with one line about it, and the run stays as it was."""
    uri = f"sqlite:///{copied(deployed_folder(tmp_path_factory), tmp_path)}/mlflow.db"
    client = mlflow.MlflowClient(uri)
    stale = "0123456789abcdef0123456789abcdef"
    if leftover != "an unknown id":
        stale = client.create_run("0", tags={"mlflow.source.type": "LOCAL"}).info.run_id
        client.log_param(stale, "max_epochs", "99")
        client.set_terminated(stale, status="FINISHED" if leftover == "a finished run" else "RUNNING")
    before = None if leftover == "an unknown id" else client.get_run(stale).to_dictionary()
    known = {one.info.run_id for one in runs(uri, "drift")}
    for script, codes, *words in (
        ("retrain", (0, 4), *QUICK, "--window_rows", "4000"),
        ("deploy", (0,), "--threshold_accuracy", "0"),
        ("base", (0,), *QUICK, "--train_rows", "5000"),
    ):
        line = (sys.executable, str(ROOT / f"{script}_model.py"), *words)
        done = run(tmp_path, uri, *line, more={"MLFLOW_RUN_ID": stale})
        assert done.returncode in codes, done.stderr
        assert [text for text in done.stderr.splitlines() if f"MLFLOW_RUN_ID {stale} is ignored" in text], done.stderr
    assert before is None or client.get_run(stale).to_dictionary() == before
    made = [one for one in runs(uri, "drift") if one.info.run_id not in known]
    assert {one.data.tags["drift.kind"] for one in made} == {"base", "trial", "deployment", "retrain"}
    assert {one.info.status for one in made} == {"FINISHED"}


def repository(folder: Path) -> dict[str, str]:
    """The project as a Git repository, and the environment in which it has a URL."""
    folder.mkdir()
    for name in ("drift", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("MLproject", "conda.yaml", "base_model.py", "deploy_model.py", "retrain_model.py"):
        shutil.copy(ROOT / name, folder)
    author = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*author, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, timeout=60)
    url = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{folder}.insteadOf"}
    return url | {"GIT_CONFIG_VALUE_0": "https://git.invalid/drift"}


def test_a_git_url_keeps_its_state_where_it_was_called(tmp_path: Path) -> None:
    """Without conda and pyenv, with a table by a relative path, a flag, and no tracking URI: all in one folder."""
    more = repository(tmp_path / "origin")
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = [f"{n % 7},{n % 11},{'up' if n % 7 > 3 else 'down'}" for n in range(600)]
    (folder / "my stream.csv").write_text("\n".join(["a,b,class", *rows]))
    (tmp_path / "copies").mkdir()
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    assert not any(shutil.which(name, path=path) for name in ("conda", "pyenv"))
    more |= {"TMPDIR": str(tmp_path / "copies"), "PYTHONPATH": "", "PATH": path, "DRIFT_HOME": ""}
    quick = ("-P", "max_epochs=1", "-P", "total_trials=1")
    table = ("-P", "data=my stream.csv", "-P", "label=class")
    begin = ("mlflow", "run", "https://git.invalid/drift", "--env-manager", "local")
    done = run(folder, "", *begin, *quick, *table, more=more)
    assert done.returncode == 0, done.stderr
    following = (
        "next: mlflow run https://git.invalid/drift --env-manager local -e deploy -P mlflow_experiment_name=drift"
    )
    assert following in done.stdout
    deployed = run(folder, "", *begin, "-e", "deploy", "-P", "shadow=true", "-P", "retrain=never", more=more)
    assert "report: " in deployed.stdout, deployed.stderr
    assert {"mlflow.db", ".drift", "reports"} <= {path.name for path in folder.iterdir()}
    assert (folder / ".drift" / "log.db").is_file()
    assert list((folder / "reports").glob("*.html"))
    (base,) = [one for one in runs(f"sqlite:///{folder}/mlflow.db", "drift") if one.data.tags["drift.kind"] == "base"]
    assert base.data.params["data"] == str(folder / "my stream.csv")
    (deployment,) = [
        one for one in runs(f"sqlite:///{folder}/mlflow.db", "drift") if one.data.tags["drift.kind"] == "deployment"
    ]
    assert deployment.data.params["shadow"] == "True"
    assert not list(tmp_path.glob("copies/**/.drift"))


def test_uv_builds_the_environment_without_conda(tmp_path: Path) -> None:
    """In a shell with uv and neither conda nor pyenv. Downloads every package, once: minutes."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists() or os.environ.get("DRIFT_TEST_UV") != "1":
        pytest.skip("set DRIFT_TEST_UV=1, with uv on the search path, to build an environment of 2 GB")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to(uv)
    (tmp_path / "bin" / "mlflow").symlink_to(Path(sys.executable).with_name("mlflow"))
    more = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "PYTHONPATH": "", "MLFLOW_ENV_ROOT": str(tmp_path / "envs")}
    line = ("mlflow", "run", str(ROOT), "--env-manager", "uv", "-P", "max_epochs=1", "-P", "total_trials=1")
    done = run(tmp_path, f"sqlite:///{tmp_path}/mlflow.db", *line, more=more, seconds=550)
    assert done.returncode == 0, done.stderr
    assert [one.data.tags["drift.kind"] for one in runs(f"sqlite:///{tmp_path}/mlflow.db", "drift")].count("base") == 1
