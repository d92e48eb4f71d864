"""MLFLOW_RUN_ID: adopted only when `mlflow run` made that run for this very process."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from drift import cli, invocation
from drift.tracking.connection.store import Store, connect
from drift.tracking.runs import project_run
from tests.stores import fresh_store

ROOT = Path(__file__).parents[2]
LINE = ("--max_epochs", "3", "--seed", "0")


@pytest.fixture(autouse=True)
def started_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that set the id is this one, whoever started the tests."""
    monkeypatch.setattr(project_run, "_caller", lambda run: psutil.Process())
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """MLflow beside a project folder, as if `mlflow run` had started a process in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "MLproject").write_text("name: drift\n")
    fresh_store(tmp_path, monkeypatch)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(folder / "base_model.py"), *LINE])
    monkeypatch.setattr(invocation, "_project_call", [])
    for name in ("MLFLOW_EXPERIMENT_NAME", "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return connect(create=True)


def made(store: Store, monkeypatch: pytest.MonkeyPatch, *, experiment: str = "drift1", **changes: str) -> str:
    """A run as `mlflow run` makes it, named in the environment."""
    tags = {"mlflow.source.type": "PROJECT", "mlflow.project.entryPoint": "main"} | changes
    run = str(store.client.create_run(store.experiment_id(experiment, create=True), tags=tags).info.run_id)
    for name, value in zip(LINE[::2], LINE[1::2], strict=True):
        store.client.log_param(run, name.removeprefix("--"), value)
    monkeypatch.setenv("MLFLOW_RUN_ID", run)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", store.experiment_id(experiment))
    return run


def test_a_run_made_for_this_process_is_adopted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(store, monkeypatch)
    assert project_run.adopt_project_run("base", LINE) is None
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "drift1"
    call = invocation.project_call()
    assert call is not None
    assert call.run_id == run
    assert call.state == Path(store.uri.removeprefix("sqlite:///")).parent
    assert connect().project_run == run


def test_the_default_experiment_names_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made(store, monkeypatch, experiment="Default")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "")  # `connect` has taken it out
    assert project_run.adopt_project_run("base", LINE) is None
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mlflow.source.type": "LOCAL"}, "was not made by `mlflow run`"),
        ({"mlflow.project.entryPoint": "deploy"}, "of the entry point 'deploy'"),
        ({"drift.kind": "base"}, "another process of this project has taken it"),
        ({"drift.real_run": "x"}, "another process of this project has taken it"),
    ],
)
def test_a_foreign_running_run_is_ignored(
    store: Store, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], reason: str
) -> None:
    run = made(store, monkeypatch, **changes)
    ignored = project_run.adopt_project_run("base", LINE)
    assert ignored is not None
    assert ignored.startswith(f"MLFLOW_RUN_ID {run} is ignored: ")
    assert reason in ignored
    assert connect().project_run is None
    assert "MLFLOW_RUN_ID" not in os.environ


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_that_has_ended_is_ignored(store: Store, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    store.client.set_terminated(made(store, monkeypatch), status=status)
    assert f"that run is {status}" in (project_run.adopt_project_run("base", LINE) or "")
    assert invocation.project_call() is None


def test_another_command_line_is_another_process(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made(store, monkeypatch)
    assert "another --seed" in (project_run.adopt_project_run("base", ("--max_epochs", "3", "--seed", "1")) or "")
    made(store, monkeypatch)
    assert "another --max_epochs, --seed" in (project_run.adopt_project_run("base", ()) or "")


@pytest.mark.parametrize("experiment", [None, "", "0", "another"])
def test_a_run_of_another_experiment_is_ignored(
    store: Store, monkeypatch: pytest.MonkeyPatch, experiment: str | None
) -> None:
    """`mlflow run` sets the experiment's id, too; whoever copied the run's id alone did not run this process."""
    made(store, monkeypatch)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
    if experiment is not None:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    assert "sets MLFLOW_EXPERIMENT_ID, too, and it is not that run's" in (
        project_run.adopt_project_run("base", LINE) or ""
    )
    assert invocation.project_call() is None


@pytest.mark.slow
@pytest.mark.parametrize("through", [[], ["bash", "-c"]])
@pytest.mark.parametrize("exported", [True, False])
def test_an_id_that_a_shell_exports_is_ignored(
    store: Store, monkeypatch: pytest.MonkeyPatch, exported: bool, through: list[str]
) -> None:
    """A shell between `mlflow run` and the command is none that set it."""
    run = made(store, monkeypatch)
    given = {name: os.environ.pop(name) for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID")}
    path = store.uri.removeprefix("sqlite:///")
    script = Path("base_model.py")
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from drift.invocation import project_call\n"
        "from drift.tracking.runs.project_run import adopt_project_run\n"
        "print(adopt_project_run('base', sys.argv[1:]), call.run_id if (call := project_call()) else None)\n"
    )
    line = shlex.join([sys.executable, str(script), *LINE])
    if through:
        line = shlex.join([*through, f"{line}; true"])  # a last command would take the shell's place
    if exported:
        line = "; ".join(f"export {name}={value}" for name, value in given.items()) + f"; {line}"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{path}"} | ({} if exported else given)
    done = subprocess.run(
        ["bash", "-c", f"{line}; true"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    ignored = f"MLFLOW_RUN_ID {run} is ignored: it was set in bash, not by `mlflow run` None"
    assert done.stdout.strip() == (ignored if exported else f"None {run}"), done.stderr


def test_a_project_elsewhere_has_another_run(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made(store, monkeypatch)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "base_model.py")])
    assert "of another project" in (project_run.adopt_project_run("base", LINE) or "")


@pytest.mark.parametrize("run", ["0" * 32, "no id at all", "../../etc"])
def test_an_unknown_id_is_ignored(store: Store, monkeypatch: pytest.MonkeyPatch, run: str) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", run)
    ignored = project_run.adopt_project_run("deploy", ())
    assert ignored is not None
    assert "cannot be read" in ignored
    assert "\n" not in ignored


@pytest.mark.parametrize("command", ["base", "history"])
@pytest.mark.parametrize("content", [None, b""])
def test_a_leftover_id_makes_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, content: bytes | None
) -> None:
    """Neither where there is no file, nor in a file without tables."""
    database = tmp_path / "gone" / "none.db" if content is None else tmp_path / "none.db"
    if content is not None:
        database.write_bytes(content)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    ignored = project_run.adopt_project_run(command, ())
    assert ignored is not None
    assert "is ignored: it cannot be read" in ignored
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["none.db"])
    assert content is None or database.read_bytes() == content


def test_without_mlflow_an_id_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////nowhere/none.db")
    monkeypatch.setattr(project_run, "find_spec", lambda name: None)
    assert project_run.adopt_project_run("base", ()) == f"MLFLOW_RUN_ID {'0' * 32} is ignored: mlflow is not installed"
    assert "MLFLOW_RUN_ID" not in os.environ


@pytest.mark.parametrize("words", ["--version", "example", "compare", "monitor check", "images augment", "serve"])
def test_only_entry_points_look_for_a_project_run(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    looked = list[str]()
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    monkeypatch.setattr(project_run, "adopt_project_run", lambda command, rest: looked.append(command))
    monkeypatch.setattr(cli, "app", lambda prog_name: None)
    monkeypatch.setattr(sys, "argv", ["drift", *words.split()])
    cli.run()
    assert not looked
    monkeypatch.setattr(sys, "argv", ["drift", "replay"])
    cli.run()
    assert looked == ["replay"]


def test_an_id_without_its_server_is_ignored(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    made(store, monkeypatch)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert "MLFLOW_TRACKING_URI, too" in (project_run.adopt_project_run("base", LINE) or "")


def test_a_link_to_a_deleted_run_stops_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from drift.tracking.runs.open_runs import link_project_run

    run = made(store, monkeypatch)
    assert project_run.adopt_project_run("base", LINE) is None
    own = connect()
    own.client.delete_run(run)
    link_project_run(own, "another", "drift")


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        (["python", "/v/bin/mlflow", "run", ".", "--env-manager", "local", "-P", "max_epochs=2"],
         ("/v/bin/mlflow", "run", ".", "--env-manager", "local")),
        (["python", "-m", "mlflow", "run", "-e", "deploy", "https://x/y.git", "--version=v1", "-Pseed=1"],
         ("mlflow", "run", "https://x/y.git", "--version=v1")),
        (["/usr/bin/python", "notebook.py"], ("mlflow", "run", "/srv/here", "--env-manager", "local")),
    ],
)  # fmt: skip
def test_the_next_command_repeats_what_was_typed(
    line: list[str], typed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    made(store, monkeypatch, **{"mlflow.source.name": "/srv/here"})
    is_file = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: str(path) == "/v/bin/mlflow" or is_file(path))
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(psutil.Process, "cmdline", lambda process: line)
    assert project_run.adopt_project_run("base", LINE) is None
    call = invocation.project_call()
    assert call is not None
    assert call.words == typed
