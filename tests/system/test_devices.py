"""`--device`: what a name means on a machine, and that networks and batches go there; no GPU is needed for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from drift.cli import app
from drift.datasets.images import Images
from drift.errors import UsageError
from drift.models.blend import fit_blend
from drift.models.ensemble import EnsembleOptions, fit_ensemble
from drift.models.fit import FitOptions, LabelledTensors, descend, fit
from drift.models.images import fit_head, fit_images, new_model, recipe
from drift.models.network import Shape, TableNet
from drift.models.quantiles import fit_quantile_ranks
from drift.system.devices import resolve_device
from tests.commands.test_usage import commands, folder
from tests.models.images.pictures import CLASSES, TRAIN, VALIDATION, digits
from tests.models.test_models import problem

__all__ = ["folder"]
Moves = list[tuple[tuple[int, ...], torch.dtype]]
OPTIONS = FitOptions(learning_rate=1e-2, weight_decay=1e-2, batch_size=64, max_epochs=2, seed=3)
WITH_DEVICE = [name for name, command in commands().items() if any("--device" in part.opts for part in command.params)]
ARGUMENTS = {"compare": ("a.csv", "b.csv"), "retrain": (), "replay": ("--policies", "never")}


def machine(monkeypatch: pytest.MonkeyPatch, *, gpus: int = 0, mps: bool = False) -> None:
    """Let torch tell of other devices than this machine has."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moves]:
    """A machine with MPS, whose tensors stay where they are: shapes and types of all that is sent there."""
    machine(monkeypatch, mps=True)
    moves: Moves = []
    real = torch.Tensor.to

    def to(tensor: torch.Tensor, *where: Any, **more: Any) -> torch.Tensor:
        if where and str(where[0]) == "mps":
            moves.append((tuple(tensor.shape), tensor.dtype))
            return tensor
        return real(tensor, *where, **more)

    monkeypatch.setattr(torch.Tensor, "to", to)
    yield moves


@pytest.mark.parametrize(
    ("gpus", "mps", "device"), [(0, False, "cpu"), (0, True, "mps"), (1, False, "cuda"), (4, True, "cuda")]
)
def test_auto_is_cuda_else_mps_else_cpu(monkeypatch: pytest.MonkeyPatch, gpus: int, mps: bool, device: str) -> None:
    machine(monkeypatch, gpus=gpus, mps=mps)
    assert resolve_device("auto") == device
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto", double_precision=True) == ("cuda" if gpus else "cpu")


def test_a_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpus=2, mps=True)
    assert [resolve_device(name) for name in ("cuda", "cuda:0", "cuda:1", "mps")] == ["cuda", "cuda:0", "cuda:1", "mps"]


@pytest.mark.parametrize(
    ("gpus", "name", "words"),
    [
        (0, "cuda", "expected 1 CUDA device(s) or more for --device cuda, got 0"),
        (2, "cuda:2", "expected 3 CUDA device(s) or more for --device cuda:2, got 2"),
        (1, "mps", "expected a Mac with Metal"),
        *[(1, name, f"got {name!r}") for name in ("tpu", "", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "mps:1", "CUDA")],
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, gpus: int, name: str, words: str
) -> None:
    machine(monkeypatch, gpus=gpus)
    with pytest.raises(UsageError) as raised:
        resolve_device(name)
    assert words in str(raised.value)
    assert "auto" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_mps_is_refused_for_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, mps=True)
    with pytest.raises(UsageError, match="double precision, got --device mps"):
        resolve_device("mps", double_precision=True)


def test_every_command_that_trains_or_compares_takes_it() -> None:
    images = {f"images {name}" for name in ("simulate", "kernels", "augment")}
    assert set(WITH_DEVICE) == {"base", "retrain", "deploy", "replay", "compare"} | images


@pytest.mark.parametrize("name", WITH_DEVICE)
@pytest.mark.parametrize("device", ["cuda", "mps", "tpu"])
def test_commands_refuse_it_before_they_begin(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, device: str
) -> None:
    machine(monkeypatch)
    words = ARGUMENTS.get(name, ())
    for path in words:
        if path.endswith(".csv"):
            (folder / path).write_text("x\n1\n")
    before = sorted(folder.iterdir())
    done = CliRunner().invoke(app, [*name.split(), *words, "--device", device])
    assert done.exit_code == 2, done.output
    assert f"--device {device}" in done.output or f"got {device!r}" in done.output
    assert done.output.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_the_fit_of_a_table_sends_network_and_batches(moved: Moves) -> None:
    train, validation = problem(200), problem(50, 1)
    net, same = (TableNet(fit_quantile_ranks(train.features), Shape(8, 1, 0.0), 2) for _ in range(2))
    same.load_state_dict(net.state_dict())
    fit(net, train, validation, OPTIONS, device="mps")
    d = train.features.shape[1]
    weights = {(tuple(part.shape), part.dtype) for part in net.dense.parameters()}
    batches = {((n, d), torch.float32) for n in (64, 8, 50)} | {((n,), torch.int64) for n in (64, 8, 50)}
    assert weights | batches <= set(moved)
    assert sum(shape == (64, d) for shape, _ in moved) == 2 * 3
    assert {part.device.type for part in net.state_dict().values()} == {"cpu"}
    fit(same, train, validation, OPTIONS)
    assert all(torch.equal(one, other) for one, other in zip(net.parameters(), same.parameters(), strict=True))


