"""A saved model is the same model; nothing in its folder can run, and a damaged one is one clear line."""

import json
from pathlib import Path

import numpy as np
import pytest

from drift.errors import BlockError, DataError, StateError
from drift.models.images import ImageModel, cached_features, new_model
from tests.models.images.pictures import CLASSES, digits

PIXELS = digits(slice(0, 40)).pixels


@pytest.fixture
def model() -> ImageModel:
    return new_model("small", PIXELS, CLASSES, name="digits", seed=0)


@pytest.mark.parametrize("network", ["small", "efficientnet-lite0"])
def test_a_saved_model_answers_the_same(tmp_path: Path, network: str) -> None:
    if network != "small":
        pytest.importorskip("efficientnet_lite_pytorch")
    made = new_model(network, PIXELS, CLASSES, name="digits", seed=0)
    model = ImageModel(made.net, made.classes, made.name, version=3)
    folder = model.save(tmp_path / "deep" / "model")
    again = ImageModel.load(folder)
    assert {path.name for path in folder.iterdir()} == {"model.json", "weights.safetensors"}
    assert (again.name, again.classes, again.version, again.net.options) == ("digits", CLASSES, 3, model.net.options)
    np.testing.assert_array_equal(again.predict(PIXELS).probabilities, model.predict(PIXELS).probabilities)
    assert again.predict(PIXELS).version == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "model of format 1 or less"),
        ({"network": "vgg"}, "a network among small, resnet18, efficientnet-lite0"),
        ({"options": {"height": 16}}, "expected the weights of small"),
        ({"options": {"height": 16, "width": 16, "channels": 1, "classes": 11}}, "expected the weights of small"),
        ({"classes": ["one"]}, "names of the network's 10 classes"),
        ({"classes": None}, "none that can be read"),
    ],
)
def test_a_card_that_does_not_fit_is_one_clear_line(
    tmp_path: Path, model: ImageModel, change: dict[str, object], told: str
) -> None:
    card = model.save(tmp_path) / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(DataError, match=told) as caught:
        ImageModel.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"junk" * 9])
def test_damaged_files_are_one_clear_line(tmp_path: Path, model: ImageModel, name: str, content: bytes | None) -> None:
    model.save(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"expected (a saved model|the weights of small)") as caught:
        ImageModel.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path, model: ImageModel) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="the model cannot be written to"):
        model.save(tmp_path / "file")
    with pytest.raises(StateError, match="features cannot be kept in"):
        cached_features(model, PIXELS, tmp_path / "file")


def never(*_: object) -> None:
    raise AssertionError("computed again")


def test_features_are_computed_once(tmp_path: Path, model: ImageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_features(model, PIXELS, tmp_path / "cache")
    np.testing.assert_array_equal(first, model.features(PIXELS))
    same = ImageModel.load(model.save(tmp_path / "model"))
    monkeypatch.setattr(type(model.net), "features", never)
    for known in (model, same):
        np.testing.assert_array_equal(cached_features(known, PIXELS.copy(), tmp_path / "cache"), first)


@pytest.mark.parametrize("other", ["pixels", "weights", "scale", "order"])
def test_other_images_and_weights_are_computed_anew(tmp_path: Path, model: ImageModel, other: str) -> None:
    import torch

    first = cached_features(model, PIXELS, tmp_path)
    pixels = PIXELS.copy()
    with torch.no_grad():
        if other == "pixels":
            pixels[7, 3, 3] ^= 64
        elif other == "order":
            pixels = pixels[::-1]
        elif other == "weights":
            next(model.net.parameters())[0] += 1
        else:
            model.net.get_buffer("pixels.mean").add_(1)
    second = cached_features(model, pixels, tmp_path)
    np.testing.assert_array_equal(second, model.features(pixels))
    assert not np.array_equal(first, second)
    assert len(list(tmp_path.iterdir())) == 2


def test_another_head_changes_no_features(tmp_path: Path, model: ImageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    first = cached_features(model, PIXELS, tmp_path)
    torch.nn.init.zeros_(model.net.head.weight)
    monkeypatch.setattr(type(model.net), "features", never)
    np.testing.assert_array_equal(cached_features(model, PIXELS, tmp_path), first)


def test_damaged_features_are_computed_anew(tmp_path: Path, model: ImageModel) -> None:
    first = cached_features(model, PIXELS, tmp_path)
    (kept,) = tmp_path.iterdir()
    for content in (b"", b"junk", kept.read_bytes()[:-5]):
        kept.write_bytes(content)
        np.testing.assert_array_equal(cached_features(model, PIXELS, tmp_path), first)
    with pytest.raises(BlockError):
        cached_features(model, PIXELS[:, :-1], tmp_path)
