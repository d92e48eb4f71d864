"""ResNet-18 takes torchvision's checkpoint, from a file or an address."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from drift.datasets import fetch
from drift.errors import DataError
from drift.models.images import ImageModel, new_model, resnet
from drift.models.images.resnet import ResNet18

State = dict[str, torch.Tensor]


def official() -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's resnet18, written down from its source, not from ours."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7)}

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (width,)
        shapes[f"{name}.num_batches_tracked"] = ()

    norm("bn1", 64)
    for layer, before, width in (
        ("layer1", 64, 64),
        ("layer2", 64, 128),
        ("layer3", 128, 256),
        ("layer4", 256, 512),
    ):
        for block in (0, 1):
            shapes[f"{layer}.{block}.conv1.weight"] = (width, before if block == 0 else width, 3, 3)
            norm(f"{layer}.{block}.bn1", width)
            shapes[f"{layer}.{block}.conv2.weight"] = (width, width, 3, 3)
            norm(f"{layer}.{block}.bn2", width)
            if block == 0 and layer != "layer1":
                shapes[f"{layer}.0.downsample.0.weight"] = (width, before, 1, 1)
                norm(f"{layer}.0.downsample.1", width)
    shapes["fc.weight"], shapes["fc.bias"] = (1_000, 512), (1_000,)
    return shapes


def checkpoint(*, counted: bool = True) -> State:
    """A state dict as torchvision's, of any numbers; `counted` as of 2018 and later."""
    draws = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in official().items():
        if name.endswith("num_batches_tracked"):
            if counted:
                state[name] = torch.tensor(7)
        else:
            state[name] = torch.rand(shape, generator=draws) * 0.05 + 0.01
    return state


def test_names_and_shapes_are_torchvisions() -> None:
    assert len(official()) == 122
    ours = {name: tuple(part.shape) for name, part in ResNet18(1_000).state_dict().items()}
    assert list(ours) == list(official())
    assert ours == official()
    assert sum(p.numel() for p in ResNet18(1_000).parameters()) == 11_689_512


@pytest.mark.parametrize("counted", [True, False])
def test_a_published_checkpoint_loads_and_the_head_is_new(tmp_path: Path, counted: bool) -> None:
    torch.save(checkpoint(counted=counted), tmp_path / "resnet18.pth")
    net = ResNet18(10, 32)
    head = net.fc.weight.clone()
    net.load_weights(tmp_path / "resnet18.pth")
    expected = checkpoint(counted=counted)
    for name, part in net.body_state.items():
        if name in expected:
            assert torch.equal(part, expected[name]), name
    assert torch.equal(net.fc.weight, head)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    assert ImageModel(net, tuple("0123456789"), "x").predict(pixels).probabilities.shape == (2, 10)


def test_it_computes_what_the_paper_says() -> None:
    """Two blocks of the second stage, step by step with functions alone."""
    f = torch.nn.functional
    net = ResNet18(10, 32).eval()
    net.load_state_dict({k: v for k, v in checkpoint().items() if k[:2] != "fc"}, strict=False)
    s = net.state_dict()

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return f.batch_norm(x, *(s[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")))

    def block(x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        around = x
        if f"{name}.downsample.0.weight" in s:
            around = norm(f.conv2d(x, s[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
        x = f.relu(norm(f.conv2d(x, s[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1"))
        return f.relu(norm(f.conv2d(x, s[f"{name}.conv2.weight"], padding=1), f"{name}.bn2") + around)

    pixels = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    x = (pixels / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    x = f.relu(norm(f.conv2d(x.permute(0, 3, 1, 2), s["conv1.weight"], stride=2, padding=3), "bn1"))
    x = f.max_pool2d(x, 3, 2, 1)
    for layer in (1, 2, 3, 4):
        x = block(block(x, f"layer{layer}.0", 1 if layer == 1 else 2), f"layer{layer}.1", 1)
    with torch.no_grad():
        torch.testing.assert_close(net.features(pixels), x.mean((2, 3)), rtol=1e-4, atol=1e-4)


def broken(state: State, how: str) -> object:
    if how == "missing":
        del state["layer3.0.downsample.0.weight"]
    elif how == "unknown":
        state["layer5.0.conv1.weight"] = torch.zeros(1)
    elif how == "shape":
        state["fc.weight"] = torch.zeros(10, 512)
    elif how == "list":
        return list(state.values())
    elif how == "nested":
        return {"state_dict": state}
    return state


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("missing", "layer3.0.downsample.0.weight is missing"),
        ("unknown", "layer5.0.conv1.weight is unknown"),
        ("shape", r"fc.weight is \(10, 512\), not \(1000, 512\)"),
        ("list", "tensors by name"),
        ("nested", "tensors by name"),
    ],
)
def test_other_weights_are_one_clear_line(tmp_path: Path, how: str, told: str) -> None:
    torch.save(broken(checkpoint(), how), tmp_path / "w.pth")
    with pytest.raises(DataError, match=told) as caught:
        ResNet18(10).load_weights(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"junk", b"PK\x03\x04", b"cos\nsystem\n(S'touch pwned'\ntR."])
def test_no_file_and_no_weights_are_one_clear_line(
    tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(DataError, match=r"expected weights in .*w\.pth, got ") as caught:
        ResNet18(10).load_weights(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "pwned").exists()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A server of a folder on this machine, and an empty cache."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("DRIFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_the_published_weights_are_downloaded_once(site: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = site
    torch.save(checkpoint(), folder / "w")
    name = f"resnet18-{hashlib.sha256((folder / 'w').read_bytes()).hexdigest()[:8]}.pth"
    (folder / "w").rename(folder / name)
    monkeypatch.setattr(resnet, "ADDRESS", f"{address}/{name}")
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    model = new_model("resnet18", pixels, ("a", "b"), name="x", seed=0, size=32)
    assert torch.equal(model.net.state_dict()["conv1.weight"], checkpoint()["conv1.weight"])
    (folder / name).unlink()
    ResNet18(10).load_weights()


def test_another_file_at_the_address_is_refused(site: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = site
    torch.save(checkpoint(), folder / "resnet18-00000000.pth")
    monkeypatch.setattr(resnet, "ADDRESS", f"{address}/resnet18-00000000.pth")
    with pytest.raises(DataError, match=r"has a wrong checksum: expected sha256 00000000, got"):
        ResNet18(10).load_weights()


def test_no_network_is_one_line_that_says_what_to_do(site: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resnet, "ADDRESS", f"{site[0]}/resnet18-f37072fd.pth")
    with pytest.raises(
        DataError, match=r"HTTP 404\): .*--weights FILE, or take --network efficientnet-lite0"
    ) as caught:
        ResNet18(10).load_weights()
    assert "\n" not in str(caught.value)


def test_a_server_that_says_nothing_is_given_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("DRIFT_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch, "READ_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(resnet, "ADDRESS", f"http://127.0.0.1:{silent.getsockname()[1]}/resnet18-f37072fd.pth")
        with pytest.raises(DataError, match=r"silent for 0\.3 s"):
            ResNet18(10).load_weights()
