"""Files of a project that are missing or damaged: one line with the reason and the next step, and exit code 1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.built import MODEL, NONE_FLAGGED, copied, promoted_folder
from tests.faults.conftest import Ended, Project, marks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
QUICK = ("--max_epochs", "1", "--total_trials", "1")
COMMANDS = {
    "deploy": ("deploy", "--test_data_rows", "20", "--retrain", "never", *NONE_FLAGGED),
    "retrain": ("retrain", *QUICK),
    "rollback": ("rollback",),
    "status": ("status",),
}
NEEDED = {  # file of a model: the commands that cannot do without it
    "reference.npz": ("deploy",),
    "MLmodel": ("deploy", "retrain", "rollback"),
    "model.pt2": ("deploy", "retrain", "rollback"),
}
CASES = [((name, lost), word) for name, words in NEEDED.items() for lost in (True, False) for word in words]


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory, temp_folder: Path) -> Iterator[Project]:
    """A project whose champion has a previous version; each test puts back what it damaged."""
    folder = copied(promoted_folder(tmp_path_factory), tmp_path_factory.mktemp("damaged"))
    project = Project(folder, MODEL, environment=marks(temp_folder) | {"OMP_NUM_THREADS": "1"})
    yield project
    project.close()


@pytest.fixture
def damaged(promoted: Project, request: pytest.FixtureRequest) -> Iterator[Project]:
    """The project with all files of one name lost or overwritten, which are put back afterwards."""
    name, lost = request.param
    kept = {path: path.read_bytes() for path in _files(promoted.folder, name)}
    assert kept
    for path in kept:
        if lost:
            path.unlink()
        else:
            path.write_bytes(b"{damaged\n")
    yield promoted
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("damaged", "command"), CASES, indirect=["damaged"], ids=[f"{name} {lost} {word}" for (name, lost), word in CASES]
)
def test_a_lost_or_damaged_model_file_is_one_line(
    damaged: Project, command: str, request: pytest.FixtureRequest
) -> None:
    name, lost = request.node.callspec.params["damaged"]
    champion = damaged.alias("champion")
    ended = damaged.run_here(*damaged.named(*COMMANDS[command]))
    assert ended.code == 1, ended.out
    words = last_line(ended)
    if name == "model.pt2" and not lost:
        assert "is not the file that was logged" in words
        assert "put a copy of the original back, or deploy another model" in words
    else:
        assert f"{name} of model m-" in words
        assert ("is missing in" if lost else "is damaged (") in words
        assert "put a copy of it back there, or train another base model and deploy it" in words
    assert damaged.alias("champion") == champion
    damaged.assert_settled()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_damaged_record_of_a_server_is_one_line(promoted: Project, command: str) -> None:
    """Its server may still answer, so no command goes on as if there were none."""
    record = max((promoted.folder / ".drift" / "deployments").glob("*/server")) / "server.json"
    record.write_text("{")
    try:
        ended = promoted.run_here(*promoted.named(*COMMANDS[command]))
    finally:
        record.unlink()
    assert ended.code == 1, ended.out
    assert f"the record {record} of a server cannot be read: it is damaged; end that server" in last_line(ended)


def test_two_first_trainings_at_once_both_succeed(fresh: Project) -> None:
    fresh.environment["OMP_NUM_THREADS"] = "1"
    words = ("base", *QUICK, "--train_rows", "2000")
    started = [fresh.start(*words) for _ in range(2)]
    ended = [fresh.finish(process, timeout=300) for process in started]
    assert [one.code for one in ended] == [0, 0], [one.err for one in ended]
    assert fresh.runs("RUNNING") == []
    assert len(fresh.mlflow("select 1 from experiments where name = 'drift'")) == 1
    assert len(fresh.mlflow("select 1 from tags where key = 'drift.kind' and value = 'base'")) == 2
    assert len(_files(fresh.folder, "model.pt2")) == 2


def last_line(ended: Ended) -> str:
    """The error of a command; SQL and tracebacks are nowhere."""
    assert "SELECT" not in ended.err + ended.out
    assert "Traceback" not in ended.err
    return ended.error


def _files(folder: Path, name: str) -> list[Path]:
    return [Path(top) / name for top, _, names in os.walk(folder / "mlruns") if name in names]
