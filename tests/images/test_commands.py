"""The laboratory's commands on a folder of images: real digits, a small network, nothing fetched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from drift.cli import app

SMALL = ("--train_rows", "700", "--max_epochs", "4", "--reference_rows", "120")
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits of 12 x 12 pixels as PNG files, a subfolder for each class."""
    top = tmp_path_factory.mktemp("digits")
    found = load_digits()
    for number, (image, label) in enumerate(zip(found.images, found.target, strict=True)):
        path = top / str(label) / f"{number:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((image * 15.9).astype("uint8")).resize((12, 12)).save(path)
    return top


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder of its own; its exit code and all it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIFT_CACHE", str(cache))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["images", *words])
        return done.exit_code, done.output

    return call


@pytest.mark.slow
def test_a_ramp(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--data", str(folder), "--batches", "5", "--batch_size", "40", "--html", "page.html", "--json", "r.json")
    code, out = run("simulate", *words, *SMALL, "--perturbation", "gaussian_noise", "--start", "0.4")
    assert code == 0, out
    assert "first alarm at batch" in out
    assert out.strip().splitlines()[-1] == "page: page.html"
    records = json.loads(Path("r.json").read_text())["records"]
    assert [one["severity"] for one in records] == pytest.approx([0, 0, 1 / 3, 2 / 3, 1])
    assert records[0]["accuracy"] > 0.8 > records[-1]["accuracy"]
    assert not records[0]["detectors"]["mmd_fused"]["alarm"]
    assert records[-1]["detectors"]["mmd_fused"]["alarm"]
    page = Path("page.html").read_text()
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    monkeypatch.setattr("drift.images.networks.fit_images", None)  # the network comes from the cache
    again, said = run("simulate", *words, *SMALL, "--perturbation", "gaussian_noise", "--start", "0.4")
    assert again == 0, said
    assert json.loads(Path("r.json").read_text())["records"] == records


def test_files_that_are_no_images_are_left_out_and_named(run: Run, folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "some"
    for path in sorted(folder.rglob("*.png")):
        (copied / path.parent.name).mkdir(parents=True, exist_ok=True)
        (copied / path.parent.name / path.name).write_bytes(path.read_bytes())
    (copied / "3" / "broken.png").write_bytes(b"no image")
    words = ("--batches", "3", "--batch_size", "20", "--detectors", "bbsds", *SMALL)
    code, out = run("simulate", "--data", str(copied), *words)
    assert code == 0, out
    assert "left out: " in out
    assert "broken.png" in out
    (copied / "3" / "large.png").write_bytes(b"")
    Image.new("L", (20, 20)).save(copied / "3" / "large.png")
    code, out = run("simulate", "--data", str(copied), *words)
    assert code == 1
    assert "12" in out
    assert "20" in out
    assert "Traceback" not in out


@pytest.mark.slow
def test_new_classes_and_new_names(run: Run, folder: Path) -> None:
    words = (
        "simulate",
        "--data",
        str(folder),
        "--batches",
        "4",
        "--batch_size",
        "30",
        "--perturbation",
        "none",
        *SMALL,
    )
    code, out = run(*words, "--new_classes", "8,9", "--ramp", "sudden", "--json", "new.json")
    assert code == 0, out
    assert [one["strange"] for one in json.loads(Path("new.json").read_text())["records"]] == [0, 15, 15, 15]
    code, out = run(*words, "--relabel", "3:5,5:3", "--ramp", "sudden", "--json", "old.json")
    assert code == 0, out
    whole = json.loads(Path("old.json").read_text())
    first, *later = whole["records"]
    assert np.mean([one["accuracy"] for one in later]) < first["accuracy"] - 0.05
    shares = [one["accuracy_by_class"][name] for one in later for name in ("3", "5")]
    assert np.mean([share for share in shares if share is not None]) < 0.35  # each is called as the other is
    assert whole["summary"]["drifts_at"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inverted", "clean", "odd $_^$ (neu) & <b>"])
def test_detectors_side_by_side(run: Run, folder: Path, tmp_path: Path, name: str) -> None:
    """Also beside a folder that is called as another shift is, or as nothing that a page, a picture or MLflow likes."""
    inverted = tmp_path / name
    for path in folder.rglob("*.png"):
        copied = inverted / path.parent.name / path.name
        copied.parent.mkdir(parents=True, exist_ok=True)
        Image.eval(Image.open(path), lambda value: 255 - value).save(copied)
    code, out = run(
        "kernels", "--data", str(folder), "--other_data", str(inverted), "--images", "40", "--repeats", "5",
        "--detectors", "mmd_fused,ks_pca,bbsds", "--json", "k.json", "--picture", "k.png", *SMALL,
    )  # fmt: skip
    assert code == 0, out
    records = json.loads(Path("k.json").read_text())["records"]
    assert len(records) == 9
    assert {"detector", "shift", "n", "statistic", "p_value"} <= set(records[0])
    fused = {one["shift"]: one["p_value"] for one in records if one["detector"] == "mmd_fused"}
    assert fused["clean"] > 0.05
    assert fused["foreign clean" if name == "clean" else name] < 0.01
    assert "<b>" not in next(Path("reports").glob("*.html")).read_text().replace("&lt;b&gt;", "")
    assert Image.open("k.png").size[0] > 400


@pytest.mark.slow
def test_augmentation(run: Run, folder: Path) -> None:
    words = ("--data", str(folder), "--perturbation", "rotation", "--images", "60", "--train_rows", "700")
    code, out = run("augment", *words, "--max_epochs", "3", "--html", "a.html", "--json", "a.json")
    assert code == 0, out
    records = json.loads(Path("a.json").read_text())["records"]
    assert [one["sample"] for one in records] == ["clean test images", "perturbed test images"] * 2
    assert [one["epochs"] for one in records] == [3] * 4
    assert "3 without augmentation and 3 with augmentation" in out
    assert "| without augmentation | perturbed test images |" in Path("a.md").read_text()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator("runs/with-augmentation", size_guidance={"images": 0})
    read.Reload()
    assert len(read.Tags()["images"]) == 25
    assert [event.step for event in read.Images("augmented/01")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("simulate", "--ramp", "steep"), "expected --ramp clean, sudden"),
        (("simulate", "--perturbation", "guess"), "expected one of cifar10_augmentation"),
        (("simulate", "--detectors", "guess"), "expected detectors among mmd_fused"),
        (("simulate", "--data", "nowhere"), "a folder of images, got 'nowhere'"),
        (("kernels", "--space", "guess"), "expected --space features or pixels, got 'guess'"),
        (("kernels", "--embedding", "guess"), "expected --embedding isomap"),
        (("kernels", "--picture", "nowhere/x.png"), "expected --picture in a folder that is there"),
        (("simulate", "--weights", "w.pth"), "expected --weights with --network resnet18 or efficientnet-lite0"),
        (("simulate", "--network", "resnet18", "--weights", "w.pth"), "to name a file, got w.pth: there is none"),
        (("augment", "--html", "a.md"), "expected --html to name a page"),
        (("augment", "--perturbation", "none"), "expected a --perturbation to augment with, got none"),
    ],
)
def test_bad_input_is_one_line(run: Run, words: tuple[str, ...], message: str) -> None:
    code, out = run(*words)
    assert code in (1, 2)
    assert message in out
    assert "Traceback" not in out


def test_options_that_do_not_fit_the_images(run: Run, folder: Path) -> None:
    words = ("simulate", "--data", str(folder), "--perturbation", "none")
    dealt = (*SMALL, "--batches", "3", "--batch_size", "20")
    for more, message in (
        (("--new_classes", "zebra", *dealt), "expected new classes among 0, 1, 2"),
        (("--relabel", "3-5", *dealt), "expected pairs OLD:NEW of the classes"),
        (("--batches", "50", *SMALL), "ask for fewer batches"),
        (("--network", "guess", *dealt), "expected --network small"),
    ):
        code, out = run(*words, *more)
        assert code in (1, 2), out
        assert message in out
