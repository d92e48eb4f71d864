"""A whole deployment as a library call, with a server in memory: how often it reads its table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drift.data.readers import files
from drift.errors import ExitCode
from drift.loop.card import DataSource
from drift.loop.context import DeploymentContext
from drift.loop.deploy import deploy
from drift.loop.journal.journal import Journal
from drift.loop.options import BaseOptions, DeployOptions, TrainOptions
from drift.loop.project_dir import ProjectDir
from drift.loop.retraining.approval import NeverRetrain
from drift.loop.training.base import train_base
from drift.tracking.connection.store import connect
from tests.fakes import FakeService, Listener


@dataclass
class ServedInMemory(FakeService):
    """A fake server that is never restarted."""

    def restore_with(self, restore: Callable[[], object]) -> None:
        """Nothing has to be restored."""


def context(home: ProjectDir, journal: Journal) -> DeploymentContext:
    """A context without a terminal, a browser or a server process."""

    @contextmanager
    def serve(format: str, folder: Path, name: str) -> Iterator[ServedInMemory]:
        yield ServedInMemory(folder)

    def write_report(
        journal: Journal, deployment: object, table: object, details: object, path: Path, **_: Any
    ) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_text("report")
        return path

    return DeploymentContext(
        connect(), home, journal, serve, NeverRetrain(), None, "somebody", Listener(), write_report
    )


@pytest.mark.slow
def test_a_deployment_reads_its_table_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one by the name of its table, the second with a champion that is compared with a new base model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 2))
    table = pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "label": np.where(x[:, 0] > 0, "yes", "no")})
    table.to_csv("table.csv", index=False)
    source = DataSource(str(tmp_path / "table.csv"), "label")
    home = ProjectDir(tmp_path)
    journal = Journal(home.log)
    world = context(home, journal)
    reads: list[Path] = []
    read_whole = files.read_whole

    def counted(file: Path, **details: Any) -> pd.DataFrame:
        reads.append(file)
        return read_whole(file, **details)

    monkeypatch.setattr(files, "read_whole", counted)
    for seed, named in enumerate((True, False)):
        training = TrainOptions(total_trials=1, max_epochs=1, seed=seed, device="cpu")
        train_base(source.load(), source, BaseOptions("drift", training, train_rows=500), store=world.store, home=home)
        table = pd.concat([table, table.tail(5)])
        table.to_csv("table.csv", index=False)  # a file that has changed is read again
        reads.clear()
        result = deploy(
            world,
            DeployOptions(experiment="drift", model_name="m", block_size=100, test_data_rows=200),
            source if named else None,
        )
        assert result.exit_code in (ExitCode.DONE, ExitCode.DRIFT)
        assert len(result.blocks) == 2
        assert reads == [Path(source.path or "")]