def test_the_loop_computes_nothing_where_it_should_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tensors that know where they are and have no values, torch itself refuses to mix devices."""
    losses: list[torch.device] = []

    def sent(module: torch.nn.Module, _inputs: object, logits: torch.Tensor) -> None:
        losses.append(logits.device)
        raise InterruptedError

    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    module.register_forward_hook(sent)
    rows = LabelledTensors(torch.zeros(90, 4), torch.zeros(90, dtype=torch.int64))
    monkeypatch.setattr(torch.optim.AdamW, "__init__", without_fusing(torch.optim.AdamW.__init__))
    with pytest.raises(InterruptedError):
        descend(module, rows, rows, OPTIONS, device="meta")
    assert losses == [torch.device("meta")]
    assert {part.device.type for part in module.parameters()} == {"meta"}


def without_fusing(real: Callable[..., None]) -> Callable[..., None]:
    return lambda *parts, **options: real(*parts, **options | {"fused": False})


@pytest.mark.parametrize("whole", [fit_ensemble, fit_blend])
def test_an_ensemble_is_trained_there_and_comes_back(moved: Moves, whole: Callable[..., torch.nn.Module]) -> None:
    rows, options = problem(300), EnsembleOptions(width=8, epochs=2, batch_size=100)
    there = whole(rows, seed=1, members=2, options=options, device="mps")
    sent = set(moved)
    d = rows.features.shape[1]
    assert {((300, d), torch.float32), ((300,), torch.int64)} <= sent
    assert {((2, d, 8), torch.float32), ((2, 1, 8), torch.float32), ((2, 8, 2), torch.float32)} <= sent
    assert {((2, 100), torch.int64), ((2, 100, 8), torch.float32)} <= sent  # picked rows, and dropout's factors
    here = whole(rows, seed=1, members=2, options=options)
    assert {part.device.type for part in there.parameters()} == {"cpu"}
    assert all(torch.equal(one, other) for one, other in zip(there.parameters(), here.parameters(), strict=True))


@pytest.mark.parametrize("head", [False, True])
def test_image_networks_are_trained_there(moved: Moves, tmp_path: Path, head: bool) -> None:
    train, validation = digits(TRAIN), digits(VALIDATION)
    model = new_model("small", train.pixels, CLASSES, name="digits", seed=0)
    options = replace(recipe("small", seed=0, max_epochs=1), batch_size=500)
    if head:
        fit_head(model, train, validation, cache_folder=tmp_path, options=options, device="mps")
    else:
        fit_images(model, train, validation, options, device="mps")
    assert {(tuple(part.shape), part.dtype) for part in model.net.parameters()} <= set(moved)
    batch = ((500, 128), torch.float32) if head else ((500, *train.pixels.shape[1:]), torch.uint8)
    assert {batch, ((500,), torch.int64)} <= set(moved)


def test_a_base_run_logs_the_device(moved: Moves, folder: Path) -> None:
    words = "base --max_epochs 1 --total_trials 1 --train_rows 400 --json found.json --device mps"
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 0, done.output
    assert json.loads((folder / "found.json").read_text())["options"]["device"] == "mps"
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = [run for made in client.search_experiments() for run in client.search_runs([made.experiment_id])]
    assert {run.data.tags["drift.kind"]: run.data.params["device"] for run in runs} == {"base": "mps", "trial": "mps"}
    assert ((60, 9), torch.float32) in moved  # the validation rows
    assert ((60,), torch.int64) in moved
    run = next(run for run in runs if run.data.tags["drift.kind"] == "base")
    client.delete_tag(run.info.run_id, "drift.model_id")  # as a search that was interrupted
    done = CliRunner().invoke(app, [*words.split()[:-1], "cpu", "--resume"])
    assert (done.exit_code, done.output.count("\n")) == (1, 1), done.output
    assert "with these options on this data and device" in done.output


def test_a_deployment_goes_on_with_its_device_or_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from drift.loop.card import DataSource
    from drift.loop.deploy import kept_options
    from drift.loop.options import DeployOptions, RetrainOptions, TrainOptions

    began = DeployOptions(retrain=RetrainOptions(TrainOptions(device="cuda")))
    source = DataSource()
    options: Any = began.to_json() | {"source": vars(source), "digest": ""}
    deployment: Any = SimpleNamespace(id="d", options=options)
    now = DeployOptions(retrain=RetrainOptions(TrainOptions(device="cpu")))

    def kept(*given: str) -> str:
        return kept_options(deployment, now, source, given).retrain.train.device

    machine(monkeypatch, gpus=1)
    assert (kept(), kept("device")) == ("cuda", "cpu")
    machine(monkeypatch)
    with pytest.raises(UsageError, match="use --device cpu"):
        kept()
    assert kept("device") == "cpu"


def test_a_log_without_a_device_is_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from drift.loop.options import DeployOptions

    values = DeployOptions().to_json()
    del values["retrain"]["train"]["device"]
    options = DeployOptions.from_json(values)
    assert options.as_called()["device"] == "cpu"
    assert options.retrain_options()["device"] is None
    machine(monkeypatch, gpus=1)
    assert options.retrain_options()["device"] == "cpu"  # what auto would not take


@pytest.mark.parametrize(("device", "expected"), [("auto", "mps"), ("cpu", "cpu")])
def test_a_replay_trains_there(
    moved: Moves, folder: Path, monkeypatch: pytest.MonkeyPatch, device: str, expected: str
) -> None:
    from drift.replays import library

    trained: list[str] = []

    def remember(train: object, classes: int, seed: int, *, device: str) -> None:
        trained.append(device)
        raise UsageError("enough was seen")

    monkeypatch.setattr(library, "fit_member_of_family", remember)
    done = CliRunner().invoke(app, ["replay", "--policies", "never", "--device", device])
    assert "enough was seen" in done.output
    assert trained == [expected]


def test_caches_of_devices_are_apart() -> None:
    from drift.replays.versions import FAMILY, family_on

    assert family_on("cpu") == FAMILY
    assert len({family_on(device) for device in ("cpu", "cuda", "mps")}) == 3


@pytest.mark.parametrize("name", ["simulate", "kernels", "augment"])
def test_image_commands_hand_the_device_on(
    moved: Moves, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from drift.images import networks

    seen: list[str] = []

    def remember(*_parts: object, **options: Any) -> None:
        seen.append(options["device"])
        raise UsageError("enough was seen")

    pixels, labels = np.zeros((4_000, 8, 8, 1), np.uint8), np.arange(4_000) % 3
    pictures = Images("d", pixels, labels, ("a", "b", "c"))
    monkeypatch.setattr(networks, "images_of", lambda _name, tell: (pictures, pictures))
    monkeypatch.setattr(networks, "train_network", remember)
    done = CliRunner().invoke(app, ["images", name, "--device", "auto"])
    assert "enough was seen" in done.output
    assert seen == ["mps"]


def test_a_network_of_images_is_kept_for_any_machine(
    moved: Moves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drift.images.networks import train_network
    from drift.models.images import ImageModel

    monkeypatch.setenv("DRIFT_CACHE", str(tmp_path))
    known = digits(slice(0, 300))
    parts = [Images("d", known.pixels[rows], known.labels[rows], CLASSES) for rows in (slice(0, 200), slice(200, 300))]
    for device in ("cpu", "mps", "mps"):
        train_network("small", *parts, max_epochs=1, seed=0, device=device, tell=lambda *_: None)
    folders = list((tmp_path / "networks").iterdir())
    assert len(folders) == 2
    assert {ImageModel.load(path).net.device.type for path in folders} == {"cpu"}


def test_the_joint_test_of_a_comparison_runs_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from drift.comparison import compare_tables

    machine(monkeypatch, gpus=1)
    devices: list[str] = []
    real = torch.Tensor.to

    def to(tensor: torch.Tensor, *where: Any, **more: Any) -> torch.Tensor:
        if where and where[0] == "cuda":
            devices.append("cuda")
            return tensor
        return real(tensor, *where, **more)

    monkeypatch.setattr(torch.Tensor, "to", to)
    rows = [pd.DataFrame(np.random.default_rng(seed).normal(size=(60, 2)), columns=["a", "b"]) for seed in (0, 1)]
    there, here = (compare_tables(*rows, device=device, permutations=99) for device in ("auto", "cpu"))
    assert devices == ["cuda", "cuda"]
    assert there.joint == here.joint
