"""A served replay decides as one in this process does; with a server in memory, and with TorchServe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from drift.data.blocks import Answer, Block, Floats, Rows, Table
from drift.errors import ServingError, UsageError
from drift.replays.combiners import Newest
from drift.replays.experiment import ReplayResults, Step, compare_policies
from drift.replays.play import Stream
from drift.replays.served_replay import ServedReplay, own_server
from drift.replays.versions import ReplayVersions
from tests.fakes import FakeService
from tests.replays.test_play import SIZE, START, fit, moving_table

NAMES = ("never", "every:5", "harm", "every:5+recall", "oracle:2")


def fit_small(train: Rows, classes: int, seed: int) -> Any:
    from drift.models.ensemble import EnsembleOptions, fit_ensemble
    from drift.models.predict import LocalPredictor

    options = EnsembleOptions(width=8, depth=1)
    return LocalPredictor(fit_ensemble(train, members=2, seed=seed, classes=classes, options=options))


@dataclass
class LocalService(FakeService):
    """A server in memory that answers with what its archives hold, and remembers how much it held."""

    most: int = 0  # versions at a time
    switches: list[int] = field(default_factory=list)
    off_by: float = 0.0
    programs: dict[int, Any] = field(default_factory=dict)

    def load(self, archive: Path, version: int) -> None:
        from drift.models.predict import LocalPredictor

        super().load(archive, version)
        self.most = max(self.most, len(self.loaded))
        with zipfile.ZipFile(archive) as packed:
            path = packed.extract("model.pt2", self.store / str(version))
        self.programs[version] = LocalPredictor.from_file(Path(path))

    def make_default(self, version: int) -> None:
        super().make_default(version)
        self.switches.append(version)

    def predict(self, features: Floats) -> Answer:
        assert self.default_version is not None
        assert self.default_version in self.loaded
        found = self.programs[self.default_version].predict(features).probabilities
        return Answer(found + np.float32(self.off_by), self.default_version)


@dataclass
class Starter:
    """Starts a server in memory, and knows how often, and whether it was ended."""

    service: LocalService
    started: int = 0
    ended: int = 0

    @contextmanager
    def __call__(self) -> Iterator[LocalService]:
        self.started += 1
        try:
            yield self.service
        finally:
            self.ended += 1


@pytest.fixture
def stream() -> Stream:
    return Stream(moving_table(), START, SIZE)


@pytest.fixture
def starter(tmp_path: Path) -> Starter:
    return Starter(LocalService(tmp_path / "store"))


def versions(stream: Stream, cache: Path | None = None) -> ReplayVersions:
    return ReplayVersions(stream.table, fit_small, family="small", cache=cache)


def same(served: ReplayResults, here: ReplayResults) -> None:
    """Decisions, retrains and predictions are equal."""
    assert served.names == here.names
    for one, other in zip(served.outcomes, here.outcomes, strict=True):
        assert one.run.retrains == other.run.retrains
        assert one.run.alarms == other.run.alarms
        assert (one.run.predictions == other.run.predictions).all()
        assert one.measures == other.measures


def test_a_served_replay_decides_as_one_in_this_process(stream: Stream, starter: Starter, tmp_path: Path) -> None:
    """The cache is filled by the first, so that the second has to train again what it serves."""
    options: dict[str, Any] = {"seeds": (0,), "window_rows": 100}
    here = compare_policies(stream, versions(stream, tmp_path / "cache"), NAMES, **options)
    told: list[Step] = []
    with ServedReplay(versions(stream, tmp_path / "cache"), starter) as serving:
        served = compare_policies(
            stream, versions(stream, tmp_path / "cache"), NAMES, **options, serving=serving, tell=told.append
        )
    same(served, here)
    assert any(one.run.retrains for one in served.outcomes)
    assert starter.service.most == 2
    assert len(starter.service.loaded) == 1
    assert (starter.started, starter.ended) == (1, 1)
    tally = serving.tally
    assert tally.rows == len(NAMES) * len(stream.rows)
    assert tally.turned == 0
    assert tally.largest_difference < 1e-6
    assert tally.rollovers == len(starter.service.switches) - 1
    assert f"rollovers: {tally.rollovers})" in str(tally)
    news = [step.words for step in told if "loading version" in step.words or "starting" in step.words]
    assert news[:2] == ["never, seed 0: starting TorchServe", "never, seed 0: loading version 1"]
    assert {(step.done, step.total) for step in told} >= {(0, 16), (16, 16)}


def test_what_all_versions_answer_is_refused_at_once(stream: Stream, starter: Starter) -> None:
    fitted = versions(stream)
    with (
        ServedReplay(fitted, starter) as serving,
        pytest.raises(UsageError, match=r"--serve, got spaced:3\+mix, for which"),
    ):
        compare_policies(
            stream, fitted, ["oracle", "spaced:3+mix"], seeds=(0,), window_rows=100, serving=serving
        )  # fmt: skip
    assert starter.started == fitted.trained == 0


def ask(serving: ServedReplay, fitted: ReplayVersions, stream: Stream) -> None:
    """The first block, of the base model."""
    answering = serving.answering("never", Newest(), lambda news, block: None)
    answering.answer(stream.blocks[0], [fitted.get(range(START), 0)], stream.table)


@pytest.mark.parametrize("off_by", [1e-3, float("nan")])
def test_another_models_answers_are_an_error(stream: Stream, starter: Starter, off_by: float) -> None:
    starter.service.off_by = off_by
    fitted = versions(stream)
    with (
        pytest.raises(ServingError, match="within 1e-05 of those in this process for block 0"),
        ServedReplay(fitted, starter) as serving,
    ):
        ask(serving, fitted, stream)
    assert starter.ended == 1


def test_a_rollover_that_did_not_happen_is_an_error(
    stream: Stream, starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = versions(stream)
    monkeypatch.setattr(starter.service, "predict", lambda features: Answer(np.zeros((SIZE, 2), np.float32), 7))
    with (
        ServedReplay(fitted, starter) as serving,
        pytest.raises(ServingError, match="of version 1 to block 0, got 7's"),
    ):
        ask(serving, fitted, stream)


def test_a_version_that_does_not_come_up_is_an_error(stream: Stream, starter: Starter) -> None:
    starter.service.broken.add(1)
    fitted = versions(stream)
    with pytest.raises(ServingError, match="version 1 does not come up"), ServedReplay(fitted, starter) as serving:
        ask(serving, fitted, stream)
    assert starter.ended == 1


def test_a_model_that_cannot_be_exported_is_an_error(stream: Stream, starter: Starter) -> None:
    fitted = ReplayVersions(stream.table, fit, family="threshold", cache=None)
    with ServedReplay(fitted, starter) as serving, pytest.raises(ServingError, match="exported, got a Threshold"):
        ask(serving, fitted, stream)


@dataclass
class Looked:
    """An answering of somebody else's that picks one version."""

    name: str = "first"

    def select(self, block: Block, found: Any) -> Any:
        return found[0]

    def answer(self, block: Block, found: Any, table: Table) -> Floats:
        return Newest().answer(block, found, table)


