"""The loop as a library gives what the commands give, in whatever folder."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from drift import BaseOptions, DataSource, DeployOptions, Loop, ServerOptions, TrainOptions
from drift.cli import app
from drift.datasets.example import write_example
from drift.errors import StateError, TrackingError, UsageError
from drift.loop.options import ManualRetrainOptions, PromoteMode, RetrainMode

TRAIN = TrainOptions(max_epochs=1, total_trials=1, device="cpu")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """One for the commands and one for the library; the current folder is neither."""
    for name in ("MLFLOW_TRACKING_URI", "DRIFT_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    commands, library = tmp_path / "commands", tmp_path / "library"
    for folder in (commands, library):
        write_example(folder)
    return commands, library


def run(folder: Path, words: str) -> dict[str, Any]:
    """What a command writes as JSON."""
    with chdir(folder):
        done = CliRunner().invoke(app, [*words.split(), "--device", "cpu", "--json", "found.json"])
    assert done.exit_code in (0, 3), done.output
    written: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return written


def test_a_base_model_is_that_of_the_command(folders: tuple[Path, Path]) -> None:
    commands, folder = folders
    words = "base --max_epochs 1 --total_trials 1 --data sales.csv --label returned --time sold_at"
    words += " --ignore order_id,note"
    written = run(commands, words)
    source = DataSource(str(folder / "sales.csv"), "returned", "sold_at", ("order_id", "note"))
    result = Loop(folder).base(source, BaseOptions(train=TRAIN))
    assert (result.accuracy, result.trials) == (written["accuracy"], written["records"])
    assert str(result) == (
        f"base model of run {result.run_id}: accuracy {result.accuracy:.4f}, the best of 1 trial\n"
        f"next: {result.next_step}"
    )
    assert repr(Loop("shop")) == "Loop('shop')"
    assert result.next_step.startswith("drift deploy ") and str(folder) in result.next_step
    assert {path.name for path in folder.iterdir()} >= {".drift", "mlflow.db"}
    assert list(Path.cwd().iterdir()) == []


def test_a_missing_folder_is_created_and_what_is_no_source_is_refused(folders: tuple[Path, Path]) -> None:
    _, library = folders
    with pytest.raises(TrackingError, match=r"there is no .*missing/folder/mlflow\.db"):
        Loop(library / "missing" / "folder").retrain()
    with pytest.raises(StateError, match=r"expected a folder that can be made at .*sales\.csv"):
        Loop(library / "sales.csv").retrain()
    loop = Loop(library)
    for call in (lambda: loop.base("t.csv"), lambda: loop.deploy(source="t.csv")):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=r"expected drift\.DataSource\(path, label="):
            call()
    with pytest.raises(UsageError, match=r"expected a drift\.DeployOptions, got DataSource"):
        loop.deploy(DataSource())  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_deployment_is_that_of_the_command(folders: tuple[Path, Path]) -> None:
    commands, folder = folders
    run(commands, "base --max_epochs 1 --total_trials 1 --train_rows 700")
    written = run(commands, "deploy --retrain never --test_data_rows 60")
    loop = Loop(folder)
    loop.base(options=BaseOptions(train=TRAIN, train_rows=700))
    result = loop.deploy(DeployOptions(ask=RetrainMode.NEVER, test_data_rows=60).on_device("cpu"))
    kept = ("correct", "wrong", "flagged", "accuracy", "start", "stop", "version")
    own = [{name: block[name] for name in kept} for block in result.records]
    assert own == [{name: block[name] for name in kept} for block in written["records"]]
    assert (result.summary.accuracy, int(result.exit_code)) == (written["accuracy"], written["exit_code"])
    assert result.numbers.keys() == written.keys() - {"options", "versions", "records"}
    assert result.report is None
    assert str(result).startswith(f"60 rows in {result.summary.blocks} blocks: accuracy ")
    assert loop.status()["champion"]["version"] == 1
    with pytest.raises(TrackingError, match="no previous version"):
        loop.rollback()


def test_what_cannot_be_is_refused_before_anything_is_begun(folders: tuple[Path, Path]) -> None:
    _, folder = folders
    before = set(folder.iterdir())
    with pytest.raises(UsageError, match="needs a terminal"):
        Loop(folder).deploy(DeployOptions(promote=PromoteMode.ASK))
    with pytest.raises(UsageError, match="needs a terminal"):
        Loop(folder).retrain(ManualRetrainOptions(promote=PromoteMode.ASK))
    with pytest.raises(UsageError, match="--server URL without --port"):
        Loop(folder, server=ServerOptions("http://127.0.0.1:8080", folder), port=1)
    with pytest.raises(TrackingError, match=r"there is no .*library/mlflow\.db"):
        Loop(folder).retrain()
    with pytest.raises((TrackingError, StateError)):
        Loop(folder).rollback()
    assert set(folder.iterdir()) == before
