"""A published checkpoint, fine-tuned: what the network then makes of images feeds every detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drift.datasets.images import Images
from drift.images.detection.detector_comparison import CLEAN, compare_detectors
from drift.images.detection.image_detectors import image_detectors
from drift.images.networks import train_network
from drift.models.images.resnet import ResNet18
from tests.images.conftest import CLASSES, Digits


@pytest.mark.slow
def test_resnets_features_feed_every_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Digits) -> None:
    monkeypatch.setenv("DRIFT_CACHE", str(tmp_path / "cache"))
    weights = tmp_path / "resnet18-made.pth"  # named as torchvision's are: tests/models/images/test_resnet.py
    torch.save(ResNet18(1_000).state_dict(), weights)
    pixels, labels = digits.pool.pixels, digits.pool.labels
    train, validation = (
        Images("digits", pixels[rows], labels[rows], CLASSES) for rows in (slice(0, 600), slice(600, 700))
    )
    network = train_network(
        "resnet18", train, validation, max_epochs=3, seed=0, weights=weights, tell=lambda words, done, total: None
    )
    right = network.predict(pixels[700:]).probabilities.argmax(axis=1) == labels[700:]
    assert right.mean() > 0.5
    found = compare_detectors(
        network,
        pixels[700:1_000],
        digits.known,
        {CLEAN: pixels[1_000:1_100], "inverted": 255 - pixels[1_100:1_200]},
        list(image_detectors().values()),
        n=80,
        repeats=5,
        embedding="pca",
    )
    assert found.detectors == list(image_detectors())
    for cell in found.cells:
        assert cell.plane is not None
        assert np.isfinite(cell.plane).all()
        assert cell.shift == CLEAN or cell.p_value < 0.01, cell.detector
    assert sum(found.cell(name, CLEAN).p_value > 0.05 for name in found.detectors) >= 7