def test_any_answering_that_picks_one_version_is_served(stream: Stream, starter: Starter) -> None:
    fitted = versions(stream)
    trained = [fitted.get(range(START), 0), fitted.get(range(100, 300), 0)]
    with ServedReplay(fitted, starter) as serving:
        answering = serving.answering("first", Looked(), lambda news, block: None)
        found = answering.answer(stream.blocks[3], trained, stream.table)
    assert found == pytest.approx(trained[0].answers(stream.blocks[3].rows), abs=1e-6)


def test_a_servers_folder_stays_only_for_its_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def own(folder: Path, name: str) -> Iterator[None]:
        folder.mkdir(exist_ok=True)
        yield

    monkeypatch.setattr("drift.serving.torchserve.service.ModelService.start", own)
    folder = tmp_path / "replay-server"
    with own_server(folder):
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(KeyboardInterrupt), own_server(folder):
        raise KeyboardInterrupt
    assert not folder.exists()
    with pytest.raises(ServingError), own_server(folder):
        raise ServingError("it died: see console.log")
    assert folder.is_dir()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_command_through_torchserve(tmp_path: Path) -> None:
    """3,000 rows of ELEC with real rollovers: same decisions and accuracies, nothing left in the end."""
    temp = tmp_path / "t"
    temp.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DRIFT_HOME"))}
    environment |= {"TMPDIR": str(temp), "PYTHONPATH": str(Path(__file__).parents[2])}
    line = [sys.executable, "-m", "drift", "replay", "--policies", "every:3,ddm,every:3+recall"]
    line += ["--block_size", "300", "--test_data_rows", "3000", "--json"]
    found = {}
    for file, more in (("here.json", []), ("served.json", ["--serve"])):
        done = subprocess.run(
            [*line, file, *more],
            check=False,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        found[file] = json.loads((tmp_path / file).read_text())
    here, served = ([{**one, "seconds": 0} for one in found[file]["records"]] for file in ("here.json", "served.json"))
    assert served == here
    assert {one["policy"]: one["retrains"] for one in here}["every:3"] == 3
    tally = found["served.json"]["served"]
    assert (tally["rows"], tally["turned"]) == (9_000, 0)
    assert tally["rollovers"] >= 3 + 1
    assert tally["largest_difference"] < 1e-6
    assert not (tmp_path / ".drift" / "replay-server").exists()
    assert not [one for one in psutil.process_iter() if str(temp) in _temp_of(one)]
    assert not list(temp.glob("drift-*"))


def _temp_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("TEMP", "")
    except (psutil.Error, OSError):
        return ""
